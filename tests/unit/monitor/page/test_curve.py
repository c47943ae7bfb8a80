"""The curve is bounded, and goes on where it was."""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from services.monitor.page.curve import MOST, EquityCurve

D = Decimal


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
