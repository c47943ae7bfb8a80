"""A page in a browser is watched: when it was there, when it showed what, and how much memory it holds."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
from playwright.sync_api import Browser, Page

from tests.bench.page.run import Key
from tests.e2e.page_browser import hide, sign_in

MB = 2**20
POLL_S = 0.05
THERE_S = 60.0
# The first moment with figures, rows and the curve, once that is drawn.
PAINTED = """
document.addEventListener("DOMContentLoaded", () => {
  const there = () => document.body.dataset.state === "live" && document.querySelector("#figures dd")
    && document.querySelector("#orders tbody tr") && document.querySelector("#equity canvas");
  const watch = new MutationObserver(() => {
    if (!there()) return;
    watch.disconnect();
    requestAnimationFrame(() => setTimeout(() => (window.painted = performance.now())));
  });
  watch.observe(document.body, { attributes: true, subtree: true, childList: true });
});
"""
# When each decision was drawn the first time, in ms since 1970.
SHOWN = """
window.shown = {};
const add = EventSource.prototype.addEventListener;
EventSource.prototype.addEventListener = function (kind, take) {
  add.call(this, kind, (event) => {
    take(event);
    if (kind !== "view") return;
    const names = JSON.parse(event.data).decisions.map(({ symbol, ms }) => `${symbol} ${ms}`);
    requestAnimationFrame(() => setTimeout(() => {
      for (const name of names) window.shown[name] ??= Date.now();
    }));
  });
};
"""


def signed_in(chrome: Browser, url: str, code: str) -> Any:
    """Signs in; returns the cookies of who has."""
    context = chrome.new_context()
    page = context.new_page()
    page.goto(url)
    sign_in(page, code)
    state = context.storage_state()
    context.close()
    return state


@contextmanager
def opened(chrome: Browser, url: str, state: Any, script: str) -> Iterator[Page]:
    """A page of a browser that has nothing of it yet but the cookie; the script runs before all else there."""
    context = chrome.new_context(storage_state=state, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.add_init_script(script)
    page.goto(url)
    yield page
    context.close()


def painted_ms(page: Page) -> float:
    """How long after the address was typed its figures were there."""
    until_s = time.monotonic() + THERE_S
    while (found := page.evaluate("window.painted ?? null")) is None:
        assert time.monotonic() < until_s, f"no figures within {THERE_S:g} s"
        time.sleep(POLL_S)
    return float(found)


def shown(page: Page) -> dict[Key, float]:
    """When the page has shown each decision."""
    found: dict[str, float] = page.evaluate("window.shown")
    return {(name.rpartition(" ")[0], int(name.rpartition(" ")[2])): at_ms for name, at_ms in found.items()}


def reconnect(page: Page) -> None:
    """The page lets its stream go and opens another, as when its tab was hidden and is shown again."""
    hide(page)
    hide(page, False)


def memory_mb(monitor: psutil.Process, page: Page) -> dict[str, float]:
    """What the monitor holds, the page's own process, whatever other programs share left out, and its script."""
    renderers = [one for one in psutil.Process().children(recursive=True) if "--type=renderer" in one.cmdline()]
    own = max(one.memory_full_info().uss for one in renderers)
    client = page.context.new_cdp_session(page)
    heap = client.send("Runtime.getHeapUsage")["usedSize"]
    client.detach()
    return {"monitor": monitor.memory_info().rss / MB, "page": own / MB, "script": heap / MB}
