"""Opens a page in Debian's Chromium, without a window and without network, and asks it what it came to."""

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
VIRTUAL_MS = 20_000  # of the page's own clock, which runs as fast as the page needs
_FOUND = "found-by-the-test"

# Chromium makes no window as narrow as a phone's, so the page is opened in a frame, and tells what it found.
_FRAME = """<!DOCTYPE html><html><body style="margin: 0">
<iframe src="%s" style="border: 0; width: %dpx; height: 1000px"></iframe>
<script>
addEventListener("message", ({ data }) => {
  const answer = document.createElement("pre");
  answer.id = "%s";
  answer.textContent = data;
  document.body.append(answer);
});
</script></body></html>"""

# Before all else in the page: what its policy refuses to load.
_LISTEN = """<script>
const refusedByPolicy = [];
addEventListener("securitypolicyviolation", ({ blockedURI }) => refusedByPolicy.push(blockedURI));
</script>"""

# Asks the page when all is drawn. What it tried to load, in vain too, is among its performance entries.
_ASK = """<script>
addEventListener("load", () => setTimeout(() => {
  const loads = performance.getEntriesByType("resource").map(({ name }) => name);
  const answer = (() => { %s })();
  parent.postMessage(JSON.stringify({ loads: [...new Set([...loads, ...refusedByPolicy])], answer }), "*");
}, 3000));
</script>"""


class Opened(NamedTuple):
    """What a page came to.

    answer: what the question returned
    console: all that the browser's console said, errors among it
    loads: the addresses that the page loaded, or tried to
    """

    answer: Any
    console: list[str]
    loads: list[str]


def chromium() -> str:
    """Returns the program. Skips the test where there is none, but not in CI."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        assert os.environ.get("CI") != "true", "no chromium here: apt-get install chromium"
        pytest.skip("no chromium here: apt-get install chromium")
    return found


def opened(page: Path, question: str, width: int = 1280) -> Opened:
    """Opens the page from disk, and asks it: `question` is the body of a JavaScript function."""
    asking, frame = (page.with_name(f"{kind}-{page.name}") for kind in ("asked", "frame"))
    head, doctype, rest = page.read_text().partition("<!DOCTYPE html>")
    body, end, tail = rest.rpartition("</body>")
    assert doctype and end, f"{page} has no <!DOCTYPE html> or no </body>"
    asking.write_text(f"{head}{doctype}{_LISTEN}{body}{_ASK % question}{end}{tail}")
    frame.write_text(_FRAME % (asking.name, width, _FOUND))
    command = [
        chromium(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        f"--user-data-dir={page.parent / 'browser'}", "--proxy-server=127.0.0.1:9",
        "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", f"--virtual-time-budget={VIRTUAL_MS}",
        "--window-size=1400,1000", "--hide-scrollbars", "--dump-dom", frame.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    told = re.search(rf'<pre id="{_FOUND}">(.*?)</pre>', done.stdout, re.DOTALL)
    assert told, f"the page gave no answer: {console} {done.stdout[-500:]}"
    return Opened(console=console, **json.loads(html.unescape(told[1])))
