"""The total of several symbols' reports: their money, costs, decisions and days together, session beside backtest."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from services.research.session_report.compared import (
    BarEnd,
    DecisionCounts,
    FillCosts,
    PeriodReturn,
    by_period,
    costs,
    delays,
    most_first,
)
from services.research.session_report.report import SessionReport


class TotalMoney(NamedTuple):
    """The money of all symbols together, quote units, as the metrics of one symbol have it.

    - returned: net profit by the start equity of all. drawdown: share of the peak of the summed equity.
    """

    start_equity: float
    end_equity: float
    returned: float
    net: float
    fees: float
    slippage: float
    funding: float
    fills: int
    drawdown: float


class SessionTotal(NamedTuple):
    """The total has what a symbol's report has, as far as it can be summed. money: by session and backtest."""

    symbols: tuple[str, ...]
    money: dict[str, TotalMoney]
    costs: dict[str, FillCosts]
    decided: DecisionCounts
    days: list[PeriodReturn]
    months: list[PeriodReturn]


def total_of(reports: Sequence[SessionReport]) -> SessionTotal:
    """Returns the total of reports that were made with the same costs."""
    wall, names = reports[0].wall, tuple(reports[0].marks)
    ends = dict(zip(names, _summed(reports, names), strict=True))
    money = {name: _money(reports, name, ends[name]) for name in names}
    first, second = names
    starts = (money[first].start_equity, money[second].start_equity)

    def periods(name: Callable[[int], str]) -> list[PeriodReturn]:
        return by_period(ends[first], ends[second], starts, name)

    return SessionTotal(
        symbols=tuple(report.sym for report in reports),
        money=money,
        costs=costs(reports[0].settings, [fill for report in reports for fill in report.own.fills]),
        decided=_decided(reports),
        days=periods(wall.day),
        months=periods(lambda ns: wall.day(ns)[:7]),
    )


def _summed(reports: Sequence[SessionReport], names: Sequence[str]) -> Iterator[list[BarEnd]]:
    """Yields the sum of the symbols' equities at each bar's end; of a symbol without one there its last counts."""
    for name in names:
        equity = [report.results[name].returns.start_equity for report in reports]
        marks = sorted((mark.ts_event, at, mark.equity) for at, one in enumerate(reports) for mark in one.marks[name])
        summed = []
        for ts_event, at_once in groupby(marks, key=itemgetter(0)):
            for _, at, value in at_once:
                equity[at] = value
            summed.append(BarEnd(ts_event, sum(equity), 0.0))
        yield summed


def _money(reports: Sequence[SessionReport], name: str, ends: Sequence[BarEnd]) -> TotalMoney:
    of = [report.results[name] for report in reports]
    start = sum(one.returns.start_equity for one in of)
    net, peak, depth = sum(one.costs.net for one in of), start, 0.0
    for mark in ends:
        peak = max(peak, mark.equity)
        depth = max(depth, 1 - mark.equity / peak)
    return TotalMoney(
        start_equity=start,
        end_equity=sum(one.returns.end_equity for one in of),
        returned=net / start,
        net=net,
        fees=sum(one.costs.fees for one in of),
        slippage=sum(one.costs.slippage for one in of),
        funding=sum(one.costs.funding for one in of),
        fills=sum(one.costs.fills for one in of),
        drawdown=depth,
    )


def _decided(reports: Sequence[SessionReport]) -> DecisionCounts:
    of = [report.decided for report in reports]
    written = (report.session.decided(tick) for report in reports for tick in report.session.ticks)
    return DecisionCounts(
        bars=sum(one.bars for one in of),
        missed=sum(one.missed for one in of),
        late=_added(one.late for one in of),
        refused=_added(one.refused for one in of),
        idle=_added(one.idle for one in of),
        apart=_added(one.apart for one in of),
        delays_s=None if any(one.delays_s is None for one in of) else delays(written),
    )


def _added(counts: Iterator[Mapping[str, int]]) -> dict[str, int]:
    summed: Counter[str] = Counter()
    for each in counts:
        summed.update(each)
    return most_first(summed)
