"""Metrics of a whole backtest: against plain computations over all of its rows, and where nothing is defined."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.research.metrics import Metrics, Results
from services.research.metrics.metrics import (
    BenchmarkMetrics,
    DrawdownMetrics,
    ExposureMetrics,
    OpenPosition,
    RiskMetrics,
    TripMetrics,
)
from shared.account import Fill
from tests.unit.research.metrics.booked import HOUR, totals, trip
from tests.unit.research.metrics.series import Floats, values_of

START = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp()) * 10**9
STEP = 12 * HOUR

MOVE = st.integers(-400, 400)
LEVERAGE = st.sampled_from([-2.0, -0.5, 0.0, 0.0, 1.0])
ROWS = st.lists(st.tuples(MOVE, MOVE, LEVERAGE, st.none() | st.integers(-9, 9)), min_size=1, max_size=50)


def marked(metrics: Metrics, equity: Floats, price: Floats | None = None) -> Metrics:
    """Bars of 12 h, the first of which began at START; always long."""
    price = np.full(len(equity), 50.0) if price is None else price
    for i in range(len(equity)):
        metrics.on_mark(START + (i + 1) * STEP, float(price[i]), float(equity[i]), 1.0, float("nan"), 0.0)
    return metrics


def strict(results: Results) -> Results:
    """The same, through JSON that knows neither NaN nor infinity."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} in the JSON")

    json.loads(results.model_dump_json(), parse_constant=refuse)
    again = Results.model_validate_json(results.model_dump_json())
    assert again == results
    assert all(isinstance(line, str) for line in results.lines())
    return results


@given(ROWS, st.integers(1, 51))
def test_metrics_are_those_of_the_whole_series(rows: list[tuple[int, int, float, int | None]], chunk: int) -> None:
    price_moves, moves, exposure, y_hats = zip(*rows, strict=True)
    price, equity = values_of(price_moves, 50.0), values_of(moves)
    metrics = Metrics("12h", 100.0, resamples=20, chunk=chunk)
    for i, y_hat in enumerate(y_hats):
        nan = float("nan") if y_hat is None else float(y_hat)
        metrics.on_mark(START + (i + 1) * STEP, float(price[i]), float(equity[i]), exposure[i], nan, 0.0)
    found = strict(metrics.result(totals(equity[-1])))

    n, before = len(rows), np.concatenate([[100.0], equity[:-1]])
    returns = equity / before - 1
    assert found.period.bars == found.risk.periods == n
    assert found.period.days == n / 2
    assert found.period.start == datetime(2025, 1, 1, tzinfo=UTC)
    assert found.period.periods_per_year == 730
    assert found.returns.total == pytest.approx(equity[-1] / 100 - 1, abs=1e-12)
    assert (found.returns.best_bar, found.returns.worst_bar) == (returns.max(), returns.min())
    assert found.exposure.share == pytest.approx(np.mean(np.array(exposure) != 0))
    assert found.exposure.short == pytest.approx(np.mean(np.array(exposure) < 0))
    assert found.exposure.max_leverage == np.abs(exposure).max()
    assert found.benchmark.end_equity == pytest.approx(100 * price[-1] / price[0])
    peaks = np.maximum.accumulate(np.concatenate([[100.0], equity]))[1:]
    assert found.drawdown.depth == pytest.approx((1 - equity / peaks).max(), abs=1e-12)
    if len(set(moves)) > 1:
        assert found.risk.volatility == pytest.approx(returns.std(ddof=1) * 730**0.5)
        assert found.risk.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1) * 730**0.5)
    # The pieces in which rows were taken change nothing but the last digits.
    again = Metrics("12h", 100.0, resamples=20)
    for i, y_hat in enumerate(y_hats):
        nan = float("nan") if y_hat is None else float(y_hat)
        again.on_mark(START + (i + 1) * STEP, float(price[i]), float(equity[i]), exposure[i], nan, 0.0)
    assert flat(again.result(totals(equity[-1]))) == pytest.approx(flat(found), rel=1e-6, abs=1e-9)


