"""What ccxt does not tell of a venue, each with where it stands. A code that is in no table is no answer: the order's
fate is unknown.

No venue could be asked from where this was written, and not every page be read. The links say where a row stands in
the venue's documentation; the letters say what it was checked against, last in November 2026:

    P  the text of the venue's own page or of its repository of pages, as stored copies have it, of various dates
    C  ccxt 4.5.90 has it, in its table of errors or in its code
    K  the table of errors of another open client (gocryptotrader for OKX)
    U  from an earlier reading only, and not found again: to be looked up before much depends on it
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.messages.reasons import Reason


class Facts(NamedTuple):
    """client_id: the order's parameter for our id, and what it may look like. most_validity_ms: of a request.

    expiry: how a request says until when it is good: `window` (timestamp and recvWindow), `header` (expTime), or
    nothing. test: `sandbox` or `demo`. refusals: definite errors, by code; meant: the words that tell more than a code.
    duplicate: this client id is known already.
    unknown: no such order. unchanged: a setting was as wanted already. market_types: what ccxt loads for our kinds.
    exact_cost: whether an order tells exactly what its fills have cost, or its fills must be asked.
    protected: what is not, in words, for the person who opts in.
    """

    client_id: str = "clientOrderId"
    client_id_form: re.Pattern[str] = re.compile(r"^[A-Za-z0-9]{1,32}$")
    expiry: str = ""
    most_validity_ms: int = 0
    test: str = "sandbox"
    refusals: Mapping[str, Reason] = {}
    refusal_statuses: Mapping[int, Reason] = {}
    meant: Mapping[str, Reason] = {}
    duplicate: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    unchanged: frozenset[str] = frozenset()
    market_types: Mapping[str, str] = {}
    options: Mapping[str, Any] = {}
    swap_params: Mapping[str, Any] = {}
    spot_params: Mapping[str, Any] = {}
    exact_cost: bool = False
    page: int = 100
    newest_first: bool = False


def all_of(reason: Reason, codes: str) -> dict[str, Reason]:
    """Each of these codes, with this reason.

    >>> all_of(Reason.NO_MARGIN, "-2018 -2019")
    {'-2018': <Reason.NO_MARGIN: 'NO_MARGIN'>, '-2019': <Reason.NO_MARGIN: 'NO_MARGIN'>}
    """
    return dict.fromkeys(codes.split(), reason)


UNLISTED = Facts()
NOT_PROTECTED = (
    "nothing here knows how it looks orders up by client id, which errors mean that it has not taken an order, and "
    "whether a request can expire: every failure is UNKNOWN until it is found, and an order may arrive after it was "
    "given up"
)
