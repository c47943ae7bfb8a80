"""The sections of Results out of what was watched and what the backtest gave at its end."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from services.research.metrics.equity_curve import YEAR_NS, Growth
from services.research.metrics.results import Benchmark, Costs, Drawdown, Model, Open, Period, Returns, Risk
from services.research.metrics.statistics import probabilistic_sharpe
from services.research.metrics.table import moment

if TYPE_CHECKING:
    from services.research.backtest.rules import Totals

DAY_NS = YEAR_NS // 365
BPS = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def period_of(equity: Growth | None, bars: int, interval: str, interval_ns: int) -> Period:
    """What was covered; equity: from the first bar's start on."""
    return Period(
        start=_time(equity.first_ts) if equity else None,
        end=_time(equity.last_ts) if equity else None,
        days=equity.span_ns / DAY_NS if equity else 0.0,
        bars=bars,
        interval=interval,
        periods_per_year=YEAR_NS / interval_ns,
    )


def returns_of(equity: Growth | None, totals: "Totals") -> Returns:
    """What became of the money."""
    start, end = float(totals.start_equity), float(totals.end_equity)
    if equity is None:
        return Returns(start_equity=start, end_equity=end)
    return Returns(
        start_equity=start,
        end_equity=end,
        total=end / start - 1,
        cagr=equity.cagr,
        best_bar=equity.returns.highest,
        worst_bar=equity.returns.lowest,
        ruined_at=_time(equity.ruined_ts),
    )


def risk_of(equity: Growth | None, periods_per_year: float) -> Risk:
    """Ratios of period returns; none after ruin."""
    if equity is None or equity.ruined_ts is not None:
        return Risk(periods=equity.returns.n if equity else 0)
    returns, sharpe, cagr, deepest = equity.returns, equity.sharpe, equity.cagr, equity.falls.deepest
    skewness, kurtosis = returns.skewness, returns.kurtosis
    certain = None
    if sharpe is not None and skewness is not None and kurtosis is not None:
        certain = probabilistic_sharpe(sharpe, returns.n, skewness, kurtosis)
    return Risk(
        volatility=_a_year(returns.std, periods_per_year),
        sharpe=_a_year(sharpe, periods_per_year),
        sortino=_a_year(equity.sortino, periods_per_year),
        calmar=cagr / deepest.depth if deepest and cagr is not None else None,
        probabilistic_sharpe=certain,
        periods=returns.n,
        sharpe_per_period=sharpe,
        skewness=skewness,
        kurtosis=kurtosis,
    )


def drawdown_of(equity: Growth | None) -> Drawdown:
    """The deepest fall and the longest."""
    if equity is None:
        return Drawdown(longest_days=0.0)
    fall, longest = equity.falls.deepest, equity.falls.longest / DAY_NS
    if fall is None:
        return Drawdown(depth=0.0, money=0.0, longest_days=longest)
    until = equity.last_ts if fall.recovery_ts is None else fall.recovery_ts
    return Drawdown(
        depth=fall.depth,
        money=fall.money,
        peak=_time(fall.peak_ts),
        trough=_time(fall.trough_ts),
        recovery=_time(fall.recovery_ts),
        days=(until - fall.peak_ts) / DAY_NS,
        longest_days=longest,
    )


def benchmark_of(price: Growth | None, start_equity: float, periods_per_year: float) -> Benchmark:
    """Buy-and-hold; price: from the first bar's close on."""
    if price is None:
        return Benchmark()
    deepest = price.falls.deepest
    return Benchmark(
        end_equity=start_equity * (1 + price.total),
        total=price.total,
        cagr=price.cagr,
        volatility=_a_year(price.returns.std, periods_per_year),
        sharpe=_a_year(price.sharpe, periods_per_year),
        max_drawdown=deepest.depth if deepest else 0.0,
    )


def costs_of(totals: "Totals", days: float) -> Costs:
    """What trading cost, and what it could have cost."""
    turnover, start = float(totals.turnover), float(totals.start_equity)
    net = totals.end_equity - totals.start_equity
    paid = totals.fees + totals.slippage
    return Costs(
        turnover=turnover,
        turnover_per_year=turnover / start * 365 / days if days else None,
        fees=float(totals.fees),
        slippage=float(totals.slippage),
        funding=float(totals.funding),
        gross=float(net + paid + totals.funding),
        net=float(net),
        paid_bps=BPS * float(paid) / turnover if turnover else None,
        break_even_bps=BPS * float(net + paid) / turnover if turnover else None,
        fills=totals.fills,
        liquidations=totals.liquidations,
    )


def open_of(totals: "Totals") -> Open | None:
    """The position that is still open."""
    trip = totals.open_trip
    if trip is None:
        return None
    return Open(
        since=_instant(trip.ts_event),
        signed_qty=float(trip.signed_qty),
        entry_price=float(trip.price),
        unrealised=float(totals.unrealised),
    )


def notes_of(period: Period, returns: Returns, model: Model) -> Iterator[str]:
    """What a reader must know beside the numbers."""
    yield (
        f"Annualised with 365 days, from the interval: {period.interval} is {period.periods_per_year:,.6g} "
        "periods a year; a period return is equity / equity one bar before - 1."
    )
    if returns.ruined_at is not None:
        yield (
            f"Ruin: equity was 0 or less at {moment(returns.ruined_at)} UTC; "
            "CAGR, volatility, Sharpe, Sortino, Calmar and probabilistic Sharpe are not defined."
        )
    if model.sampled is not None:
        yield (
            f"Rank IC and its interval are of a sample: {model.sampled:,} of {model.predictions:,} predictions, "
            "in blocks of neighbours drawn with equal chance; all else is of all."
        )


def _a_year(value: float | None, periods_per_year: float) -> float | None:
    return None if value is None else value * math.sqrt(periods_per_year)


def _time(ns: int | None) -> datetime | None:
    return None if ns is None else _instant(ns)


def _instant(ns: int) -> datetime:
    """UTC, to the microsecond."""
    return _EPOCH + timedelta(microseconds=ns // 1_000)
