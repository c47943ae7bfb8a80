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

from shared.messages.reasons import OrderPhase, Reason

DAY_MS = 86_400_000


class TradingFacts(NamedTuple):
    """client_id: the order's parameter for our id, and what it may look like. most_validity_ms: of a request.

    expiry: how a request says until when it is good: `window` (timestamp and recvWindow), `header` (expTime), or
    nothing. test: `sandbox` or `demo`. refusals: definite errors, by code; meant: the words that tell more than a code.
    duplicate: this client id is known already.
    unknown: no such order. unchanged: a setting was as wanted already. in_the_way: positions or orders that are open
    keep a setting from being changed. market_types: what ccxt loads for our kinds.
    order_id_name: of an order's own id, where ccxt's is another one for some.
    status_name: of the order's own word for how it stands; states: what each of these words is, NEW for all that rest.
    exact_cost: whether an order tells exactly what its fills have cost, or its fills must be asked.
    page, orders_page: rows of trades and of open orders that one answer has at most; None: it has all. newest_first: of
    trades, where there are more. window_ms: the longest time that trades can be asked for at once.
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
    in_the_way: frozenset[str] = frozenset()
    order_id_name: str = ""
    status_name: str = ""
    states: Mapping[str, OrderPhase] = {}
    market_types: Mapping[str, str] = {}
    options: Mapping[str, Any] = {}
    swap_params: Mapping[str, Any] = {}
    spot_params: Mapping[str, Any] = {}
    exact_cost: bool = False
    page: int = 100
    orders_page: int | None = None
    newest_first: bool = False
    window_ms: int = 7 * DAY_MS


def states_of(**words: str) -> dict[str, OrderPhase]:
    """What each of an exchange's words for an order's state is.

    >>> states_of(new="live", filled="filled")
    {'live': <OrderPhase.NEW: 'NEW'>, 'filled': <OrderPhase.FILLED: 'FILLED'>}
    """
    return {word: OrderPhase(state.upper()) for state, listed in words.items() for word in listed.split()}


def all_of(reason: Reason, codes: str) -> dict[str, Reason]:
    """Each of these codes, with this reason.

    >>> all_of(Reason.NO_MARGIN, "-2018 -2019")
    {'-2018': <Reason.NO_MARGIN: 'NO_MARGIN'>, '-2019': <Reason.NO_MARGIN: 'NO_MARGIN'>}
    """
    return dict.fromkeys(codes.split(), reason)


UNLISTED = TradingFacts()
NOT_PROTECTED = (
    "nothing here knows how it looks orders up by client id, which errors mean that it has not taken an order, and "
    "whether a request can expire: every failure is UNKNOWN until it is found, and an order may arrive after it was "
    "given up"
)
