"""What was known at a bar's end beside its trades: the best bid and ask, and the funding rate."""

from collections import deque
from decimal import Decimal
from typing import Annotated, NamedTuple, TypeAlias

from services.ingestor.live.bar_join import Close, Cut
from shared.exchanges.market_data.events import Clock, Connected, Disconnected, Event, SettledRates, TopOfBook
from shared.history.funding import SettledRate, hours_between, last_settlement, rate_at
from shared.intervals import NS_PER_S
from shared.messages.market import BarGroup, FundingGroup, QuoteGroup
from shared.messages.reasons import GapCause
from shared.record import BY_VALUE, Record, Snapshot, fields_of, unvalidated
from shared.tick import State, Tick

QUOTES, BREAKS = 64, 64  # bars with a quote, and lost connections, that are remembered
AHEAD_NS = 5 * NS_PER_S  # a quote that is further ahead of the clock is not believed
PATIENCE_NS = 60 * NS_PER_S  # how long funding rates are waited for
Closed: TypeAlias = Close | Cut
_quote, _funding = unvalidated(QuoteGroup), unvalidated(FundingGroup)


class HeardQuote(NamedTuple):
    """The last quote before a bar's end, and when the exchange had it."""

    ts_event: int
    group: QuoteGroup


class SavedQuote(Record):
    """A snapshot keeps a HeardQuote so, with the end of its bar."""

    end: int
    ts_event: int
    group: QuoteGroup


class SavedClosed(Record):
    """A snapshot keeps a Close or a Cut so that waits; cause: of a Cut."""

    ts_event: int
    price: Decimal | None
    bar: BarGroup | None
    cause: Annotated[GapCause | None, BY_VALUE]


class SavedRate(Record):
    """A snapshot keeps a SettledRate so."""

    ts_event: int
    rate: Decimal


class AtEndSnapshot(Snapshot):
    """The saved form of an AtEnd, by the names of its attributes."""

    now: int
    quotes: list[SavedQuote]
    breaks: list[int]
    rates: list[SavedRate]
    known_ns: int
    waiting: list[SavedClosed]
    waits_since: int
    gave_up: bool
    unquoted: int
    unfunded: int


_snapshot, _saved_quote = fields_of(AtEndSnapshot), fields_of(SavedQuote)
_saved_closed, _saved_rate = fields_of(SavedClosed), fields_of(SavedRate)


