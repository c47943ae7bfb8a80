"""An account at the simulator, and the verbs on it: as processes, with and without a terminal."""

import asyncio
import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from shared.journal.journal import Journal
from tests.e2e.command import COMMAND, RUN_S, Done, in_process

T = TypeVar("T")
ACCOUNT = "main"
CONFIG = """
symbols = ["BTCUSDT"]
interval = "12h"
[signal]
model = "btcusdt_12h_linear"
[strategy]
balance = 1000
[gateway]
mode = "testnet"
venue = "fake"
account = "main"
markets = {BTCUSDT = "BTC/USDT:USDT"}
[gateway.risk]
max_order_notional = 2000
max_position_notional = 2000
"""


class Typed(NamedTuple):
    """What a command at a terminal showed, and how it ended."""

    code: int
    shown: str


class Account:
    """A folder with a config, a journal, and the exchange that it names."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        (folder / "tickline.toml").write_text(CONFIG)

    def environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TICKLINE_")}
        own = {"TICKLINE_STATE_DIR": str(self.folder / "state"), "TICKLINE_GATEWAY__FAKE_URL": self.url}
        return {**clean, **own, "COLUMNS": "200"}

    def run(self, *arguments: object) -> Done:
        """Without a terminal, in the test's own process."""
        return in_process(self.folder, self.environment(), *arguments)

    def process(self, *arguments: object, given: str = "", **variables: str) -> Done:
        """In a process of its own; `given` comes through a pipe."""
        done = subprocess.run(
            [str(COMMAND), *map(str, arguments)], cwd=self.folder, env=self.environment() | variables, input=given,
            capture_output=True, text=True, timeout=RUN_S,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr, {})

    def at_terminal(self, *arguments: object, typed: str, **variables: str) -> Typed:
        """At a terminal of its own: `typed` is typed when the command asks for it."""
        return at_terminal(self.folder, self.environment() | variables, *arguments, typed=typed)

    def journal(self, work: Callable[[Journal], Awaitable[T]]) -> T:
        """Something done with the account's journal."""
        return with_journal(self.folder / "state", ACCOUNT, work)

    def ask(self, name: str, **content: object) -> Any:
        """A switch of the simulator, or its own book."""
        return ask(self.url, name, **content)

    def position(self) -> str:
        """On the venue's own book."""
        return str(self.ask("book")["positions"]["BTCUSDT"]["qty"])


def at_terminal(
    folder: Path,
    environment: dict[str, str],
    *arguments: object,
    typed: str,
    command: Sequence[str] = (str(COMMAND),),
) -> Typed:
    """A command at a terminal of its own: `typed` is typed when it asks for it; ^C is Ctrl-C."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*command, *map(str, arguments)], cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(theirs)
    shown, asked = b"", False
    while chunk := _read(ours):
        shown += chunk
        if not asked and b"type the account's name" in shown and shown.endswith(b": "):
            os.write(ours, b"\x03" if typed == "^C" else typed.encode() + b"\n")
            asked = True
    os.close(ours)
    return Typed(process.wait(RUN_S), shown.decode().replace("\r\n", "\n"))


def with_journal(folder: Path, account: str, work: Callable[[Journal], Awaitable[T]]) -> T:
    """Something done with an account's journal in a state folder."""

    async def do() -> T:
        url = f"sqlite:///{folder / f'journal-{account}.db'}"
        async with await Journal.open(url, account, durable=False) as journal:
            return await work(journal)

    with ThreadPoolExecutor(1) as beside:  # where a browser is driven, this thread has a loop
        return beside.submit(asyncio.run, do()).result()


def ask(url: str, name: str, **content: object) -> Any:
    """A switch of a simulator, or its own book."""
    request = urllib.request.Request(
        f"{url}/_fake/{name}", json.dumps(content).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.load(answer)


@contextmanager
def fake_exchange(venue: str = "binance") -> Iterator[str]:
    """The simulator as a process; its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "services", "simulator", "--venue", venue, "--port", "0", "--walk-ms", "0"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[-1]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=RUN_S)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4_096)
    except OSError:  # nobody has its other end any more
        return b""
