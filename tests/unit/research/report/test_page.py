"""The page as text: whole, closed to the network, and safe from what stands in names."""

import re
from typing import Any

import pytest

from services.research.metrics import Results
from services.research.report import html_report
from services.research.report.page import figures, words
from tests.unit.research.report.made import START, STEP, at, made

HOSTILE = "</script><script>alert(1)</script>&<b>"


def test_the_page_loads_nothing_and_holds_the_library_once() -> None:
    result, curve = made()
    page = html_report(title="A title", results={"legs": result}, curves={"legs": curve}, settings={})
    assert "default-src 'none'" in page
    assert not re.findall(r"""(?:src|href|srcset|action|data)\s*=\s*["']?\s*(?:https?:)?//""", page)
    assert not re.findall(r"jsdelivr|cdnjs|unpkg|googleapis|@import", page)
    assert page.count("window.vegaEmbed=") == 1
    assert len(page) < 1_200_000


def test_text_is_escaped_everywhere() -> None:
    result, curve = made()
    page = html_report(title=HOSTILE, results={HOSTILE: result}, curves={HOSTILE: curve}, settings={HOSTILE: HOSTILE})
    plain = html_report(title="t", results={"n": result}, curves={"n": curve}, settings={"s": "s"})
    assert "<script>alert" not in page
    assert "<b>" not in page
    assert page.count("<script") == plain.count("<script") == 3
    assert page.count("</script") == plain.count("</script")


@pytest.mark.parametrize(
    ("learned_ns", "sentence"),
    [
        (None, "its card does not say"),
        ((0, START), "fitted on none of these bars"),
        ((START, at(0) + 149 * STEP // 4), "fitted on 25 % of this time"),
    ],
)
def test_it_says_what_the_model_has_seen_before(learned_ns: tuple[int, int] | None, sentence: str) -> None:
    result, curve = made(bars=150)
    page = html_report(title="t", results={"n": result}, curves={"n": curve}, settings={}, learned_ns=learned_ns)
    assert sentence in page


def test_it_says_what_is_sampled() -> None:
    (result, all_drawn), (_, curve) = made(), made(bars=9_000, trades=2_500)
    page = html_report(title="t", results={"n": result}, curves={"n": curve}, settings={})
    assert "The curves show 2,250 points, one for 4 of 9,000 bars" in page
    assert "Of the predictions one in 8 is drawn." in page
    assert "Of the trades one in 2 is drawn." in page
    assert "the curves show all 150 bars" in html_report(
        title="t", results={"n": result}, curves={"n": all_drawn}, settings={}
    )


def test_results_and_curves_belong_together() -> None:
    result, curve = made()
    with pytest.raises(ValueError, match="each with its curve"):
        html_report(title="t", results={"legs": result}, curves={}, settings={})
    with pytest.raises(ValueError, match="same bars"):
        html_report(
            title="t", results={"a": result, "b": result}, curves={"a": curve, "b": made(bars=99)[1]}, settings={}
        )


# The sentences say what the numbers do.


def changed(**sections: dict[str, Any]) -> Results:
    """A made-up result with other numbers."""
    result, _ = made()
    parts = {name: getattr(result, name).model_copy(update=fields) for name, fields in sections.items()}
    return result.model_copy(update=parts)


@pytest.mark.parametrize(
    ("costs", "sentence"),
    [
        ({"fills": 0}, "It never traded."),
        ({"gross": 100.0, "net": 75.0}, "it earned 100.00; fees, slippage and funding took 25.00, 25.0 % of it."),
        ({"gross": 10.0, "net": -5.0}, "it earned 10.00; fees, slippage and funding took 15.00, more than that."),
        ({"gross": -10.0, "net": -15.0}, "it lost 10.00; fees, slippage and funding took 5.00."),
        ({"gross": 10.0, "net": 10.0}, "it earned 10.00; trading cost nothing."),
    ],
)
def test_the_costs_in_a_sentence(costs: dict[str, Any], sentence: str) -> None:
    assert words("legs", changed(costs=costs))[1].endswith(sentence)


@pytest.mark.parametrize(
    ("ic", "sentence"),
    [
        ((0.1, -0.05, 0.25), "between −0.050 and 0.250: which chance alone can explain."),
        ((0.1, 0.02, 0.2), "between 0.020 and 0.200: which chance alone hardly explains."),
        ((0.1, None, None), "was 0.100; for an interval there are too few."),
        ((None, None, None), "did not vary, so there is no correlation."),
    ],
)
def test_the_models_skill_in_a_sentence(ic: tuple[float | None, ...], sentence: str) -> None:
    estimate = made()[0].model.ic.model_copy(update=dict(zip(("value", "low", "high"), ic, strict=True)))
    assert words("legs", changed(model={"ic": estimate}))[2].endswith(sentence)


def test_a_model_that_never_spoke() -> None:
    result, _ = made(predicts=False)
    assert (
        words("legs", result)[2] == "No prediction out of sample had an outcome, so nothing can be said of the model."
    )


def test_each_key_figure_is_there_for_each_variant() -> None:
    first = changed(returns={"total": 0.5}, costs={"gross": 30.0, "net": 10.0}, drawdown={"depth": 0.25})
    second = changed(returns={"total": -0.125}, costs={"gross": 30.0, "net": 25.0}, drawdown={"depth": 0.0})
    found = {figure.label: figure for figure in figures({"legs": first, "netted": second})}
    assert len(found) == 6
    assert found["Return"].values == {"legs": "+50.0 %", "netted": "−12.5 %"}
    assert found["Costs"].values == {"legs": "20.00", "netted": "5.00"}
    assert found["Deepest drawdown"].values == {"legs": "−25.0 %", "netted": "0.0 %"}
