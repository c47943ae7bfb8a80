"""What each chart is made of, and the sentence in its place where there is nothing to draw."""

import math
from typing import Any

import numpy as np
import pytest

from services.research.metrics.sums import MonthReturn
from services.research.report import Curve
from services.research.report.drawing import Panel, TrainingSpan
from services.research.report.money_charts import equity, fees, months, underwater
from services.research.report.prediction_charts import rolling_ic, scatter
from tests.unit.research.report.made import START, at, made

NOTHING = "nothing was said"


def marked(*rows: tuple[float, float, float]) -> Curve:
    """Bars of price, equity and prediction."""
    curve = Curve(100.0)
    for bar, (price, worth, y_hat) in enumerate(rows):
        curve.on_mark(at(bar), price, worth, 0.0, y_hat, 0.0)
    return curve


def column(panel: Panel, name: str, table: str = "rows", part: int = 0) -> list[Any]:
    """A column of a table's part."""
    values: list[Any] = panel.tables[table][part]["columns"][name]
    return values


def named(panel: Panel) -> list[str]:
    return [part["same"]["name"] for part in panel.tables["rows"]]


def test_equity_is_beside_the_same_money_in_the_asset() -> None:
    curves = {"legs": marked((50, 100, 0), (60, 90, 0)), "netted": marked((50, 100, 0), (60, 95, 0))}
    panel = equity(curves, None)
    assert named(panel) == ["legs", "netted", "buy and hold"]
    assert [column(panel, "y", part=part) for part in range(3)] == [[100, 90], [100, 95], [100, 120]]
    assert column(panel, "t") == [at(0) // 10**6, at(1) // 10**6]
    assert column(panel, "v2", "hover") == [120, 100]


@pytest.mark.parametrize(("end", "log"), [(900.0, False), (1_100.0, True), (-5.0, False)])
def test_equity_that_grows_tenfold_is_on_a_log_scale(end: float, log: bool) -> None:
    panel = equity({"legs": marked((50, 100, 0), (50, end, 0))}, None)
    assert panel.spec is not None
    assert ('"type": "log"' in str(panel.spec).replace("'", '"')) is log


def test_underwater_is_below_the_highest_so_far() -> None:
    panel = underwater({"legs": marked((50, 80, 0), (50, 110, 0), (50, 99, 0))})
    assert column(panel, "y") == pytest.approx([-0.2, 0, -0.1])


def test_fees_are_the_difference_of_the_lines() -> None:
    _, curve = made(bars=100, trades=10)
    panel = fees("legs", curve, "fees-0", 0.0)
    assert named(panel) == ["before fees", "after fees", "fees"]
    before, after, paid = (np.array(column(panel, "y", part=part)) for part in range(3))
    assert paid.tolist() == pytest.approx([0.06 * number for number in range(curve.trips + 1)])
    assert before - after == pytest.approx(paid, abs=1e-6)
    assert column(panel, "t")[0] == at(0) // 10**6
    assert "Slippage" not in panel.caption
    assert "Slippage" in fees("legs", curve, "fees-0", 1.0).caption


def test_months_have_a_year_and_few_letters() -> None:
    found = [(2024, 12, 0.5), (2025, 1, -0.12345), (2025, 2, 0.1), (2025, 3, -0.0001)]
    panel = months("legs", [MonthReturn(year=y, month=m, total=t, buy_and_hold=0.0) for y, m, t in found], "m", 0.5)
    assert column(panel, "text") == ["50", "−12", "10", "0.0"]
    assert column(panel, "month") == ["Dec", "Jan", "Feb", "Mar"]
    assert column(panel, "month", part=1) == ["Year", "Year"]
    assert column(panel, "text", part=1) == ["50", "−3.6"]


def test_the_scatter_has_each_pair_and_counts_the_corners() -> None:
    curve = marked((100, 1, 0.01), (110, 1, 0.02), (99, 1, -0.01), (90, 1, 0.0), (90, 1, math.nan))
    panel = scatter(curve, NOTHING)
    assert column(panel, "x") == [0.01, 0.02, -0.01, 0]
    assert column(panel, "y") == pytest.approx([math.log(ratio) for ratio in (1.1, 0.9, 90 / 99, 1)], rel=1e-6)
    assert column(panel, "name") == ["direction right", "direction wrong", "direction right", "no direction"]
    counts = {text.split(": ")[0]: int(text.split(": ")[1]) for text in column(panel, "text", "corners")}
    assert counts == {"said up, rose": 1, "said up, fell": 1, "said down, fell": 1, "said down, rose": 0}


def test_the_line_of_the_scatter_is_least_squares() -> None:
    _, curve = made()
    panel = scatter(curve, NOTHING)
    slope, intercept = np.polyfit([dot.y_hat for dot in curve.dots()], [dot.outcome for dot in curve.dots()], 1)
    x = np.array(column(panel, "x", "fit"))
    assert x.tolist() == [min(column(panel, "x", "corners")), max(column(panel, "x", "corners"))]
    assert column(panel, "y", "fit") == pytest.approx(slope * x + intercept, rel=1e-5)
    same = scatter(marked((100, 1, 0.01), (101, 1, 0.01), (99, 1, 0.0)), NOTHING)
    assert column(same, "x", "fit") == []  # any line would do


def test_rolling_is_the_correlation_of_each_window() -> None:
    _, curve = made(bars=400)
    panel = rolling_ic(curve, NOTHING, None)
    dots, window = curve.dots(), 51  # an eighth of 396 pairs
    assert f"over {window} predictions" in panel.title
    x, y = (np.array([dot[i] for dot in dots]) for i in (1, 2))
    expected = [np.corrcoef(x[end - window : end], y[end - window : end])[0, 1] for end in range(window, len(x) + 1)]
    assert column(panel, "y")[-len(expected) :] == pytest.approx(expected, abs=1e-6)
    assert column(panel, "n")[-len(expected) :] == [window] * len(expected)
    assert column(panel, "high")[-1] == pytest.approx(1.96 / math.sqrt(window), rel=1e-6)
    assert column(panel, "y", "whole") == pytest.approx([np.corrcoef(x, y)[0, 1]], abs=1e-6)


def test_where_the_model_was_fitted_is_shaded() -> None:
    _, curve = made(bars=400)
    fitted = TrainingSpan(START // 10**6, at(200) // 10**6)
    for panel in (equity({"legs": curve}, fitted), rolling_ic(curve, NOTHING, fitted)):
        assert column(panel, "until", "learned") == [fitted.end]
        assert column(panel, "t", "learned")[0] >= fitted.start
    assert "learned" not in rolling_ic(curve, NOTHING, TrainingSpan(0, START // 10**6)).tables


@pytest.mark.parametrize(
    ("panel", "sentence"),
    [
        pytest.param(lambda: equity({"a": marked((50, 100, 0))}, None), "fewer than two bars", id="one bar"),
        pytest.param(lambda: underwater({"a": marked((50, 100, 0), (60, 100, 0))}), "never was below", id="constant"),
        pytest.param(lambda: underwater({"a": Curve(100.0)}), "never was below", id="no bar"),
        pytest.param(lambda: fees("a", marked((50, 100, 0)), "f", 0.0), "No trade was closed", id="no trade"),
        pytest.param(lambda: months("a", (), "m", 1.0), "too few bars", id="no month"),
        pytest.param(lambda: scatter(marked((50, 100, math.nan)), NOTHING), NOTHING, id="no prediction"),
        pytest.param(lambda: rolling_ic(marked((50, 100, 0.1)), NOTHING, None), NOTHING, id="no outcome"),
        pytest.param(lambda: rolling_ic(made(bars=50)[1], NOTHING, None), "Only 46 of the predictions", id="few"),
        pytest.param(lambda: rolling_ic(made(varies=False)[1], NOTHING, None), "did not vary", id="constant said"),
        pytest.param(lambda: rolling_ic(made(moves=False)[1], NOTHING, None), "did not vary", id="constant price"),
    ],
)
def test_a_sentence_where_there_is_nothing_to_draw(panel: Any, sentence: str) -> None:
    found: Panel = panel()
    assert found.spec is None
    assert sentence in found.sentence
