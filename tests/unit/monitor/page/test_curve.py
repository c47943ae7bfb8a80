"""The curve is bounded, goes on where it was, and knows where the backtest's ways would stand."""

import json
from decimal import Decimal
from itertools import pairwise
from math import sqrt
from pathlib import Path

import pytest

from services.monitor.comparisons import FEWEST, Z90
from services.monitor.page.curve import MOST, EquityCurve, Expected
from shared.config import load_settings
from shared.status.state import LineStatus
from tests.unit.console.status.test_lines import BTC, ETH, TRADES

D = Decimal
BAR_MS = 1_000
CARD = Expected(0.001, 0.01, BAR_MS)
EQUITY, NOTIONAL = float(TRADES.equity or 0), 0.018 * 71500.2


def grown(count: int) -> EquityCurve:
    curve = EquityCurve(D(100))
    for i in range(count):
        curve.put(1_000 * i, D(100) + D(i % 7), D(100))
    return curve


def test_however_long_the_history_it_has_so_many_points_over_all_of_it() -> None:
    points = grown(100_000).figures().points
    assert len(points) <= MOST
    assert (points[0][0], points[-1][0]) == (0, 99_999_000)
    apart = [late[0] - early[0] for early, late in pairwise(points)]
    assert max(apart) <= 99_999_000 / (MOST / 2) * 2


def test_the_deepest_fall_is_kept_when_its_point_is_not() -> None:
    curve = EquityCurve(D(100))
    for i in range(10_001):
        curve.put(i, D(50) if i == 5_001 else D(100), None)
    figures = curve.figures()
    assert (figures.drawdown, figures.max_drawdown) == (0.0, 0.5)


def test_it_goes_on_where_it_was_and_not_with_another_lines(tmp_path: Path) -> None:
    file, curve = tmp_path / "curve", grown(2_000)
    curve.save(file, "a")
    again, other, none = EquityCurve(D(100)), EquityCurve(D(100)), EquityCurve(D(100))
    again.load(file, "a")
    other.load(file, "b")
    none.load(tmp_path / "nothing", "a")
    for one in (curve, again):
        one.put(2_500_000, D(90), D(100))
    assert again.figures() == curve.figures()
    assert not other.figures().points
    assert not none.figures().points
    file.write_text("{")
    other.load(file, "a")
    assert not other.figures().points


def held(qty: str) -> LineStatus:
    """The line with a position of this size; its equity stays."""
    return TRADES._replace(symbols={"BTCUSDT": BTC._replace(qty=D(qty)), "ETHUSDT": ETH})


def looked(bars: int, qty: str = "0.018") -> EquityCurve:
    """A curve of one look in each of so many bars, and one after the last."""
    curve = EquityCurve(D(2000), CARD)
    for i in range(bars + 1):
        curve.add(i * BAR_MS + 5, held(qty))
    return curve


def test_an_equity_that_is_not_known_is_no_point() -> None:
    curve = EquityCurve(D(2000))
    curve.add(5, TRADES._replace(symbols={"BTCUSDT": BTC._replace(unrealised=None)}))
    assert not curve.figures().points


def test_the_band_is_that_of_the_monitors_readings_in_money() -> None:
    """As `EquityBand` says it: nine in ten sums of so many bars, per unit of what is held."""
    points = looked(100).figures().points
    assert [point[2:4] for point in points[:FEWEST]] == [(None, None)] * FEWEST
    for bars in (FEWEST, 100):
        low, high = points[bars][2:4]
        middle, wide = 0.001 * bars, Z90 * 0.01 * sqrt(bars)
        assert (low, high) == pytest.approx((EQUITY + NOTIONAL * (middle - wide), EQUITY + NOTIONAL * (middle + wide)))


def test_a_short_position_counts_as_a_long_one_and_the_band_rests_while_nothing_is_held() -> None:
    curve = looked(40, "-0.018")
    assert curve.figures().points[-1][2:4] == looked(40).figures().points[-1][2:4]
    curve.add(41 * BAR_MS, held("0"))  # the bar that ends here was held
    after = curve.figures()
    for i in range(42, 60):
        curve.add(i * BAR_MS, held("0"))
    assert (after.held, curve.figures().held) == (41, 41)
    assert curve.figures().points[-1][2:4] == after.points[-1][2:4]


def test_bars_without_a_look_count_as_the_last_look_found_them_and_a_clock_that_goes_back_ends_none() -> None:
    seldom = EquityCurve(D(2000), CARD)
    for at_ms in (5, 70_005, 3, 100_005):
        seldom.add(at_ms, held("0.018"))
    assert seldom.figures().held == 100
    assert seldom.figures().points[-1][2:4] == pytest.approx(looked(100).figures().points[-1][2:4])


def test_the_band_goes_on_where_it_was_and_begins_with_a_file_of_an_earlier_version(tmp_path: Path) -> None:
    file, curve = tmp_path / "curve", looked(40)
    curve.save(file, "a")
    again, without = EquityCurve(D(2000), CARD), EquityCurve(D(2000))
    again.load(file, "a")
    without.load(file, "a")
    for one in (curve, again, without):
        one.add(41 * BAR_MS, held("0.018"))
    assert again.figures() == curve.figures()
    assert (without.figures().held, without.figures().points[-1][2:4]) == (None, (None, None))
    older = {name: value for name, value in json.loads(file.read_text()).items() if name != "band"}
    file.write_text(json.dumps(older))
    begun = EquityCurve(D(2000), CARD)
    begun.load(file, "a")
    begun.add(41 * BAR_MS, held("0.018"))
    assert (len(begun.figures().points), begun.figures().held) == (42, 0)


def test_the_card_says_what_to_expect_of_its_own_strategy_and_costs_alone() -> None:
    of_card = Expected.of(load_settings(symbols=("BTCUSDT",), interval="12h"))
    assert of_card is not None
    assert (of_card.bar_ms, of_card.sd > abs(of_card.mean) > 0) == (43_200_000, True)
    dearer = load_settings(symbols=("BTCUSDT",), interval="12h", gateway={"fee": "0.0004"})
    assert Expected.of(dearer) is None
    assert Expected.of(load_settings(symbols=("BTCUSDT",), signal={"model": "none"})) is None


def test_money_that_no_journal_told_is_no_point() -> None:
    curve = EquityCurve(D(2000), CARD)
    curve.add(5, TRADES._replace(money_from="nothing"))
    assert not curve.figures().points
