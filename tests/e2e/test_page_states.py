"""The page in a browser says whether what it shows is true now."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.command import wait_for
from tests.e2e.page_browser import hide, is_in
from tests.e2e.page_server import PageServer, Site
from tests.e2e.page_views import busy, empty

TABS = 10  # a browser has six connections a host

pytestmark = pytest.mark.long


@pytest.fixture
def server() -> Iterator[PageServer]:
    server = PageServer().start()
    yield server
    server.stop()


@pytest.fixture
def site(chrome: Browser, server: PageServer) -> Iterator[Site]:
    site = Site(chrome, server)
    yield site
    site.end()


def test_it_is_loading_until_there_is_a_view(site: Site) -> None:
    page = site.tab("loading")
    expect(page.locator("#heard")).to_have_text("no figures yet")
    site.server.say(empty())
    is_in(page, "live")


def test_a_line_that_has_just_begun_says_of_each_panel_why_it_is_empty(site: Site) -> None:
    site.server.say(empty())
    page = site.tab()
    for panel in ("line", "equity", "positions", "orders", "decisions", "alerts", "reconciliation"):
        expect(page.locator(f"#{panel} .empty")).to_be_visible()
    expect(page.locator("table:visible")).to_have_count(0)
    expect(page.get_by_role("button", name="Halt")).to_have_attribute("aria-disabled", "true")


def test_a_view_is_shown_when_it_comes_and_not_before(site: Site) -> None:
    site.server.say(busy())
    page = site.tab()
    now = page.locator("#figures dd").first
    expect(now).to_have_text("10,234.57")
    view = busy(revision=813)
    view["equity"]["now"] = "10300.00"
    site.server.say(view)
    expect(now).to_have_text("10,300.00")


def test_silence_is_said_within_two_seconds_and_ages_go_on(site: Site) -> None:
    site.server.say(busy())
    page = site.tab(before=lambda it: it.clock.install())
    page.clock.pause_at(page.evaluate("Date.now() / 1000 + 1"))
    site.server.say(busy("live", venue="okx"))
    expect(page.locator("#facts")).to_contain_text("main at okx")  # heard at the time at which the clock stands
    site.server.hang()
    page.clock.run_for(1850)
    expect(page.locator("body")).to_have_attribute("data-state", "live")
    page.clock.run_for(150)
    is_in(page, "disconnected")
    expect(page.locator("#notice")).to_contain_text("Disconnected")
    age = page.locator("#positions tbody tr").first.locator('td[data-name="Price\'s age"]')
    before = float(age.inner_text().removesuffix(" s"))
    page.clock.run_for(4000)
    expect(page.locator("#heard")).to_contain_text("ago")
    assert float(age.inner_text().removesuffix(" s")) >= before + 3


def test_what_the_server_calls_stale_is_said_and_dimmed(site: Site) -> None:
    site.server.say(busy())
    page = site.tab()
    figure = page.locator("#figures dd").first
    assert "line-through" not in figure.evaluate("it => getComputedStyle(it).textDecoration")
    site.server.stale = [{"what": "bus", "age_s": 3, "sentence": "The bus has not answered for 3 s."}]
    is_in(page, "stale")
    expect(page.locator("#notice")).to_have_text("The bus has not answered for 3 s.")
    assert "line-through" in figure.evaluate("it => getComputedStyle(it).textDecoration")
    site.server.stale = []
    is_in(page, "live")
    expect(page.locator("#notice")).to_be_empty()


def test_it_finds_a_server_again_that_was_started_anew(site: Site) -> None:
    site.server.say(busy("paper"))
    page = site.tab()
    site.server.stop()
    is_in(page, "disconnected")
    expect(page.locator("#figures dd").first).to_have_text("10,234.57")  # old, and it says so
    site.server.token = "token-2"
    site.server.start()
    is_in(page, "live")
    page.get_by_role("button", name="Halt").click()
    page.keyboard.type("halt")
    page.keyboard.press("Enter")
    expect(page.locator("#confirm-answer")).to_have_text("halt: done.")
    assert site.server.acts == [("halt", "halt", "token-2")]


def test_who_is_signed_out_is_told_and_goes_on_after_signing_in_elsewhere(site: Site) -> None:
    site.server.say(busy())
    page = site.tab()
    site.server.stop()
    site.server.signed_in = False
    site.server.start()
    expect(page.locator("#notice")).to_contain_text("Signed out")
    expect(page.locator("#notice a")).to_have_attribute("href", "/login")
    is_in(page, "disconnected")
    site.server.signed_in = True
    other = site.tab()
    is_in(page, "live")
    is_in(other, "live")


def test_a_hidden_tab_has_no_stream_and_shows_nothing_old_as_live(site: Site) -> None:
    site.server.say(busy())
    page = site.tab()
    assert site.server.streams == 1
    hide(page)
    wait_for(lambda: site.server.streams == 0, "the stream is closed")
    site.server.beating = False
    hide(page, False)
    is_in(page, "stale")
    site.server.beating = True
    is_in(page, "live")
    wait_for(lambda: site.server.streams == 1, "the stream is there again")


def test_many_tabs_share_one_stream_and_each_can_act(site: Site) -> None:
    site.server.say(busy())
    pages = [site.tab() for _ in range(TABS)]
    assert site.server.streams == 1
    for page in pages:
        page.get_by_role("button", name="Halt").click()
        page.keyboard.type("halt")
        page.keyboard.press("Enter")
        expect(page.locator("#confirm-answer")).to_have_text("halt: done.")
    assert len(site.server.acts) == TABS
    pages[0].close()  # it had the stream
    view = busy(revision=813)
    view["equity"]["now"] = "10300.00"
    site.server.say(view)
    for page in pages[1:]:
        expect(page.locator("#figures dd").first).to_have_text("10,300.00")
        is_in(page, "live")
    wait_for(lambda: site.server.streams == 1, "one tab has taken the stream over")