def flat(results: Results) -> dict[str, float | str | None]:
    """All fields by name, None and dates as they are shown."""
    found: dict[str, float | str | None] = {}

    def walk(name: str, value: object) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{name}.{key}", inner)
        elif isinstance(value, list):
            walk(name, dict(enumerate(value)))
        else:
            found[name] = value if isinstance(value, int | float) else None

    walk("", results.model_dump(mode="json"))
    return {name: value for name, value in found.items() if value is not None}


def test_a_year_by_hand() -> None:
    """Two bars of a quarter of a year each: +20 %, −10 %."""
    metrics = Metrics("91d", 100.0)
    step = 91 * 24 * HOUR
    metrics.on_mark(START + step, 50.0, 120.0, 1.5, 0.1, 0.0)
    metrics.on_mark(START + 2 * step, 60.0, 108.0, -1.5, 0.1, 0.0)
    found = strict(metrics.result(totals(108)))
    a_year = 365 / 91
    assert found.period.periods_per_year == pytest.approx(a_year)
    assert found.returns.cagr == pytest.approx(1.08 ** (a_year / 2) - 1)
    assert found.risk.sharpe_per_period == pytest.approx(0.05 / 0.045**0.5)
    assert found.risk.volatility == pytest.approx((0.045 * a_year) ** 0.5)
    assert found.risk.sortino == pytest.approx(0.05 / 0.005**0.5 * a_year**0.5)
    assert found.risk.calmar == pytest.approx((1.08 ** (a_year / 2) - 1) / 0.1)
    assert (found.risk.skewness, found.risk.kurtosis) == (pytest.approx(0, abs=1e-12), pytest.approx(1))
    assert found.risk.probabilistic_sharpe == pytest.approx(0.5932, abs=1e-4)  # Φ(0.2357)
    peak, end = datetime(2025, 4, 2, tzinfo=UTC), datetime(2025, 7, 2, tzinfo=UTC)
    assert found.drawdown == DrawdownMetrics(depth=0.1, money=12, peak=peak, trough=end, days=91, longest_days=91)
    assert found.exposure == ExposureMetrics(share=1, long=0.5, short=0.5, max_leverage=1.5)
    held = BenchmarkMetrics(end_equity=120, total=0.2, cagr=1.2**a_year - 1, max_drawdown=0)
    assert found.benchmark.model_dump() == pytest.approx(held.model_dump())
    assert found.notes[0].startswith("Annualised with 365 days, from the interval: 91d is 4.01099 periods a year")
    assert [(month.year, month.month) for month in found.monthly] == [(2025, 4), (2025, 7)]


def test_trades_and_their_sides_by_hand() -> None:
    metrics = Metrics("12h", 100.0, chunk=2)
    metrics.on_trip(trip(1, "10", "1", log=0.1, hours=24))
    metrics.on_trip(trip(-1, "-4", "1", log=-0.04))
    metrics.on_trip(trip(1, "0.5", "1", log=0.005))
    metrics.on_trip(trip(-1, "1", "1", log=0.01))  # neither won nor lost
    metrics.on_trip(trip(1, "3", "1", log=0.03, entry="25", qty="1"))
    found = strict(metrics.result(totals(105.5)))
    expected = TripMetrics(
        trades=5,
        wins=2,
        win_rate=0.4,
        gross_win_rate=0.8,
        average_win=5.5,
        average_loss=-2.75,
        best=9,
        worst=-5,
        average_return=0.023,
        best_return=0.09,
        worst_return=-0.05,
        profit_factor=2,
        expectancy=1.1,
        average_days=0.6,
        gross_pnl=10.5,
        fees=5,
        net_pnl=5.5,
        sum_log_return=0.105,
    )
    assert found.trades.model_dump() == pytest.approx(expected.model_dump())
    assert (found.long.trades, found.long.wins, found.long.net_pnl) == (3, 2, pytest.approx(10.5))
    assert (found.short.trades, found.short.win_rate, found.short.profit_factor) == (2, 0, 0)
    assert found.short.average_win is None


