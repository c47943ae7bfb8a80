"""The registry has one entry for every metric of a backtest.

An entry is a field of its section. The field's name and type are those of the JSON, its label and form those of the
tables in the terminal and on the HTML page, and its function computes the value out of what was `Measured`, or of
round trips out of their `TripSums`. A new entry stands in all three by itself.

    metric(label, form, of)     a row of its own
    joint_row(label, form, of)  a row that tells of other fields of its section, too
    stored(of)                  no row: it stands in the JSON alone

In the entries m is what was measured, e and p are the curves of equity and price, t the sums of trips, v a verdict, and
s is the section itself.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from services.research.metrics import formats
from services.research.metrics.forecasts import Estimate, PredictionMetrics
from services.research.metrics.registry import MetricSection, joint_row, metric, part, stored, trip_metric
from services.research.metrics.sums import MonthReturn
from services.research.metrics.table import table
from services.research.verdict.verdict import days_text

if TYPE_CHECKING:
    from services.research.metrics.equity_curve import Drawdown, EquityCurve
    from services.research.metrics.observer import Measured
    from shared.account import Fill

T = TypeVar("T")

DAY_NS = 86_400 * 10**9
BPS = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _equity(of: Callable[["EquityCurve"], T | None]) -> Callable[["Measured"], T | None]:
    """Computes a value of the equity curve, from the first bar's start on; None without a bar."""
    return lambda measured: None if measured.equity is None else of(measured.equity)


def _deepest(of: Callable[["Drawdown"], T | None]) -> Callable[["Measured"], T | None]:
    """Computes a value of the deepest fall of equity; None where it never fell."""
    return _equity(lambda equity: of(equity.drawdowns.deepest) if equity.drawdowns.deepest else None)


def _price(of: Callable[["EquityCurve"], T | None]) -> Callable[["Measured"], T | None]:
    """Computes a value of the price, from the first bar's close on; None without a bar."""
    return lambda measured: None if measured.price is None else of(measured.price)


def _a_year(of: Callable[["Measured"], float | None]) -> Callable[["Measured"], float | None]:
    """Brings a deviation, or a ratio, of period returns to a year."""

    def a_years(measured: "Measured") -> float | None:
        value = of(measured)
        return None if value is None else value * math.sqrt(measured.periods_per_year)

    return a_years


def _open(of: Callable[["Fill"], T]) -> Callable[["Measured"], T | None]:
    """Computes a value of the position that is still open, which is one fill at its average entry price."""
    return lambda measured: None if measured.totals.open_trip is None else of(measured.totals.open_trip)