class AtEnd(Tick[Event | Closed, list[Closed]]):
    """The stage holds each Close until what is wanted at its end is known, and gives it in its turn, with that.

    - quote: the last best bid and ask before the end, if the connection stood from then until the end. It waits for
      `grace_ns`, as for a late trade. What was before the start has none: nobody can fetch it.
    - funding: the last rate that was settled a minute before the end or earlier. The source tells the rates, and until
      when it has all; the stage waits for a minute, then closes go out without one until it hears of rates again.

    It counts closes of its own time without a quote (`unquoted`) or a rate (`unfunded`).

    >>> at_end = AtEnd(interval_ns=10, grace_ns=2, quote=True, funding=False)
    >>> one = Decimal(1)
    >>> events = [Clock(5), Connected(), TopOfBook(8, one, 2 * one, one, one), Clock(10), Close(10, one), Clock(12)]
    >>> closed = [at_end.on_tick(val) for val in events][-1]
    >>> closed[0].quote.ask
    2.0
    """

    def __init__(self, interval_ns: int, grace_ns: int, quote: bool, funding: bool) -> None:
        self.unquoted = self.unfunded = 0
        self._interval_ns, self._grace_ns = interval_ns, grace_ns
        self._wants_quote, self._wants_funding = quote, funding
        self._now = 0
        self._quotes: dict[int, HeardQuote] = {}  # by the end of their bar, in order
        self._breaks: deque[int] = deque(maxlen=BREAKS)  # when the connection was lost
        self._rates: list[SettledRate] = []
        self._known_ns = 0  # all rates that were settled until then are known
        self._waiting: deque[Closed] = deque()
        self._waits_since = 0  # the first of them
        self._gave_up = False  # no rates came in time

    def on_tick(self, val: Event | Closed) -> list[Closed] | None:
        """Takes one value; None when nothing follows from it."""
        match val:
            case Close() | Cut():
                if not self._waiting:
                    self._waits_since = self._now
                self._waiting.append(val)
            case TopOfBook() if self._wants_quote:
                self._hear(val)
                return None
            case SettledRates():
                self._rates = sorted({*self._rates, *val.rates})
                self._known_ns, self._gave_up = max(self._known_ns, val.known_ns), False
            case Clock(now):
                self._now = max(self._now, now)
            case Disconnected() | Connected():
                self._break()
                return None
            case _:
                return None
        return self._release() or None

    def _break(self) -> None:
        """Notes that the last quote may have changed unheard."""
        heard = next(reversed(self._quotes.values()), None)  # maybe after the last Clock, by another clock
        self._breaks.append(self._now if heard is None else max(self._now, heard.ts_event))

    def _hear(self, quote: TopOfBook) -> None:
        if quote.ts_event > self._now + AHEAD_NS:  # it would supersede all that come until then
            self._break()
            return
        bid_qty, ask_qty = quote.bid_qty, quote.ask_qty
        if bid_qty is None or ask_qty is None:
            return
        end = quote.ts_event - quote.ts_event % self._interval_ns + self._interval_ns
        newest = next(reversed(self._quotes), 0)
        if end < newest or (end == newest and quote.ts_event < self._quotes[end].ts_event):
            return  # another one has superseded it
        group = _quote(bid=float(quote.bid), ask=float(quote.ask), bid_qty=float(bid_qty), ask_qty=float(ask_qty))
        self._quotes[end] = HeardQuote(quote.ts_event, group)
        if len(self._quotes) > QUOTES:
            del self._quotes[next(iter(self._quotes))]

    def _release(self) -> list[Closed]:
        given: list[Closed] = []
        while self._waiting and self._is_ready(self._waiting[0]):
            closed, self._waits_since = self._waiting.popleft(), self._now
            given.append(self._with_groups(closed) if isinstance(closed, Close) else closed)
        return given

    def _is_ready(self, closed: Closed) -> bool:
        if isinstance(closed, Cut):
            return True
        end = closed.ts_event
        if self._wants_quote and self._now < end + self._grace_ns:
            return False
        if not self._wants_funding or self._known_ns >= last_settlement(end):
            return True
        self._gave_up = self._gave_up or self._now > self._waits_since + PATIENCE_NS
        return self._gave_up

    def _with_groups(self, close: Close) -> Close:
        quote = self._quote_at(close.ts_event) if self._wants_quote else None
        funding = self._rate_at(close.ts_event) if self._wants_funding else None
        self.unquoted += self._wants_quote and quote is None
        self.unfunded += self._wants_funding and funding is None
        return close._replace(quote=quote, funding=funding)

    def _quote_at(self, end: int) -> QuoteGroup | None:
        """Returns the last quote before `end`, unless it may have changed unheard."""
        found = next((quote for bar, quote in reversed(self._quotes.items()) if bar <= end), None)
        if found is None or any(found.ts_event <= lost < end for lost in self._breaks):
            return None
        return found.group

    def _rate_at(self, end: int) -> FundingGroup | None:
        if self._known_ns < last_settlement(end):
            return None
        found = rate_at(self._rates, end)
        if found is None:
            return None
        at = self._rates.index(found)
        self._rates = self._rates[max(at - 1, 0) :]  # ends only ascend; the one before tells since when it is one
        hours = hours_between(self._rates[0].ts_event, found.ts_event) if at else None
        return _funding(rate=float(found.rate), interval_h=hours)

    def state(self) -> State:
        """Returns quotes, rates, and what waits."""
        return _snapshot(
            now=self._now,
            quotes=[_saved_quote(end=end, ts_event=at, group=group) for end, (at, group) in self._quotes.items()],
            breaks=list(self._breaks),
            rates=[_saved_rate(ts_event=at, rate=rate) for at, rate in self._rates],
            known_ns=self._known_ns,
            waiting=[_saved(closed) for closed in self._waiting],
            waits_since=self._waits_since,
            gave_up=self._gave_up,
            unquoted=self.unquoted,
            unfunded=self.unfunded,
        )

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = AtEndSnapshot.of(state)
        self._now, self._known_ns = saved.now, saved.known_ns
        self._quotes = {one.end: HeardQuote(one.ts_event, one.group) for one in saved.quotes}
        self._breaks = deque(saved.breaks, maxlen=BREAKS)
        self._rates = [SettledRate(one.ts_event, one.rate) for one in saved.rates]
        self._waiting = deque(_restored(one) for one in saved.waiting)
        self._waits_since, self._gave_up = saved.waits_since, saved.gave_up
        self.unquoted, self.unfunded = saved.unquoted, saved.unfunded


def _saved(closed: Closed) -> SavedClosed:
    if isinstance(closed, Cut):
        return _saved_closed(ts_event=closed.ts_event, price=None, bar=None, cause=closed.cause)
    return _saved_closed(ts_event=closed.ts_event, price=closed.price, bar=closed.bar, cause=None)


def _restored(saved: SavedClosed) -> Closed:
    if saved.cause is not None:
        return Cut(saved.ts_event, saved.cause)
    if saved.price is None:
        raise ValueError("a close that waits has no price")
    return Close(saved.ts_event, saved.price, saved.bar)
