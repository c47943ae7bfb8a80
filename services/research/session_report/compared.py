"""LineSession and backtest are compared: slippage and fees against what is assumed, and decisions bar by bar."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from services.research.session_report.booked import BPS, ENTRY, EXIT, STOP, BookedSession, SessionFill
from services.research.session_report.session import LineSession, Written
from shared.account import RoundTrip
from shared.config import Settings
from shared.drift.interval import FARTHEST, mean_interval
from shared.drift.reference import YEAR_NS
from shared.messages import Reason
from shared.messages.monitor import DriftMoved

LATE = frozenset(
    {Reason.HISTORY, Reason.SUPERSEDED, Reason.STALE_TICK, Reason.STALE_PREDICTION, Reason.PAST_VALID_UNTIL}
)
NO_DECISION = "no decision"
_ZERO = Decimal(0)


class BarEnd(NamedTuple):
    """A mark is the end of a bar: equity in quote units, exposure as an Observer gets it."""

    ts_event: int
    equity: float
    exposure: float


class BarEnds:
    """Watches (an Observer) and keeps every mark."""

    def __init__(self) -> None:
        self.kept: list[BarEnd] = []

    def on_mark(self, ts_event: int, price: float, equity: float, exposure: float, y_hat: float, paid: float) -> None:
        """Keeps it."""
        self.kept.append(BarEnd(ts_event, equity, exposure))

    def on_trip(self, trip: RoundTrip) -> None:
        """Does nothing: marks are all that is asked for."""


class FillCosts(NamedTuple):
    """The costs of one kind of fill, realised and assumed. The fee is of the fills' value, slippage of the
    value at the prices at which the strategy decided; None without a fill.

    - fills: how many; value: their sum, quote units. unknown: those whose decision price nobody knows; they count in
      fees alone.
    - slippage: what they were worse than decided, quote units; slippage_bps, assumed_bps.
    - fees: quote units; fee, assumed_fee: rates.
    """

    fills: int
    value: Decimal
    unknown: int
    slippage: Decimal
    slippage_bps: float | None
    assumed_bps: float
    fees: Decimal
    fee: float | None
    assumed_fee: float


def costs(settings: Settings, fills: Sequence[SessionFill]) -> dict[str, FillCosts]:
    """Returns the costs of entries, exits and stops, and of all."""
    kinds: dict[str, Callable[[SessionFill], bool]] = {
        kind: lambda fill, kind=kind: fill.kind == kind  # type: ignore[misc]
        for kind in (ENTRY, EXIT, STOP)
    }
    kinds["all"] = lambda _: True
    return {kind: _costs(settings, [fill for fill in fills if counts(fill)]) for kind, counts in kinds.items()}


def _costs(settings: Settings, fills: Sequence[SessionFill]) -> FillCosts:
    value = sum((fill.value for fill in fills), _ZERO)
    known = [decided for fill in fills if (decided := fill.decided_value) is not None]
    of = sum(known, _ZERO)
    slippage = sum((fill.slippage for fill in fills), _ZERO)
    fees = sum((fill.report.commission for fill in fills), _ZERO)
    return FillCosts(
        fills=len(fills),
        value=value,
        unknown=len(fills) - len(known),
        slippage=slippage,
        slippage_bps=float(slippage / of * BPS) if of else None,
        assumed_bps=float(settings.gateway.slippage_bps),
        fees=fees,
        fee=float(fees / value) if value else None,
        assumed_fee=float(settings.gateway.fee),
    )


class DecisionCounts(NamedTuple):
    """What became of the decisions of the window's bars.

    - bars; missed: those without a decision. late: decisions, and orders that ended, for being too late, by reason.
    - refused: orders that ended without a fill, by their reason, late ones apart. idle: decisions without orders.
    - apart: bars at whose end the session was on another side than the backtest, by the session's reason there.
    - delays_s: from a tick's time to when its decision was written: median and longest; None where ticks have
      another clock, e.g. in a replay.
    """

    bars: int
    missed: int
    late: Mapping[str, int]
    refused: Mapping[str, int]
    idle: Mapping[str, int]
    apart: Mapping[str, int]
    delays_s: tuple[float, float] | None


def decided(
    settings: Settings, session: LineSession, own: BookedSession, live: Sequence[BarEnd], tested: Sequence[BarEnd]
) -> DecisionCounts:
    """Compares the decisions of the session with the backtest's positions. live, tested: marks of the same bars."""
    found = {tick.n: session.decided(tick) for tick in session.ticks}
    no_orders = [one.decision.reason for each in found.values() for one in each if one.decision.reason is not None]
    ended = [report.reason for report in own.unfilled if report.reason is not None]
    late = Counter(str(reason) for reason in (*no_orders, *ended) if reason in LATE)
    refusals = {report.tick_n: str(report.reason) for report in own.unfilled if report.reason is not None}
    apart = Counter(
        _why(found[tick.n], refusals.get(tick.n))
        for tick, one, other in zip(session.ticks, live, tested, strict=True)
        if _side(one) != _side(other)
    )
    return DecisionCounts(
        bars=len(found),
        missed=sum(not each for each in found.values()),
        late=most_first(late),
        refused=most_first(Counter(str(reason) for reason in ended if reason not in LATE)),
        idle=most_first(Counter(str(reason) for reason in no_orders if reason not in LATE)),
        apart=most_first(apart),
        delays_s=delays(found.values()) if settings.ingestor.is_at_present else None,
    )


