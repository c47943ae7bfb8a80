"""The page as text: whole, closed to the network, and safe from what stands in names."""

import re

import pytest

from services.research.report import html_report
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
