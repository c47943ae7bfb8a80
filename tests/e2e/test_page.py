"""The page in a browser: what it shows, what opens, what a person can do, by keyboard too."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.page_browser import WIDTHS, fits, is_in, is_readable, row
from tests.e2e.page_server import PageServer, Site
from tests.e2e.page_views import ON_PAPER, busy, empty, hostile, symbol, trace

MODES = ("paper", "testnet", "live")

pytestmark = pytest.mark.long


@pytest.fixture
def server() -> Iterator[PageServer]:
    server = PageServer().start()
    server.say(busy())
    server.told = {"/api/symbol/BTCUSDT": (200, symbol())}
    for one in [*busy()["orders"], *busy()["decisions"], *symbol()["marks"]]:
        server.told[f"/api/trace/{one['trace']}"] = (200, trace())
    yield server
    server.stop()


@pytest.fixture
def site(chrome: Browser, server: PageServer) -> Iterator[Site]:
    site = Site(chrome, server, viewport={"width": 1440, "height": 900})
    yield site
    site.end()


def test_no_two_modes_share_a_colour_in_light_or_dark(site: Site) -> None:
    page = site.tab()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        seen = set()
        for mode in MODES:
            site.server.say(busy(mode))
            expect(page.locator("#mode")).to_have_text(mode.upper())
            seen.add(_background(page))
        site.server.say(busy("live", halted="Halted by anna: flat by hand."))
        expect(page.locator("#mode")).to_have_text("HALTED (live)")
        expect(page.locator("#halted")).to_have_text("Halted by anna: flat by hand.")
        seen.add(_background(page))
        assert len(seen) == len(MODES) + 1


def test_every_figure_has_its_place(site: Site) -> None:
    page = site.tab()
    said = {
        "#facts": ["11 h", "2,500", "203.41 of 250.00 left", "main at binance"],
        "#line": ["ticks", "predictions", "executions", "lag 3", "40/s", "sig-1a4f owns 4–7, 1 restart"],
        "#figures": ["10,234.57", "26,964.85", "+88.42", "1.23%", "41.07 (14.8% of gross)"],
        "#drift": ["ok: 688 held bars", "No edge shown"],
        "#reconciliation": ["ETHUSDT: the exchange holds 0.5"],
        "#notes": ["what was before it does not know"],
        "#worst": ["at most 312.40 by stops"],
        "#alerts": ["UNKNOWN order: ETHUSDT", "over: silent feed"],
    }
    for place, texts in said.items():
        for text in texts:
            expect(page.locator(place)).to_contain_text(text)
    expect(page.locator("#equity canvas")).to_be_visible()
    expect(page.get_by_role("img", name="The backtest's band is 9,879.30 to 10,679.30 now.")).to_be_visible()
    expect(page).to_have_title("1 alert · LIVE · Tickline")
    expect(row(page, "positions", "BTCUSDT")).to_contain_text("26,964.85")
    expect(row(page, "positions", "ETHUSDT")).to_contain_text("NAKED")
    expect(row(page, "orders", "UNKNOWN")).to_have_attribute("data-unknown", "")
    expect(page.locator("tr[data-unknown]")).to_have_count(1)
    expect(page.locator("#decisions tbody tr")).to_have_count(30)


def test_money_keeps_every_digit_of_its_text(site: Site) -> None:
    view = busy()
    view["equity"]["now"] = "9007199254740993.129"  # no float holds it
    site.server.say(view)
    expect(site.tab().locator("#figures dd").first).to_have_text("9,007,199,254,740,993.13")


def test_a_service_that_is_away_stands_out(site: Site) -> None:
    view = busy()
    view["line"][1] |= {"up": False, "owners": []}
    site.server.say(view)
    box = site.tab().locator("#line .signal")
    expect(box).to_have_attribute("data-up", "false")
    expect(box).to_contain_text("away")


@pytest.mark.parametrize("width", [1200, 1280, 1360, 1440])
def test_halt_stays_where_somebody_aims_at_it(site: Site, width: int) -> None:
    """However wide the figures of a line at work are, which come each second."""
    page, halt = site.tab(), set()
    page.set_viewport_size({"width": width, "height": 900})
    view = busy()
    for service in view["line"]:
        service["owners"] = [{"replica": "host-1-22eb03e4", "partitions": list(range(8)), "restarts": 0}]
    for number in range(8):
        for arrow in view["arrows"]:
            arrow |= {"per_second": 1.6 + number * 5.3, "lag": number * 140, "age_s": 0.1}
        account = f"account {number}"
        site.server.say({**view, "account": account})
        expect(page.locator("#facts")).to_contain_text(account)
        halt.add(page.get_by_role("button", name="Halt").evaluate("it => it.getBoundingClientRect().y"))
    assert len(halt) == 1, halt


def test_what_an_exchange_says_is_text_and_nothing_else(site: Site) -> None:
    site.server.say(hostile())
    site.server.told = {f"/api/trace/{one['trace']}": (200, trace()) for one in hostile()["decisions"]}
    page = site.tab()
    expect(row(page, "positions", "<img src=x")).to_have_count(8)
    page.locator("#decisions tbody tr .sentence button").first.click()
    expect(page.locator("#drawer-title")).to_contain_text("<script>alert(1)</script>")
    expect(page.locator("#drawer .steps")).to_contain_text("<img src=x")
    assert page.locator("img, body script, [onerror], [style*=url]").count() == 0
    assert "taken" not in page.title()


def test_focus_stays_where_it_is_while_views_come(site: Site) -> None:
    page = site.tab()
    button = row(page, "positions", "SOLUSDT").get_by_role("button")
    button.focus()
    view = busy("live", venue="okx")
    view["positions"].reverse()
    site.server.say(view)
    expect(page.locator("#facts")).to_contain_text("main at okx")
    expect(page.locator("#positions tbody tr").first).to_contain_text("AVAXUSDT")
    expect(button).to_be_focused()


def test_an_open_symbol_follows_what_is_committed_and_says_what_is_old(site: Site) -> None:
    whole, url = symbol(), "/api/symbol/BTCUSDT"
    began = {"points": whole["points"][:1], "marks": []}
    site.server.told[url] = (200, began)
    page = site.tab()
    row(page, "positions", "BTCUSDT").get_by_role("button").click()
    drawer = page.get_by_role("dialog", name="BTCUSDT")
    expect(drawer.get_by_text("No prices yet.")).to_be_visible()
    expect(drawer.locator("canvas")).to_have_count(0)

    site.server.told[url] = (200, whole)
    site.server.say(busy("live", venue="okx"))
    expect(drawer.locator("canvas")).to_have_count(2)
    expect(drawer.locator("tbody tr")).to_have_count(4)
    expect(drawer.get_by_text("No prices yet.")).to_be_hidden()

    button = drawer.get_by_role("button", name="fill 160")
    button.focus()
    site.server.told[url] = (503, {"sentence": "It cannot be read now: the bus."})
    site.server.say(busy("live", venue="bybit"))
    expect(drawer.get_by_role("status")).to_have_text("What is shown is old. It cannot be read now: the bus.")
    site.server.told[url] = (200, whole | {"marks": whole["marks"][1:]})
    site.server.say(busy("live", venue="okx"))
    expect(drawer.locator("tbody tr")).to_have_count(3)
    expect(drawer.get_by_role("status")).to_be_hidden()
    expect(drawer.locator("canvas")).to_have_count(2)
    expect(button).to_be_focused()
    site.said.clear()  # Chromium tells of a 503

    site.server.stale = [{"what": "bus", "age_s": 3, "sentence": "The bus has not answered for 3 s."}]
    expect(drawer.locator(".notice")).to_have_text("The bus has not answered for 3 s.")
    is_readable(page)
    site.server.stale = []
    expect(drawer.locator(".notice")).to_be_empty()


def test_a_symbol_opens_its_prices_and_a_mark_there_its_trace_by_keyboard_alone(site: Site) -> None:
    page = site.tab()
    _tab_to(page, row(page, "positions", "BTCUSDT").get_by_role("button"))
    page.keyboard.press("Enter")
    drawer = page.get_by_role("dialog", name="BTCUSDT")
    expect(drawer.locator("canvas")).to_have_count(2)
    expect(drawer.locator("tbody tr")).to_have_count(4)
    _tab_to(page, drawer.get_by_role("button", name="fill 160"))
    page.keyboard.press("Enter")
    expect(page.locator("#drawer .steps li")).to_have_count(6)
    _tab_to(page, page.get_by_role("button", name="Back"))
    page.keyboard.press("Enter")
    expect(drawer.locator("canvas")).to_have_count(2)
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(row(page, "positions", "BTCUSDT").get_by_role("button")).to_be_focused()


def test_a_decision_and_a_fill_open_their_trace(site: Site) -> None:
    page = site.tab()
    for section, text in (("decisions", "BELOW_THRESHOLD"), ("orders", "FILLED")):
        row(page, section, text).first.locator("button").last.click()
        expect(page.locator("#drawer .steps")).to_contain_text("prediction: y_hat 0.0021")
        page.get_by_role("button", name="Close").click()
    site.server.told = {}
    row(page, "orders", "FILLED").first.locator("button").last.click()
    expect(page.locator("#drawer-body")).to_contain_text("nothing is known of it.")
    site.said.clear()  # Chromium tells of a 404


def test_an_act_needs_its_word_and_shows_its_answer(site: Site) -> None:
    page = site.tab()
    site.server.answer = lambda name: (
        (200, {"done": False, "sentence": "No gateway is alive: type this.", "command": "tickline halt --flatten"})
    )
    _tab_to(page, page.get_by_role("button", name="Flatten"))
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Flatten")
    page.keyboard.type("flatte")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Flatten")).to_be_disabled()
    assert site.server.acts == []
    page.keyboard.type("n")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("status")).to_have_text("No gateway is alive: type this.")
    expect(dialog.locator("pre")).to_have_text("tickline halt --flatten")
    assert site.server.acts == [("flatten", "flatten", "token-1")]
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()


def test_an_act_without_an_answer_says_that_nobody_knows_and_what_to_type(site: Site) -> None:
    page = site.tab()
    page.get_by_role("button", name="Halt").click()
    page.keyboard.type("halt")
    site.server.stop()
    is_in(page, "disconnected")
    page.keyboard.press("Enter")
    expect(page.locator("#confirm-answer")).to_contain_text("nobody knows whether it was done")
    expect(page.locator("#confirm-command")).to_have_text("tickline halt")


def test_what_cannot_be_done_says_why_and_asks_nothing(site: Site) -> None:
    site.server.say(busy("paper"))
    page = site.tab()
    button = page.get_by_role("button", name="Flatten")
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_accessible_description(ON_PAPER)
    _tab_to(page, button)
    page.keyboard.press("Enter")
    expect(page.locator("dialog[open]")).to_have_count(0)


@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_and_anybody_can_read_it(chrome: Browser, server: PageServer, width: int) -> None:
    for scheme in ("light", "dark"):
        site = Site(chrome, server, viewport={"width": width, "height": 900}, color_scheme=scheme)
        server.stale = []
        page = site.tab()
        for view in (busy("live"), busy("paper", halted="Halted."), busy("testnet"), hostile(), empty()):
            server.say({**view, "account": f"{view['mode']} {scheme}"})
            expect(page.locator("#facts")).to_contain_text(f"{view['mode']} {scheme}")
            fits(page)
            is_readable(page)
        server.say(busy())
        server.stale = [{"what": "bus", "age_s": 3, "sentence": "The bus has not answered for 3 s."}]
        is_in(page, "stale")
        is_readable(page)
        row(page, "positions", "BTCUSDT").get_by_role("button").click()
        expect(page.locator("#drawer canvas")).to_have_count(2)
        is_readable(page)
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Halt").click()
        is_readable(page)
        page.goto(f"{server.url}/login")
        fits(page)
        is_readable(page)
        site.end()


def _background(page: Page) -> str:
    colour = page.locator(".banner").evaluate("it => getComputedStyle(it).backgroundColor")
    assert re.fullmatch(r"rgb\(\d+, \d+, \d+\)", colour)
    return str(colour)


def _tab_to(page: Page, wanted: object, most: int = 120) -> None:
    """Presses Tab until this element has the focus."""
    handle = wanted.element_handle()  # type: ignore[attr-defined]
    for _ in range(most):
        if handle.evaluate("it => it === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError("Tab does not come to it")
