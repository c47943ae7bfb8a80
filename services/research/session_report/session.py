"""A session is what a line saw, decided and traded on one symbol in a window, as bus, recording and journal have it."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple, TypeVar

from shared.account import Account, Position
from shared.account.account import book_report
from shared.config import Settings
from shared.control.books import book_of, reports_of
from shared.control.capital import begun_with
from shared.errors import BusUnreachable, ConfigError, DataError
from shared.history import HistoryBar
from shared.intervals import NS_PER_S, TRADE, interval_ns
from shared.journal.journal import Journal
from shared.lookup import Found, Lookup
from shared.messages import Decision, ExecutionReport, Gap, MarketTick, OrderIntent, Prediction, Reason, Stream
from shared.messages.monitor import POOLED, DriftMoved, DriftReading
from shared.wall_time import WallTime

SLOW_S = 5.0  # beyond the time that an order is valid: until its decision can be read
WARMING = 5_000  # ticks before the window that the backtest's features may see
_ZERO = Decimal(0)
_RESUMED = DriftMoved.RESUMED  # of a reading that no held bar has led to
M = TypeVar("M", MarketTick, Prediction, Decision, OrderIntent, ExecutionReport)


class Written(NamedTuple):
    """A decision, and when it was written to the bus, ns."""

    decision: Decision
    at_ns: int


class Opening(NamedTuple):
    """The opening is the book as the session's first decision found it.

    - position: None where it was flat. known: whether its entry price is known; else it is the window's first price.
    - booked_n: the last report that is in it.
    - capital: what it had been given by then.
    """

    balance: Decimal
    position: Position | None
    known: bool
    booked_n: int
    capital: Decimal


class LineSession(NamedTuple):
    """A session is what a line did with one symbol. All are in the order of their numbers.

    - warming: the ticks before the window. ticks: those of the window. gaps: how many of the window's are missing.
    - decisions: by the tick's number; there may be two on one tick.
    - origin: where the reports were read. asked_ns: the window's beginning, where one was named. lost:
      how many reports of the window are kept nowhere any more.
    - readings: the monitor's of the window's held bars, pooled over all symbols.
    - undecided: how many bars lie behind the last decision, where no end of the window was named.
    """

    sym: str
    warming: list[MarketTick]
    ticks: list[MarketTick]
    gaps: int
    predictions: dict[int, Prediction]
    decisions: dict[int, list[Written]]
    orders: dict[str, OrderIntent]
    reports: list[ExecutionReport]
    opening: Opening
    origin: str
    asked_ns: int | None
    lost: int
    readings: list[DriftReading]
    undecided: int

    def decided(self, tick: MarketTick) -> list[Written]:
        """Returns the decisions on a tick."""
        return self.decisions.get(tick.n, [])

    def bars(self) -> list[HistoryBar]:
        """Returns the ticks as bars, those before the window too."""
        return [_bar(tick, row) for row, tick in enumerate([*self.warming, *self.ticks], 2)]


async def gathered(
    settings: Settings,
    lookup: Lookup,
    journal: Journal | None,
    sym: str,
    since_ns: int | None,
    until_ns: int | None,
    wall: WallTime,
    now_ns: int,
) -> LineSession:
    """Reads a session.

    - journal: the account's, whose reports count in testnet and live; None on paper.
    - since_ns, until_ns: the window, by the ticks' times; None: from the first decision that could trade, to the last
      tick, unless that may be decided on yet.
    - now_ns: the clock.

    Raises DataError where nothing is known of it, ConfigError for ticks that are no bars.
    """
    if settings.interval == TRADE:
        raise ConfigError("report: the line's ticks are trades, and a report compares bars: set interval to a bar's")
    decided = await lookup.messages(Stream.DECISIONS, sym, since_ns, until_ns)
    written = [Written(one.message, one.at_ns) for one in decided if isinstance(one.message, Decision)]
    able = [one for one in written if one.decision.reason is not Reason.HISTORY]
    if not able:
        raise await _nothing(lookup, sym, since_ns, until_ns, wall)
    first_ns = able[0].decision.ts_event if since_ns is None else since_ns
    warm_ns = WARMING * interval_ns(settings.interval)
    seen = await lookup.messages(Stream.TICKS, sym, max(0, first_ns - warm_ns), until_ns)
    ticks = _of(MarketTick, seen)
    known = [tick for tick in ticks if tick.ts_event >= first_ns]
    decided_ns = max(one.decision.ts_event for one in written)
    undecided = 0 if until_ns is not None else sum(tick.ts_event > decided_ns for tick in known)
    valid_ns = round((settings.strategy.order_valid_s + SLOW_S) * NS_PER_S)
    under_way = undecided > 0 and now_ns - max(one.at_ns for one in seen) < valid_ns
    own, undecided = (known[:-1], undecided - 1) if under_way else (known, undecided)
    if not own:
        raise DataError(
            f"report: decisions on {sym} are known and none of their ticks: is there a recording? see [recorder]"
        )
    predictions = _of(Prediction, await lookup.messages(Stream.PREDICTIONS, sym, first_ns, until_ns))
    orders = _of(OrderIntent, await lookup.messages(Stream.ORDERS, sym, first_ns, until_ns))
    found = await lookup.messages(Stream.EXECUTIONS, sym)
    begun = None
    if journal is None:
        numbers = {one.message.n for one in found}
        reports, origin = _of(ExecutionReport, found), "/".join(sorted({one.origin for one in found})) or "bus"
    else:
        numbers = None
        book = book_of(settings, sym)
        reports, origin = [report async for report in reports_of(journal, book)], "journal"
        begun = begun_with(await journal.limits(), book)
    said = [one.message for one in await lookup.messages(Stream.MONITOR, POOLED, first_ns, until_ns)]
    start = next(one.decision for one in written if one.decision.ts_event >= first_ns)
    upto = own[-1]
    before = [one for one in reports if one.n <= start.booked_n]
    given = [
        settings.strategy.balance if begun is None else begun,
        *(one.capital for one in before if one.capital is not None),
    ]
    later = [one for one in reports if one.n > start.booked_n and not _after(one, upto)]
    by_tick: dict[int, list[Written]] = {}
    for one in written:
        by_tick.setdefault(one.decision.tick_n, []).append(one)
    return LineSession(
        sym=sym,
        warming=[tick for tick in ticks if tick.ts_event < first_ns],
        ticks=own,
        gaps=sum(isinstance(one.message, Gap) and one.message.ts_event >= first_ns for one in seen),
        predictions={one.tick_n: one for one in predictions},
        decisions=by_tick,
        orders={one.client_order_id: one for one in orders},
        reports=later,
        opening=_opening(sym, start, before, own[0].price, given[-1]),
        origin=origin,
        asked_ns=since_ns,
        undecided=undecided,
        readings=[one for one in said if isinstance(one, DriftReading) and one.moved is not _RESUMED],
        lost=_lost(start.booked_n, [one.decision.booked_n for one in written] + [one.n for one in later], numbers),
    )


async def _nothing(
    lookup: Lookup, sym: str, since_ns: int | None, until_ns: int | None, wall: WallTime
) -> DataError | BusUnreachable:
    reach = await lookup.reach()
    window = "" if since_ns is None else f" from {wall.second(since_ns)}"
    window += "" if until_ns is None else f" to {wall.second(until_ns)}"
    whether = "" if reach.no_bus or reach.no_recording else ": has the line run then?"
    return reach.unknown(f"report: no decision on {sym}{window} is known{whether}")


def _lost(first: int, own: Sequence[int], known: set[int] | None) -> int:
    """Counts the reports of a window that are not known any more; a journal has all.

    - first: the last report before it. own: those that its decisions have booked, and those of its bars.
    """
    if known is None:
        return 0
    last = max(own, default=first)
    return sum(n not in known for n in range(first + 1, last + 1))


def _after(report: ExecutionReport, last: MarketTick) -> bool:
    """Says whether a report belongs to a tick behind the window."""
    return report.tick_n > last.n if report.tick_n else report.ts_event > last.ts_event


def _opening(sym: str, start: Decision, before: Sequence[ExecutionReport], price: Decimal, capital: Decimal) -> Opening:
    """Returns the book that a decision found: what it paid is read off the reports since it was last flat."""
    if not start.signed_qty:
        return Opening(start.balance, None, True, start.booked_n, capital)
    qty, account = start.signed_qty, Account(_ZERO)
    for at in range(len(before) - 1, -1, -1):
        qty -= before[at].last_qty
        if not qty:
            for report in before[at:]:
                book_report(account, report)
            break
    held = account.held(sym)
    known = held is not None and held.signed_qty == start.signed_qty
    position = held if held is not None and known else Position(sym, start.signed_qty, price)
    return Opening(start.balance, position, known, start.booked_n, capital)


def _of(kind: type[M], found: Sequence[Found]) -> list[M]:
    return [one.message for one in found if isinstance(one.message, kind)]


def _bar(tick: MarketTick, row: int) -> HistoryBar:
    """Returns a tick as a row of history, with the groups that it has."""
    bar, quote, funding = tick.bar, tick.quote, tick.funding
    close = tick.price
    made = HistoryBar(tick.ts_event, close, close, close, close, row, price_alone=bar is None)
    if bar is not None:
        made = made._replace(
            open=_exact(bar.open),
            high=_exact(bar.high),
            low=_exact(bar.low),
            volume=None if bar.volume is None else _exact(bar.volume),
            quote_volume=None if bar.quote_volume is None else _exact(bar.quote_volume),
            trades=bar.trades,
            taker_volume=None if bar.taker_volume is None else _exact(bar.taker_volume),
        )
    if quote is not None:
        made = made._replace(
            bid=_exact(quote.bid), ask=_exact(quote.ask), bid_qty=_exact(quote.bid_qty), ask_qty=_exact(quote.ask_qty)
        )
    if funding is None:
        return made
    return made._replace(funding_rate=_exact(funding.rate), funding_interval_h=funding.interval_h)


def _exact(value: float) -> Decimal:
    return Decimal(str(value))
