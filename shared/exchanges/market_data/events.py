"""The live stages take these events in and give these out. All times are the exchange's, in ns since 1970 UTC.

A source feeds in what came (Trade, TopOfBook, Candle), what it fetched (Page, Bars, Answered), and the state of its
connection and of the time (Connected, Disconnected, Clock). It gets out what to do next (Missing, FeedSilent).

"""

from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypeAlias

from shared.history.funding import SettledRate
from shared.messages.market import BarGroup


class Trade(NamedTuple):
    """A Trade is as the exchange tells of it.

    - id: an integer where the exchange numbers them, also if it leaves some out; its own text otherwise. Never both in
      one symbol
    - qty: base units
    - seq: the exchange's own order within one time; 0: it tells none
    - on_book: whether somebody else could have traded at this price; else it is none, and only a trade that was not
      missed
    """

    id: int | str
    ts_event: int
    price: Decimal
    qty: Decimal
    seq: int = 0
    on_book: bool = True


class TopOfBook(NamedTuple):
    """A TopOfBook is the best bid and ask since `ts_event`.

    - bid_qty, ask_qty: what lies there, in base units; None where the exchange does not tell
    """

    ts_event: int
    bid: Decimal
    ask: Decimal
    bid_qty: Decimal | None = None
    ask_qty: Decimal | None = None


class Candle(NamedTuple):
    """A Candle is a bar as the exchange tells of it, finished or not; `start` is its beginning.

    - bar: all that is told of it; None: its close alone
    - finished: whether the exchange says so; None: it does not tell
    """

    start: int
    close: Decimal
    bar: BarGroup | None = None
    finished: bool | None = None


class ToldBar(NamedTuple):
    """A ToldBar is a bar in the exchange's own numbers and texts, of which nothing is checked; None: not told.

    - start: in ms
    - volume, taker_volume: base units; quote_volume: quote units
    """

    start: Any
    open: Any
    high: Any
    low: Any
    close: Any
    volume: Any
    quote_volume: Any = None
    trades: Any = None
    taker_volume: Any = None
    finished: bool | None = None


class ClosedBar(NamedTuple):
    """A ClosedBar is finished; `ts_event` is its end.

    - price: its close; None: nothing traded, it is the one before
    - bar: its group; None where its close alone is known
    """

    ts_event: int
    price: Decimal | None
    bar: BarGroup | None = None


class Clock(NamedTuple):
    """A Clock tells the exchange's time: ours with its skew taken off. sure: the skew is known and within its bound."""

    now: int
    sure: bool = True


class Connected(NamedTuple):
    """Connected says that the subscription stands, from now on."""


class Disconnected(NamedTuple):
    """Disconnected says that it does not any more. It is also the first event after a restart."""


class Page(NamedTuple):
    """A Page holds fetched trades, in any order; those of one time that nothing else orders as they happened."""

    trades: tuple[Trade, ...]


class Bars(NamedTuple):
    """Bars hold finished bars that were fetched, in any order. Never ccxt's last row, which may still change."""

    bars: tuple[ClosedBar, ...]


class SettledRates(NamedTuple):
    """SettledRates are a swap's funding rates; all that were settled until `known_ns` are told, in this one or before.

    They come by themselves: once at the start, and after each hour.
    """

    rates: tuple[SettledRate, ...]
    known_ns: int


class Answered(NamedTuple):
    """Answered ends question `no`. complete: all that the exchange has for it was given before this."""

    no: int
    what: Literal["trades", "bars"]
    complete: bool


class Missing(NamedTuple):
    """Missing asks for what lies between, both ends included, to be given in `Page` or `Bars`; then `Answered`.

    - from_id, to_id: where ids are consecutive; to_id None: all that there is by now
    - from_ns, to_ns: for trades when they happened, for bars their ends
    """

    no: int
    what: Literal["trades", "bars"]
    from_id: int | None
    to_id: int | None
    from_ns: int
    to_ns: int


class FeedSilent(NamedTuple):
    """FeedSilent asks for another connection: it stands, but this symbol's data do not come over it."""


class Watermark(NamedTuple):
    """A Watermark says that everything until `ts_event` was given."""

    ts_event: int


class MissingTrades(NamedTuple):
    """MissingTrades says that trades are missing before the next one and will not come.

    - ts_event: when that one happened
    - since: until then everything was known
    """

    ts_event: int
    since: int


class Lost(NamedTuple):
    """Lost says that the bar that ends at `ts_event` cannot be known from what was heard."""

    ts_event: int


class Short(NamedTuple):
    """Short says that the bar that ended at `ts_event` was given without a trade of it."""

    ts_event: int


class Late(NamedTuple):
    """Late says that the bar that ended at `ts_event` was given, and may have been another.

    What came later, or is missing, would or may have changed it.
    """

    ts_event: int


FeedEvent: TypeAlias = Trade | TopOfBook | Candle | SettledRates
Fetched: TypeAlias = Page | Bars | Answered
Event: TypeAlias = FeedEvent | Fetched | Clock | Connected | Disconnected
Ordered: TypeAlias = Trade | Watermark | MissingTrades | Missing | FeedSilent
Sampled: TypeAlias = ClosedBar | Lost | Late | Short
