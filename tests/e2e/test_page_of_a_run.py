"""The page of a run that trades on paper, in a browser: its figures, and what it says of whatever dies."""

import json
import re
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.command import Tickline, wait_for
from tests.e2e.fake_session import FLIP
from tests.e2e.page_browser import PAGE_LINE, WIDTHS, Tabs, fits, is_in, is_readable, page_of, row, sign_in

CONFIG = """
symbols = ["SIM-A", "SIM-B"]
[ingestor]
ticks_per_s = 0.2
[signal]
model = "none"
[strategy]
name = "flip.py:Flip"
"""
# Notes what the stream brings: v for a view, b for a beat.
LISTENS = """
window.heard = "";
const add = EventSource.prototype.addEventListener;
EventSource.prototype.addEventListener = function (kind, take) {
  add.call(this, kind, take);
  add.call(this, kind, () => (window.heard += kind[0]));
};
"""
DIGIT = Decimal("1e-10")  # the last one of a size that the page shows
QUIET = re.compile("vb{5,}v")  # between two ticks, 5 s apart, nothing is committed

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


class Run(NamedTuple):
    """A run, the address of its page, and the cookie of a browser that has signed in there."""

    command: Tickline
    url: str
    signed_in: Any


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, chrome: Browser) -> Iterator[Run]:
    command = Tickline(tmp_path_factory.mktemp("run"))
    (command.folder / "tickline.toml").write_text(CONFIG)
    (command.folder / "flip.py").write_text(FLIP)
    try:
        url, code = page_of(command.start("run").process)
        tabs = Tabs(chrome, url)
        sign_in(tabs.tab(None), code)
        signed_in = tabs.context.storage_state()
        tabs.end()
        yield Run(command, url, signed_in)
    finally:
        command.end()


@pytest.fixture
def tabs(chrome: Browser, run: Run) -> Iterator[Tabs]:
    made = Tabs(chrome, run.url, storage_state=run.signed_in, viewport={"width": 1440, "height": 900})
    yield made
    made.end()


def said(run: Run, *words: str) -> str:
    """What a command says, typed beside the run."""
    done = run.command(*words)
    assert done.code == 0, done.err
    return done.out


def money(amount: str, sign: str = "") -> str:
    """As the page writes it."""
    rounded = Decimal(amount).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return f"{rounded:{sign if rounded else ''},}"


def test_another_browser_needs_another_code_and_may_sign_out(chrome: Browser, run: Run) -> None:
    told = PAGE_LINE.search(said(run, "page"))
    assert told is not None and told[1] == run.url
    tabs = Tabs(chrome, run.url)
    page = tabs.tab(None)
    sign_in(page, told[2])
    is_in(page, "live")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("One-time code")).to_be_visible()
    page.goto(run.url)
    expect(page.get_by_label("One-time code")).to_be_visible()
    tabs.end()
    after = PAGE_LINE.search(said(run, "page"))
    assert after is not None and after[2] != told[2]


def test_it_shows_the_figures_of_status_when_they_are_committed_and_is_told_nothing_between(
    tabs: Tabs, run: Run
) -> None:
    page = tabs.tab(before=lambda it: it.add_init_script(LISTENS))
    wait_for(lambda: QUIET.search(page.evaluate("heard")), "some seconds without a commit, and then one")
    figures = page.locator("#figures dd")

    def same() -> bool:
        told = json.loads(said(run, "status", "--json"))
        if told["today"] is None:
            return False
        shown = [figures.nth(i).inner_text() for i in (0, 2, 3)]
        for sym, one in told["symbols"].items():
            size = row(page, "positions", sym).locator('[data-name="Size"]').inner_text()
            if abs(Decimal(size.replace(",", "")) - Decimal(one["position"])) > DIGIT:
                return False
        return shown == [money(told["equity"]), money(told["today"], "+"), money(told["unrealised"], "+")]

    wait_for(same, "the page shows what status tells")


