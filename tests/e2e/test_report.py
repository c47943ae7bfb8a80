"""`tickline backtest --report`: the file, opened in a browser without network."""

from pathlib import Path

import pytest

from services.research.report import html_report
from tests.browser import opened
from tests.e2e.command import Tickline
from tests.unit.research.report.made import made

pytestmark = pytest.mark.timeout(600)

# What is on the page: for each chart how many marks of each kind; how wide the page is, and the window.
MARKS = """
const charts = {};
for (const chart of document.querySelectorAll(".chart")) {
  const marks = charts[chart.dataset.panel] = {};
  for (const group of chart.querySelectorAll("svg g[class*='mark-']")) {
    const kind = group.getAttribute("class").match(/mark-(\\w+) role-mark/);
    if (kind) marks[kind[1]] = (marks[kind[1]] || 0) + [...group.children].filter(drawn).length;
  }
}
function drawn(mark) {
  const box = mark.getBBox();
  return box.width > 0 || box.height > 0;
}
return {
  charts, sentences: [...document.querySelectorAll(".nothing")].map(it => it.textContent),
  planted: document.querySelectorAll("[data-planted]").length,
  page: document.documentElement.scrollWidth, window: document.documentElement.clientWidth,
};
"""

# What the equity chart tells when a pointer is over it: the names of the values.
TOLD = """
const rule = document.querySelector("[data-panel=equity] .mark-rule.role-mark :is(line, path)");
rule.dispatchEvent(new PointerEvent("pointermove", { bubbles: true }));
return [...document.querySelectorAll("#vg-tooltip-element .key")].map(it => it.textContent);
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, bars: Path) -> Path:
    """A report of a real backtest, by the command."""
    tickline = Tickline(tmp_path_factory.mktemp("report"))
    path = tickline.folder / "report.html"
    given = ("--sym", "BTCUSDT", "--interval", "12h", "--balance", "100", "--fee", "0.0003")
    done = tickline("backtest", "--data", bars, *given, "--report", path)
    assert done.code == 0, done.err
    assert tickline.left() == {}
    return path


@pytest.mark.long
def test_every_chart_is_drawn(report: Path) -> None:
    found = opened(report, MARKS)
    assert (found.console, found.loads) == ([], [])
    charts = found.answer["charts"]
    assert found.answer["sentences"] == []
    assert list(charts) == [
        "equity", "underwater", "months-0", "months-1", "fees-0", "fees-1", "scatter", "rolling-ic",
    ]  # fmt: skip
    assert charts["equity"]["line"] == 3  # legs, netted, buy and hold
    assert charts["underwater"]["line"] == charts["underwater"]["area"] == 2
    for variant in "01":
        assert charts[f"months-{variant}"]["rect"] == 3  # January to March
        assert charts[f"months-{variant}"]["text"] == 4  # and the year
        assert charts[f"fees-{variant}"]["line"] == 3
        assert charts[f"fees-{variant}"]["area"] == 1
    assert charts["scatter"]["symbol"] == 146  # 150 bars: three lags, and the last has no outcome yet
    assert charts["scatter"]["text"] == 4
    assert charts["scatter"]["line"] == charts["rolling-ic"]["line"] == charts["rolling-ic"]["area"] == 1


def test_a_phone_does_not_scroll_sideways(report: Path) -> None:
    found = opened(report, MARKS, width=400)
    assert found.answer["window"] == found.answer["page"] == 400
    assert found.answer["charts"]["equity"]["line"] == 3


@pytest.mark.long
def test_names_that_are_html_are_text(tmp_path: Path) -> None:
    hostile = """</script><img data-planted src=x onerror="console.log('run')">'"&\\"""
    result, curve = made()
    page = tmp_path / "hostile.html"
    page.write_text(
        html_report(title=hostile, results={hostile: result}, curves={hostile: curve}, settings={hostile: hostile})
    )
    both = f"const marks = (() => {{ {MARKS} }})(); const told = (() => {{ {TOLD} }})(); return {{ ...marks, told }};"
    found = opened(page, both)
    assert (found.console, found.loads) == ([], [])
    assert found.answer["planted"] == 0
    assert found.answer["charts"]["equity"]["line"] == 2
    assert found.answer["told"] == ["UTC", hostile, "buy and hold"]


def test_a_backtest_without_anything_is_sentences(tmp_path: Path) -> None:
    """No trade, no prediction, equal prices: what is left are a straight line and a month of 0 %."""
    result, curve = made(bars=20, trades=0, predicts=False, moves=False)
    page = tmp_path / "nothing.html"
    page.write_text(html_report(title="t", results={"legs": result}, curves={"legs": curve}, settings={}))
    found = opened(page, MARKS)
    assert (found.console, found.loads) == ([], [])
    assert list(found.answer["charts"]) == ["equity", "months-0"]
    assert found.answer["charts"]["equity"]["line"] == 2
    assert found.answer["charts"]["months-0"]["rect"] == 1
    assert len(found.answer["sentences"]) == 4


@pytest.mark.parametrize("policy", ["", "default-src 'none'; script-src 'unsafe-inline'"])
def test_the_browser_tells_what_is_loaded_from_outside(tmp_path: Path, policy: str) -> None:
    """Else a list without addresses would prove nothing."""
    page, picture = tmp_path / "outside.html", "https://example.com/picture.png"
    forbid = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    page.write_text(f'<!DOCTYPE html><html><head>{forbid}</head><body><img src="{picture}"></body></html>')
    assert opened(page, "return 1;").loads == [picture]