def utc_time(ns: int | None) -> datetime | None:
    """Returns a time, ns since 1970, in UTC, to the microsecond."""
    return None if ns is None else _EPOCH + timedelta(microseconds=ns // 1_000)


def _days(ns: float | None) -> float | None:
    return None if ns is None else ns / DAY_NS


class PeriodMetrics(MetricSection):
    """The period is what was covered: start is the first bar's, end the last one's, in UTC, days the time between.

    periods_per_year is 365 days / interval; all that is "a year's" was made with it.
    """

    start: datetime | None = metric("first bar", formats.moment, _equity(lambda e: utc_time(e.first_ts)))
    end: datetime | None = metric("last bar", formats.moment, _equity(lambda e: utc_time(e.last_ts)))
    days: float = metric("length", formats.days, _equity(lambda e: e.span_ns / DAY_NS), default=0.0)
    bars: int = joint_row("bars", lambda s: f"{s.bars:,} of {s.interval}", lambda m: m.bars)
    interval: str = stored(lambda m: m.interval)
    periods_per_year: float = stored(lambda m: m.periods_per_year)


class ExposureMetrics(MetricSection):
    """The exposure counts bars that ended with a position, as shares of all from 0 to 1.

    - max_leverage: largest position value / equity.
    """

    share: float | None = metric("in the market", formats.percent, lambda m: m.exposure.share)
    long: float | None = joint_row(
        "long, short",
        lambda s: f"{formats.percent(s.long)}, {formats.percent(s.short)}",
        lambda m: m.exposure.long,
    )
    short: float | None = stored(lambda m: m.exposure.short)
    max_leverage: float | None = metric("highest leverage", formats.number, lambda m: m.exposure.highest)


class ReturnMetrics(MetricSection):
    """The returns say what became of the money, in quote units: total = end / start − 1, cagr with 365 days.

    - best_bar, worst_bar: period returns.
    - ruined_at: when equity was first 0 or less; from there on period returns and what comes of them are not defined.
    """

    start_equity: float = metric("start equity", formats.money, lambda m: float(m.totals.start_equity))
    end_equity: float = metric("end equity", formats.money, lambda m: float(m.totals.end_equity))
    total: float | None = metric("return", formats.percent, lambda m: _total(m))
    cagr: float | None = metric("CAGR", formats.percent, _equity(lambda e: e.cagr))
    best_bar: float | None = metric("best bar", formats.percent, _equity(lambda e: e.returns.highest))
    worst_bar: float | None = metric("worst bar", formats.percent, _equity(lambda e: e.returns.lowest))
    ruined_at: datetime | None = stored(_equity(lambda e: utc_time(e.ruined_ts)))


def _total(measured: "Measured") -> float | None:
    if not measured.bars:
        return None
    return float(measured.totals.end_equity) / float(measured.totals.start_equity) - 1


class RiskMetrics(MetricSection):
    """The risk is computed of period returns, equity_t / equity_{t-1} − 1, one a bar; it is not defined after ruin.

    volatility, sharpe, sortino and calmar are a year's. probabilistic_sharpe: probability that the true Sharpe is
    above 0. periods, sharpe_per_period, skewness and kurtosis (3 for a normal one) are what a deflated Sharpe needs.
    """

    volatility: float | None = metric("volatility", formats.percent, _a_year(_equity(lambda e: e.volatility)))
    sharpe: float | None = metric("Sharpe", formats.number, _a_year(_equity(lambda e: e.sharpe)))
    sortino: float | None = metric("Sortino", formats.number, _a_year(_equity(lambda e: e.sortino)))
    calmar: float | None = metric("Calmar", formats.number, _equity(lambda e: e.calmar))
    probabilistic_sharpe: float | None = metric(
        "probabilistic Sharpe", formats.percent, _equity(lambda e: e.probabilistic_sharpe)
    )
    periods: int = stored(_equity(lambda e: e.returns.n), default=0)
    sharpe_per_period: float | None = stored(_equity(lambda e: e.sharpe))
    skewness: float | None = metric("skewness", formats.number, _equity(lambda e: e.skewness))
    kurtosis: float | None = metric("kurtosis", formats.number, _equity(lambda e: e.kurtosis))


class DrawdownMetrics(MetricSection):
    """The drawdown is the deepest fall of marked equity from its highest so far.

    - depth: share of the peak, 0.25 for a quarter; 0 has no dates.
    - money: quote units, of that same fall.
    - peak, trough, recovery: bar ends; recovery None: not yet recovered.
    - days: peak to recovery, or to the last bar.
    - longest_days: the longest time below a peak, not only of this fall.
    """

    depth: float | None = metric("max drawdown", formats.percent, _equity(lambda e: e.drawdowns.depth))
    money: float | None = metric("in money", formats.money, _equity(lambda e: e.drawdowns.money))
    peak: datetime | None = metric("peak", formats.moment, _deepest(lambda d: utc_time(d.peak_ts)))
    trough: datetime | None = metric("trough", formats.moment, _deepest(lambda d: utc_time(d.trough_ts)))
    recovery: datetime | None = joint_row(
        "recovery",
        lambda s: "not yet" if s.peak and not s.recovery else formats.moment(s.recovery),
        _deepest(lambda d: utc_time(d.recovery_ts)),
    )
    days: float | None = metric("duration", formats.days, _equity(lambda e: _days(e.drawdowns.duration)))
    longest_days: float = metric(
        "longest below a peak", formats.days, _equity(lambda e: e.drawdowns.longest / DAY_NS), default=0.0
    )


class TripMetrics(MetricSection):
    """The trips are closed round trips. A win has net_pnl > 0; gross_win_rate counts trade_log_return > 0, before fees.

    Money in quote units, net of fees. best_return, worst_return and average_return: net_pnl / entry value.
    profit_factor: sum of wins / sum of losses. expectancy: average net_pnl. average_days: time in a trade.
    """

    trades: int = trip_metric("number", formats.count, lambda t: t.n)
    wins: int = trip_metric("wins", formats.count, lambda t: t.wins)
    win_rate: float | None = trip_metric("win rate", formats.percent, lambda t: _per(t.wins, t.n))
    gross_win_rate: float | None = trip_metric(
        "win rate before fees", formats.percent, lambda t: _per(t.gross_wins, t.n)
    )
    average_win: float | None = trip_metric("average win", formats.money, lambda t: _per(t.won, t.wins))
    average_loss: float | None = trip_metric("average loss", formats.money, lambda t: _per(-t.lost, t.losses))
    best: float | None = joint_row(
        "best",
        lambda s: f"{formats.money(s.best)} ({formats.percent(s.best_return)})",
        lambda t: t.best if t.n else None,
    )
    worst: float | None = joint_row(
        "worst",
        lambda s: f"{formats.money(s.worst)} ({formats.percent(s.worst_return)})",
        lambda t: t.worst if t.n else None,
    )
    average_return: float | None = stored(lambda t: _per(t.returns, t.n))
    best_return: float | None = stored(lambda t: t.best_return if t.n else None)
    worst_return: float | None = stored(lambda t: t.worst_return if t.n else None)
    profit_factor: float | None = trip_metric("profit factor", formats.number, lambda t: _per(t.won, t.lost))
    expectancy: float | None = joint_row(
        "expectancy",
        lambda s: f"{formats.money(s.expectancy)} ({formats.percent(s.average_return)})",
        lambda t: _per(t.net, t.n),
    )
    average_days: float | None = trip_metric("average time", formats.days, lambda t: _per(t.time_ns / DAY_NS, t.n))
    gross_pnl: float = trip_metric("gross profit", formats.money, lambda t: t.gross)
    fees: float = trip_metric("fees", formats.money, lambda t: t.fees)
    net_pnl: float = trip_metric("net profit", formats.money, lambda t: t.net)
    sum_log_return: float = trip_metric("sum of log returns", "{:.5f}".format, lambda t: t.log_return)


SIDE = ("trades", "win_rate", "profit_factor", "expectancy", "net_pnl")  # rows of the long, and of the short ones


def _per(value: float, by: float) -> float | None:
    return value / by if by else None


class OpenPosition(MetricSection):
    """The position is still open at the end; its profit is in end_equity, not in the trades."""

    since: datetime = metric("since", formats.moment, _open(lambda trip: utc_time(trip.ts_event)))
    signed_qty: float = joint_row(
        "quantity",
        lambda s: f"{s.signed_qty:g} at {s.entry_price:g}",
        _open(lambda trip: float(trip.signed_qty)),
    )
    entry_price: float = stored(_open(lambda trip: float(trip.price)))
    unrealised: float = metric("unrealised profit", formats.money, lambda m: float(m.totals.unrealised))


class CostMetrics(MetricSection):
    """The costs are quote units, positive when paid. net = end − start equity; gross: net before all of its costs.

    - turnover: sum of quantity × price of all fills.
    - turnover_per_year: in start equities.
    - paid_bps: fees and slippage per turnover.
    - break_even_bps: what fees and slippage could be per turnover until nothing is left; below 0 the strategy loses
      even when trading is free.
    """

    turnover: float = metric("turnover", formats.money, lambda m: float(m.totals.turnover))
    turnover_per_year: float | None = metric(
        "turnover a year", lambda value: f"{formats.number(value)} x start equity", lambda m: _turnover_per_year(m)
    )
    fees: float = metric("fees", formats.money, lambda m: float(m.totals.fees))
    slippage: float = metric("slippage", formats.money, lambda m: float(m.totals.slippage))
    funding: float = metric("funding", formats.money, lambda m: float(m.totals.funding))
    gross: float = metric(
        "gross profit", formats.money, lambda m: float(m.net + m.paid + m.totals.funding), above="fees"
    )
    net: float = metric("net profit", formats.money, lambda m: float(m.net))
    paid_bps: float | None = metric("paid", lambda value: f"{formats.number(value)} bps", lambda m: _bps(m, m.paid))
    break_even_bps: float | None = metric(
        "break-even cost", lambda value: f"{formats.number(value)} bps", lambda m: _bps(m, m.net + m.paid)
    )
    fills: int = metric("fills", formats.count, lambda m: m.totals.fills)
    missed: int = metric("missed orders", formats.count, lambda m: m.totals.missed)
    liquidations: int = metric("liquidations", formats.count, lambda m: m.totals.liquidations)
    stops: int = metric("stops fired", formats.count, lambda m: m.totals.stops)


def _turnover_per_year(measured: "Measured") -> float | None:
    length = measured.equity.span_ns / DAY_NS if measured.equity else 0.0
    return float(measured.totals.turnover) / float(measured.totals.start_equity) * 365 / length if length else None


def _bps(measured: "Measured", money: Decimal) -> float | None:
    turnover = float(measured.totals.turnover)
    return BPS * float(money) / turnover if turnover else None


class BenchmarkMetrics(MetricSection):
    """The benchmark buys for all of the start equity at the first bar's close and holds to the last, without costs."""

    end_equity: float | None = metric(
        "end equity", formats.money, lambda m: m.start_equity * (1 + m.price.total) if m.price else None
    )
    total: float | None = metric("return", formats.percent, _price(lambda p: p.total))
    cagr: float | None = metric("CAGR", formats.percent, _price(lambda p: p.cagr))
    volatility: float | None = metric("volatility", formats.percent, _a_year(_price(lambda p: p.volatility)))
    sharpe: float | None = metric("Sharpe", formats.number, _a_year(_price(lambda p: p.sharpe)))
    max_drawdown: float | None = metric("max drawdown", formats.percent, _price(lambda p: p.drawdowns.depth))


MEMORY = ("held", "mean", "t", "costs_of_gross")  # rows of what is in sample, on which there is no verdict


def _shares(found: Estimate | None) -> str:
    """Returns a mean and its interval in percent."""
    if found is None or found.value is None:
        return formats.NONE
    if found.low is None or found.high is None:
        return formats.percent(found.value)
    low, high = 100 * found.low, 100 * found.high
    return f"{100 * found.value:+.3f} % [{low:+.3f}, {high:+.3f}]"


def _about(days: float | None) -> str:
    return formats.NONE if days is None else f"about {days_text(days)}"


class VerdictMetrics(MetricSection):
    """The verdict is on the net returns of held bars at unit notional: see `services.research.verdict.Verdict`.

    In the section of what is in sample the same figures stand, and no verdict.
    """

    conclusion: str = metric("verdict", str, lambda v: v.headline)
    edge_shown: bool = stored(lambda v: v.shown, default=False)
    held: int = metric("held bars", formats.count, lambda v: v.held, default=0)
    days: float = stored(lambda v: v.days, default=0.0)
    mean: Estimate = metric("net mean a bar [95 %]", _shares, lambda v: Estimate(value=v.mean, low=v.low, high=v.high))
    t: float | None = metric("t (Newey-West)", formats.number, lambda v: v.t)
    bandwidth: float | None = stored(lambda v: v.bandwidth)
    more_days: float | None = metric("days more to show it", _about, lambda v: v.more_days)
    costs_of_gross: float | None = metric("costs, of gross", formats.percent, lambda v: v.costs_of_gross)
    words: str = stored(str)


class Results(MetricSection):
    """The results are every metric of one backtest. `model_dump_json()` is strict JSON: no NaN, no infinity.

    - notes: what a reader must know beside the numbers, one sentence each: the annualisation, ruin, a sample.
    """

    period: PeriodMetrics = part("Period", PeriodMetrics.of)
    exposure: ExposureMetrics = part("Period", ExposureMetrics.of)
    returns: ReturnMetrics = part("Return", ReturnMetrics.of)
    risk: RiskMetrics = part("Risk", RiskMetrics.of)
    drawdown: DrawdownMetrics = part("Drawdown", DrawdownMetrics.of)
    trades: TripMetrics = part("Trades, after fees", lambda m: TripMetrics.of(m.long + m.short))
    long: TripMetrics = part("Long trades", lambda m: TripMetrics.of(m.long), only=SIDE)
    short: TripMetrics = part("Short trades", lambda m: TripMetrics.of(m.short), only=SIDE)
    open: OpenPosition | None = part("Still open", lambda m: OpenPosition.of(m) if m.totals.open_trip else None)
    costs: CostMetrics = part("Costs", CostMetrics.of, above="open")
    benchmark: BenchmarkMetrics = part("Buy and hold, no costs", BenchmarkMetrics.of, above="risk")
    verdict: VerdictMetrics = part("Verdict, out of sample", lambda m: VerdictMetrics.of(m.verdict), above="risk")
    in_sample: VerdictMetrics | None = part(
        "In sample: memory, not skill",
        lambda m: VerdictMetrics.of(m.memory) if m.memory.held else None,
        above="risk",
        only=MEMORY,
    )
    model: PredictionMetrics = part("Model, out of sample", lambda m: PredictionMetrics.of(m.forecasts), above="open")
    model_in_sample: PredictionMetrics | None = part(
        "Model, in sample",
        lambda m: PredictionMetrics.of(m.remembered) if m.remembered.count else None,
        above="open",
    )
    monthly: tuple[MonthReturn, ...] = stored(lambda m: m.months.months())
    notes: tuple[str, ...] = stored(lambda m: tuple(m.notes()))

    def lines(self) -> list[str]:
        """Returns the table that a person reads: all metrics, the months, the notes."""
        return table({"": self})