def test_costs_by_hand() -> None:
    paid = totals(
        110, fees=Decimal(3), slippage=Decimal(2), funding=Decimal(-1), turnover=Decimal(5_000), fills=4, liquidations=1
    )
    costs = strict(marked(Metrics("12h", 100.0), values_of([0] * 365 + [1_000] + [0] * 364)).result(paid)).costs
    assert costs.gross == 14
    assert costs.net == 10
    assert costs.paid_bps == 10
    # 30 bps of 5000 would have been all of the 15 that were earned before fees and slippage.
    assert costs.break_even_bps == 30
    assert costs.turnover_per_year == 50
    assert (costs.fills, costs.liquidations) == (4, 1)


def test_the_open_position_is_apart() -> None:
    first = Fill(START, "BTCUSDT", 0.1, Decimal("-0.5"), Decimal(70), Decimal(0), Decimal(100))
    found = strict(Metrics("12h", 100.0).result(totals(open_trip=first, unrealised=Decimal("2.5"))))
    assert found.open == OpenPosition(
        since=datetime(2025, 1, 1, tzinfo=UTC), signed_qty=-0.5, entry_price=70, unrealised=2.5
    )
    assert found.trades.trades == 0


def test_nothing_at_all() -> None:
    found = strict(Metrics("12h", 100.0).result(totals()))
    assert (found.period.start, found.period.bars, found.monthly) == (None, 0, ())
    assert found.returns.total is None
    assert found.risk == RiskMetrics(periods=0)
    assert found.drawdown == DrawdownMetrics(longest_days=0)
    assert found.benchmark == BenchmarkMetrics()
    assert found.trades.win_rate is found.trades.profit_factor is found.trades.best is None
    assert found.costs.break_even_bps is found.costs.turnover_per_year is None


def test_one_bar() -> None:
    found = strict(marked(Metrics("12h", 100.0), np.array([101.0])).result(totals(101)))
    assert found.returns.total == pytest.approx(0.01)
    assert found.risk.periods == 1
    assert found.risk.volatility is found.risk.sharpe is found.risk.probabilistic_sharpe is None
    assert found.benchmark.cagr is None


def test_never_a_trade() -> None:
    found = strict(marked(Metrics("12h", 100.0), np.full(100, 100.0)).result(totals()))
    assert found.risk == RiskMetrics(volatility=0.0, periods=100)
    assert found.returns.cagr == 0
    assert found.drawdown == DrawdownMetrics(depth=0.0, money=0.0, longest_days=0.0)
    assert found.model.hit_rate is found.model.ic.value is None


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_ruin_is_said_and_ends_the_ratios(chunk: int) -> None:
    equity = np.array([110.0, 50.0, -10.0, -10.0, 5.0])
    found = strict(marked(Metrics("12h", 100.0, chunk=chunk), equity).result(totals(5)))
    assert found.returns.ruined_at == datetime(2025, 1, 2, 12, tzinfo=UTC)
    assert found.returns.total == pytest.approx(-0.95)
    assert found.returns.cagr is None
    assert found.risk == RiskMetrics(periods=3)
    assert found.drawdown.depth == pytest.approx(120 / 110)
    assert found.drawdown.money == 120
    assert any(note.startswith("Ruin: equity was 0 or less at 2025-01-02 12:00:00 UTC") for note in found.notes)


def test_more_marks_after_a_result() -> None:
    """A result may be asked for on the way."""
    equity = values_of([50, -30, 20, -10, 40, 5])
    metrics, once = Metrics("12h", 100.0), Metrics("12h", 100.0)
    marked(once, equity)
    for i, value in enumerate(equity):
        metrics.on_mark(START + (i + 1) * STEP, 50.0, float(value), 1.0, float("nan"), 0.0)
        metrics.result(totals(value))
    assert flat(metrics.result(totals(equity[-1]))) == pytest.approx(flat(once.result(totals(equity[-1]))))


@pytest.mark.parametrize("equity", [0.0, -1.0, float("nan"), float("inf")])
def test_a_start_without_money_is_refused(equity: float) -> None:
    with pytest.raises(ValueError, match="start equity"):
        Metrics("12h", equity)


def test_an_interval_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="interval 'trade' is unknown"):
        Metrics("trade", 100.0)


def test_results_hold_no_infinity() -> None:
    with pytest.raises(ValidationError, match="finite"):
        BenchmarkMetrics(total=float("inf"))
