"""One request that came to the fake."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

CLIENT_IDS = ("newClientOrderId", "origClientOrderId", "clOrdId", "orderLinkId")


class HttpRequest(NamedTuple):
    """path: `HOST/PATH`. query: the URL's. raw_query, body: as they came. headers: names in lower case."""

    path: str
    query: dict[str, str]
    method: str = "GET"
    raw_query: str = ""
    body: str = ""
    headers: Mapping[str, str] = {}

    @property
    def form(self) -> dict[str, str]:
        """The URL's query and the form in the body, together."""
        return {**self.query, **dict(parse_qsl(self.body, keep_blank_values=True))}

    @property
    def content(self) -> Any:
        """The JSON in the body; None where there is none."""
        return json.loads(self.body) if self.body else None

    @property
    def client_id(self) -> str:
        """The client order id that it names, or nothing."""
        fields: dict[str, Any] = dict(self.query)
        if self.body.startswith(("{", "[")):
            content = self.content
            fields |= content[0] if isinstance(content, list) and content else content
        else:
            fields |= self.form
        return next((str(fields[name]) for name in CLIENT_IDS if fields.get(name)), "")