def _why(decisions: Sequence[Written], refused: str | None) -> str:
    if refused is not None:
        return refused
    if not decisions:
        return NO_DECISION
    reason = decisions[-1].decision.reason
    return "since an earlier bar" if reason is None or reason is Reason.NO_CHANGE else str(reason)


def _side(mark: BarEnd) -> int:
    return 0 if not mark.exposure else int(math.copysign(1, mark.exposure))


def delays(found: Iterable[Sequence[Written]]) -> tuple[float, float] | None:
    """Returns how long decisions took, s: median and longest; None without any."""
    waits = sorted((one.at_ns - one.decision.ts_event) / 1e9 for each in found for one in each if one.at_ns)
    return (waits[len(waits) // 2], waits[-1]) if waits else None


def most_first(counted: Counter[str]) -> dict[str, int]:
    """Returns the counts, the largest first."""
    return dict(sorted(counted.items(), key=lambda one: (-one[1], one[0])))


class Evidence(NamedTuple):
    """The evidence is what the monitor's readings of the window say of the edge, all symbols together.

    - held: bars behind it. state: the last reading's. decay, edge: its M, and its evidence of an edge.
    - low, high: where the net Sharpe of a year lies with 95 %, whenever one looks; None where nothing
      is known on that side yet.
    """

    held: int
    state: str
    decay: float
    edge: float
    low: float | None
    high: float | None


def evidence(session: LineSession) -> Evidence | None:
    """Returns what the monitor said; None where it said nothing."""
    if not session.readings:
        return None
    begun = [at for at, one in enumerate(session.readings) if one.moved is DriftMoved.BEGUN]
    readings = session.readings[begun[-1] if begun else 0 :]  # of another model or strategy they say nothing
    first, last = readings[0], readings[-1]
    years = (last.ts_event - first.ts_event) / YEAR_NS
    low = high = None
    if years > 0:
        a_year = math.sqrt((len(readings) - 1) / years)
        found = mean_interval([one.x for one in readings])
        low, high = (end * a_year if abs(end) < FARTHEST else None for end in found)
    return Evidence(len(readings), str(last.state), last.decay, last.edge, low, high)


class PeriodReturn(NamedTuple):
    """A day or a month has the return of the session and that of the backtest; None where one began without equity."""

    name: str
    session: float | None
    backtest: float | None


def by_period(
    live: Sequence[BarEnd], tested: Sequence[BarEnd], starts: tuple[float, float], name: Callable[[int], str]
) -> list[PeriodReturn]:
    """Returns the returns of each day, or month. starts: the equities before the first bar.

    - name: of the period in which an instant lies, ns; a bar belongs to the one before its end.
    """
    lasts: dict[str, tuple[float, float]] = {}
    for one, other in zip(live, tested, strict=True):
        lasts[name(one.ts_event - 1)] = (one.equity, other.equity)
    found, before = [], starts
    for period, last in lasts.items():
        session, backtest = (now / was - 1 if was > 0 else None for now, was in zip(last, before, strict=True))
        found.append(PeriodReturn(period, session, backtest))
        before = last
    return found
