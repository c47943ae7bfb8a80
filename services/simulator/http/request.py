"""A request as a handler gets it, and the forms in which it answers."""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

CLIENT_IDS = ("newClientOrderId", "origClientOrderId", "clOrdId", "orderLinkId", "oid")


class HttpRequest(NamedTuple):
    """A request has come to the simulator.

    - path: `HOST/PATH`, as an exchange serves it at `https://HOST/PATH`.
    - query: the fields of the URL.
    - raw_query, body: as they came, since signatures are made over them.
    - headers: names in lower case.
    """

    path: str
    query: dict[str, str]
    method: str = "GET"
    raw_query: str = ""
    body: str = ""
    headers: Mapping[str, str] = {}

    @property
    def target(self) -> str:
        """Returns the path, and behind it what is asked for or done there, where the body names that.

        >>> HttpRequest("api.hyperliquid.xyz/info", {}, "POST", body='{"type": "l2Book"}').target
        'api.hyperliquid.xyz/info/l2Book'
        """
        return _target(self.path, self.body) if self.path.endswith(("/info", "/exchange")) else self.path

    @property
    def form(self) -> dict[str, str]:
        """Returns the fields of the URL and those of a form in the body, together."""
        return {**self.query, **dict(parse_qsl(self.body, keep_blank_values=True))}

    @property
    def content(self) -> Any:
        """Returns the JSON in the body; None where the body is empty."""
        return json.loads(self.body) if self.body else None

    @property
    def client_id(self) -> str:
        """Returns the client order id that the request names; empty where it names none."""
        fields: dict[str, Any] = dict(self.query)
        if self.body.startswith(("{", "[")):
            content = self.content
            fields |= content[0] if isinstance(content, list) and content else content
            action = fields.get("action")  # of Hyperliquid, whose look-ups name it `oid`
            if isinstance(action, dict) and action.get("orders"):
                return str(action["orders"][0].get("c", ""))
        else:
            fields |= self.form
        return next((str(fields[name]) for name in CLIENT_IDS if fields.get(name)), "")


@lru_cache(maxsize=10_000)  # who counts requests asks for the targets of all, again and again
def _target(path: str, body: str) -> str:
    if not body.startswith("{"):
        return path
    content = json.loads(body)
    inner = content.get("action")
    kind = (inner if isinstance(inner, dict) else content).get("type")
    return f"{path}/{kind}" if isinstance(kind, str) else path


# Returns what becomes the answer's JSON, or an HttpAnswer; raises ApiError.
Handler = Callable[[HttpRequest], object]


class HttpAnswer(NamedTuple):
    """An answer that has headers of its own. body: becomes JSON."""

    body: object
    headers: Mapping[str, str]


class ApiError(Exception):
    """The exchange answers with an error in its own form. body: becomes JSON."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(status, body)
        self.status, self.body = status, body