def test_an_order_opens_its_chain_as_trace_tells_it_and_a_symbol_its_prices(tabs: Tabs, run: Run) -> None:
    page = tabs.tab()
    row(page, "orders", "FILLED").first.locator("button").last.click()
    steps = page.locator("#drawer .steps li")
    expect(steps.filter(has_text="FILLED").first).to_be_visible()
    traced = said(run, "trace", page.locator("#drawer-body .quiet").inner_text())
    told = page.evaluate("[...document.querySelectorAll('#drawer .steps li')].map(it => it.lastChild.textContent)")
    assert len(told) >= 4
    for text in told:
        assert text in traced
    page.keyboard.press("Escape")
    symbol = row(page, "positions", "SIM-A").get_by_role("button")
    symbol.click()
    expect(page.locator("#drawer canvas")).to_have_count(2)
    symbol.evaluate("it => { document.getElementById('drawer').close(); it.click(); }")  # before it is told as closed
    expect(page.locator("#drawer canvas")).to_have_count(2)
    expect(page.locator("#drawer tbody tr").filter(has_text="fill").first).to_be_visible()


def test_on_paper_no_act_can_be_done_and_each_says_why(tabs: Tabs) -> None:
    page = tabs.tab()
    for name in ("Halt", "Disarm", "Reduce only", "Cancel all", "Flatten"):
        button = page.get_by_role("button", name=name, exact=True)
        expect(button).to_have_attribute("aria-disabled", "true")
        expect(button).to_have_accessible_description(re.compile("on paper nothing is sent to an exchange"))
        button.dispatch_event("click")
    expect(page.locator("dialog[open]")).to_have_count(0)


@pytest.mark.parametrize("width", WIDTHS)
def test_anybody_can_read_it_in_any_window(chrome: Browser, run: Run, width: int) -> None:
    for scheme in ("light", "dark"):
        window = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
        tabs = Tabs(chrome, run.url, storage_state=run.signed_in, **window)
        page = tabs.tab()
        expect(row(page, "orders", "FILLED").first).to_be_visible()
        fits(page)
        is_readable(page)
        row(page, "positions", "SIM-A").get_by_role("button").click()
        expect(page.locator("#drawer canvas")).to_have_count(2)
        is_readable(page)
        tabs.end()


@pytest.mark.parametrize(
    ("name", "state", "sentence"),
    [
        ("bus", "stale", "The bus has not answered"),
        ("signal", "stale", "Not at work: signal"),
        ("monitor", "disconnected", "the monitor does not answer"),
    ],
)
def test_what_dies_is_named_and_with_it_the_page_is_back(
    tabs: Tabs, run: Run, name: str, state: str, sentence: str
) -> None:
    page = tabs.tab()
    console, process = (run.command.service(one) for one in ("console", name))
    console.suspend()  # nobody starts it anew
    try:
        process.kill()
        is_in(page, state)
        expect(page.locator("#notice")).to_contain_text(sentence)
    finally:
        console.resume()
    is_in(page, "live")
    _goes_on(page)


def test_a_monitor_that_hangs_is_told_of_within_two_seconds_of_the_pages_clock(tabs: Tabs, run: Run) -> None:
    def before(page: Page) -> None:
        page.clock.install()
        page.add_init_script(LISTENS)

    page = tabs.tab(before=before)
    page.clock.pause_at(page.evaluate("Date.now() / 1000 + 1"))
    heard = len(page.evaluate("heard"))
    wait_for(lambda: len(page.evaluate("heard")) > heard, "a beat, at the time at which the clock stands")
    monitor = run.command.service("monitor")
    monitor.suspend()
    try:
        page.clock.run_for(1850)
        expect(page.locator("body")).to_have_attribute("data-state", "live")
        page.clock.run_for(150)
        is_in(page, "disconnected")
    finally:
        monitor.resume()
    page.clock.resume()
    is_in(page, "live")


def _goes_on(page: Page) -> None:
    """A decision comes that was not there."""
    newest = page.locator("#decisions tbody tr").first
    before = newest.inner_text()
    expect(newest).not_to_have_text(before, use_inner_text=True)
