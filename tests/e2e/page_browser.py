"""A page in Debian's Chromium, driven by Playwright: what it said, asked for and looks like."""

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser import chromium

expect.set_options(timeout=120_000)  # a busy machine is slow, and no failure
NETWORK = "net::ERR_"  # Chromium says of itself where a server is gone
WIDTHS = (1440, 800, 390)
PAGE_LINE = re.compile(r"page: (http://127\.0\.0\.1:\d+) \(one-time code: (\w+)\)")


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    program = chromium()
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


class Tabs:
    """This class opens tabs of one browser at one address, and keeps what they complained about.

    said: errors of the console and of scripts, without those of a lost connection
    asked: where the tabs' requests went, as scheme://host:port
    """

    def __init__(self, launched: Browser, url: str, **options: Any) -> None:
        self.url = url
        self.said: list[str] = []
        self.asked: set[str] = set()
        self.context: BrowserContext = launched.new_context(timezone_id="UTC", locale="en-GB", **options)
        self.context.on("request", lambda request: self.asked.add(_origin(request.url)))

    def tab(self, state: str | None = "live", before: Callable[[Page], None] = lambda page: None) -> Page:
        """Opens the page, and waits until it says so."""
        page = self.context.new_page()
        page.on("console", lambda it: self._heard(it.text) if it.type in ("error", "warning") else None)
        page.on("pageerror", lambda it: self._heard(str(it)))
        before(page)
        page.goto(self.url)
        if state is not None:
            is_in(page, state)
        return page

    def end(self) -> None:
        """Closes the tabs, which asked nobody else and complained of nothing."""
        self.context.close()
        assert self.said == []
        assert self.asked <= {self.url}

    def _heard(self, text: str) -> None:
        if NETWORK not in text:
            self.said.append(text)


def page_of(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """The page's address and its code, as a run tells them."""
    assert process.stderr is not None
    for line in process.stderr:
        if told := PAGE_LINE.search(line):
            return told[1], told[2]
    raise AssertionError("the run has ended, and told no page")


def sign_in(page: Page, code: str) -> None:
    """Types the one-time code; returns when the page itself is there."""
    page.get_by_label("One-time code").fill(code)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#main")).to_be_visible()


def is_in(page: Page, state: str) -> None:
    """Waits until the page says that it is loading, live, stale or disconnected."""
    expect(page.locator("body")).to_have_attribute("data-state", state)
    expect(page.locator("#state")).to_have_text(state.capitalize())


def hide(page: Page, hidden: bool = True) -> None:
    """The tab is hidden, or shown: without a window no tab covers another, so the page is told."""
    state = "hidden" if hidden else "visible"
    page.evaluate(
        "state => { Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        state,
    )


def fits(page: Page) -> None:
    """Nothing of the page is beside its window."""
    wide, shown = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide <= shown


def is_readable(page: Page) -> None:
    """Axe finds nothing that keeps anybody from reading the page."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def row(page: Page, section: str, text: str) -> Any:
    """The row of a section's table that has this text."""
    return page.locator(f"#{section} tbody tr").filter(has_text=re.compile(re.escape(text)))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
