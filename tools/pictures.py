"""`make pictures` makes README's two pictures of a run: its terminal, and its page in Debian's Chromium.

The run is that of `make run`, on the simulated market, in a folder of its own.
"""

import fcntl
import html
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Browser, expect

from shared.status.page_file import page_path, read_page_file
from tests.e2e.page_browser import browser, is_in, sign_in

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
TICKLINE = Path(sys.executable).with_name("tickline")
COLUMNS, ROWS = 136, 34
TRADES_S = 60  # then there is something to see
START_S = 120.0
COLOURS = 256  # of text and lines, which so take a third of the bytes
WINDOW = {"width": 1440, "height": 1010}
# What rich writes to a live screen: text, and to draw anew the way up, erasing.
PIECE = re.compile(r"\x1b\[(?P<count>\d*)(?P<does>[A-Za-z])|\x1b\[\?\d+[hl]|(?P<end>\r|\n)|(?P<text>[^\x1b\r\n]+)")
REDRAWS = "\r\x1b[2K\x1b[1A"
TERMINAL = """<body style="margin: 0"><pre style="display: inline-block; margin: 0; padding: 14px 18px; color: #d7dde3;
background: #161b22; font: 13px/1.35 'DejaVu Sans Mono', monospace">{}</pre>"""


class Terminal:
    """A terminal of its own, in which a command runs; it keeps all that was written there."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._written = b""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TICKLINE_", "COLUMNS"))}
        self.process = subprocess.Popen(
            command, cwd=folder, env={**kept, "TERM": "xterm-256color"}, stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        threading.Thread(target=self._read, args=(ours,), daemon=True).start()

    def _read(self, terminal: int) -> None:
        while True:
            try:
                self._written += os.read(terminal, 65_536)
            except OSError:  # nobody has its other end any more
                return

    def screen(self) -> str:
        """Returns what stands there, as it was when it was drawn whole the last time."""
        return screen_of(self._written.decode(errors="replace").rpartition(REDRAWS)[0])

    def end(self) -> None:
        """Ends the command as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)


def screen_of(written: str) -> str:
    r"""Returns the lines that stand on a terminal.

    >>> screen_of("kept\r\nold\r\nolder\r\x1b[2K\x1b[1A\x1b[2Knew\r\n\x1b[1mbold\x1b[0m")
    'kept\nnew\nbold'
    """
    rows, at = [""], 0
    for piece in PIECE.finditer(written):
        does, count = piece["does"], int(piece["count"] or 1)
        if does == "A":
            at = max(at - count, 0)
        elif does == "K":
            rows[at] = ""
        elif piece["end"] == "\n":
            at += 1
            rows += [""] * (at + 1 - len(rows))
        elif piece["text"]:
            rows[at] += piece["text"]
    return "\n".join(row.rstrip() for row in rows).rstrip()


def main() -> None:
    """Runs the line, and writes the pictures."""
    PICTURES.mkdir(exist_ok=True)
    with TemporaryDirectory() as made_in, browser() as chrome:
        folder = Path(made_in)
        terminal = Terminal([str(TICKLINE), "run"], folder)
        try:
            of_page(chrome, folder / ".tickline", PICTURES / "page.png")
            of_terminal(chrome, terminal.screen(), PICTURES / "terminal.png")
        except AssertionError:
            sys.stderr.write(f"{terminal.screen()}\n")  # what the run says of it
            raise
        finally:
            terminal.end()
    for path in sorted(PICTURES.glob("*.png")):
        with Image.open(path) as taken:
            fewer = taken.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE)  # rare ones, too
        fewer.save(path, optimize=True)
        sys.stdout.write(f"written: {path}, {path.stat().st_size // 1_000} kB\n")


def of_page(chrome: Browser, state: Path, path: Path) -> None:
    """Takes the picture of the page once the line has traded for a while."""
    until_s = time.monotonic() + START_S
    while not (told := read_page_file(page_path(state))).url:
        assert time.monotonic() < until_s, "the line does not start"
        time.sleep(0.2)
    page = chrome.new_page(viewport=WINDOW, color_scheme="light")
    page.goto(told.url)
    sign_in(page, told.code)
    time.sleep(TRADES_S)
    is_in(page, "live")
    expect(page.locator("#equity canvas")).to_be_visible()
    page.screenshot(path=path)


def of_terminal(chrome: Browser, screen: str, path: Path) -> None:
    """Takes the picture of what stands on a terminal."""
    page = chrome.new_page(viewport=WINDOW)
    page.set_content(TERMINAL.format(html.escape(f"$ tickline run\n{screen}")))
    page.locator("pre").screenshot(path=path)


if __name__ == "__main__":
    main()
