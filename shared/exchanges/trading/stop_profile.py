"""A stop profile says how one exchange takes, shows and forgets stops; its form is plain data, each row with its page.

Each exchange has a `stops.py` in its folder; `shared/exchanges/profile.py` explains the letters.
"""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Literal, NamedTuple

from shared.exchanges.profile import TradingFacts
from shared.exchanges.rest_caller import RestCaller
from shared.exchanges.trading.amounts import limit_at
from shared.exchanges.trading.paging import Row
from shared.exchanges.trading.venue import MarketRules
from shared.messages.protect import ProtectTerms
from shared.messages.reasons import Reason, StopKind
from shared.orders.stops import StopReport, StopRequest

BPS = Decimal(10_000)


class TrailRange(NamedTuple):
    """A range says how far a trailing stop may lie behind, in basis points."""

    least_bps: Decimal
    most_bps: Decimal
    step_bps: Decimal


class StopForm(NamedTuple):
    """A form says what a stop is at one exchange.

    - kinds: those that it has, each as it triggers; whole: those of them that are sized by the position
    - attached: those that an entry's own request can carry
    - attached_part: an entry that was filled in part leaves them, too; else only one that was filled in full
    - attached_reduces: these are known to only reduce; else one that has lost its position may open the reverse
    - replaced: `in_place`, one request changes the one that rests; or `new_first`, the new one is placed and then the
      old one is cancelled. Of the kinds sized by the position only one rests: the new one is sized by quantity then
    - own_id: it carries our id; told_id: the answer to its request tells the exchange's
    - keeps_id: it stays itself when it is triggered; else the order that it becomes has another id
    - expires: a request is refused when its validity is over
    - absent_proves: the exchange never says "unknown" of a stop that it has
    - forgotten_ms: so long after it was made, one that ended without a trade is told; 0: no bound is known
    - ends_with_position: the exchange cancels it when the position is closed, as it says; not all were seen to
    - trail: None where it has no trailing stop
    - list_ms: so long between two lists of them, where one weighs much
    """

    kinds: frozenset[StopKind] = frozenset()
    whole: frozenset[StopKind] = frozenset()
    attached: frozenset[StopKind] = frozenset()
    attached_part: bool = True
    attached_reduces: bool = False
    replaced: Literal["in_place", "new_first"] = "new_first"
    own_id: bool = False
    told_id: bool = False
    keeps_id: bool = False
    expires: bool = False
    absent_proves: bool = False
    forgotten_ms: int = 0
    ends_with_position: bool = False
    trail: TrailRange | None = None
    list_ms: int = 0


class Market(NamedTuple):
    """A market as a stop's request names it.

    - id: the exchange's own name.
    """

    sym: str
    id: str
    rules: MarketRules


class StopProfile:
    """A StopProfile knows an exchange of which nothing is known about stops: it has none.

    Subclasses say what is known. What they raise is what ccxt raises, and Unreadable.
    """

    form: ClassVar[StopForm] = StopForm()
    refusals: ClassVar[Mapping[str, Reason]] = {}  # beside those of orders
    beyond: ClassVar[frozenset[str]] = frozenset()  # codes: the market is beyond the price
    beyond_words: ClassVar[tuple[str, ...]] = ()  # the same, where one code says many things
    occupied: ClassVar[frozenset[str]] = frozenset()  # codes: of those sized by the position there is one already
    meant: ClassVar[Mapping[str, Reason]] = {}  # words that tell more than a code
    unchanged: ClassVar[frozenset[str]] = frozenset()  # codes: it is there already, as wanted
    gone: ClassVar[frozenset[str]] = frozenset()  # codes: there is none to cancel

    def __init__(self, facts: TradingFacts) -> None:
        refusals = {**facts.refusals, **self.refusals}
        self.facts = facts._replace(refusals=refusals, meant={**facts.meant, **self.meant})

    async def send(self, client: Any, market: Market, request: StopRequest) -> str:
        """Makes exactly one POST that places the stop. Returns the exchange's id of it; empty where none is told."""
        raise NotImplementedError

    def carried(self, market: Market, requests: Sequence[StopRequest]) -> Mapping[str, Any]:
        """Returns what an entry's own request says of the stops that it carries, as parameters of ccxt."""
        raise NotImplementedError

    async def waiting(self, caller: RestCaller, markets: Mapping[str, Market]) -> list[StopReport]:
        """Asks for all that wait for a price in these markets, anybody's. markets: by the exchange's name."""
        return []

    async def find(
        self, caller: RestCaller, market: Market, stop: StopReport, taken: Collection[str] = ()
    ) -> StopReport | None:
        """Asks for one by its ids, or by its kind where the exchange tells none; None: it is not known there.

        taken: orders that others have become, where an order has to be guessed.
        """
        raise NotImplementedError

    async def cancel(self, caller: RestCaller, market: Market, stop: StopReport) -> bool:
        """Cancels one by its ids, or by its kind; False: there is none to cancel."""
        raise NotImplementedError

    async def order(
        self, caller: RestCaller, market: Market, order_id: str, asked_qty: Decimal = Decimal(0)
    ) -> Row | None:
        """Asks for the order that a stop became, as ccxt writes it.

        asked_qty: what it was to close, where its row may not tell that; 0: nobody knows. NotAllThere: it is over, with
        less than that, and how much is not certain yet.
        """
        found: Row = await caller.ask(caller.client.fetch_order, order_id, market.rules.market)
        return found


def trigger_price(rules: MarketRules, request: StopRequest) -> Decimal:
    """Returns its price as the market takes prices, rounded to the side that triggers earlier.

    >>> from shared.orders.stops import StopRequest
    >>> tick = Decimal("0.5")
    >>> rules = MarketRules("swap", "BTC/USDT:USDT", "BTC", "USDT", tick, tick, None, Decimal(0), tick, Decimal(1))
    >>> long_ = StopRequest("BTCUSDT", "", StopKind.STOP, Decimal(1), Decimal("100.2"))
    >>> trigger_price(rules, long_), trigger_price(rules, long_._replace(held_qty=Decimal(-1)))
    (Decimal('100.5'), Decimal('100.0'))

    Where no tick is known it is what was asked for.
    """
    rises = (request.held_qty > 0) == (request.kind is StopKind.STOP)
    return limit_at(rules, request.price, Decimal(-1 if rises else 1))


def unkept(terms: ProtectTerms, form: StopForm, kind: str) -> str:
    """Says why stops of these terms cannot lie at an exchange; empty where they can.

    - kind: of the market, swap or spot.

    >>> unkept(ProtectTerms(stop_bps=Decimal(250)), StopForm(), "swap")
    'stop_bps: no such stop can lie at this exchange, so nothing would close the position there'
    """
    for one in StopKind:
        if terms.distance(one) is not None and (kind != "swap" or one not in form.kinds):
            where = "on its spot market" if kind != "swap" else "at this exchange"
            return f"{one}_bps: no such stop can lie {where}, so nothing would close the position there"
    trail, bps = form.trail, terms.trail_bps
    if bps is None or (trail is not None and trail.least_bps <= bps <= trail.most_bps and not bps % trail.step_bps):
        return ""
    if trail is None:
        return "trail_bps: this exchange has no trailing stop"
    return f"trail_bps = {bps:f}: this exchange has {trail.least_bps} to {trail.most_bps}, in steps of {trail.step_bps}"
