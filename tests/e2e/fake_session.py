"""A session on the simulator: a folder with a config, the line at work, an armed account, and a person who types."""

import os
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from shared.config import Settings
from shared.config.settings import BusSettings
from shared.journal.journal import Journal
from shared.runner.health import alive_file, touched_after
from tests.e2e.account import ACCOUNT, Typed, ask, at_terminal, with_journal
from tests.e2e.command import COMMAND, RUN_S, Done, in_process, wait_for

T = TypeVar("T")
SEED = 1
BY_MODEL = """[signal]
model = "simulated_linear"
[strategy]
name = "threshold"
params = {threshold = 0.0005}"""
BY_RULE = """[recorder]
on = false
[monitor]
on = false
[signal]
model = "none"
[strategy]
name = "flip.py:Flip"
"""
CONFIG = """
symbols = ["BTCUSDT", "ETHUSDT"]
interval = "1s"
[bus]
namespace = "main"
[ingestor]
source = "fake"
{decides}
balance = 1000
order_valid_s = 5
prediction_stale_s = 5
[gateway]
mode = "testnet"
venue = "fake"
fake_url = "{url}"
account = "main"
fee = "0.0005"
reconcile_s = 2
markets = {{BTCUSDT = "BTC/USDT:USDT", ETHUSDT = "ETH/USDT:USDT"}}
[gateway.risk]
max_order_notional = 2500
max_position_notional = 1250
orders_per_minute = 300
daily_loss = 500
max_tick_age_s = 10
max_prediction_age_s = 10
"""


FLIP = """from tickline import Bar, Made, StatefulStrategy


class Flip(StatefulStrategy):
    _in: bool = False

    def on_tick(self, bar: Bar) -> Made:
        self._in = not self._in
        return self.move_to(1_000 / bar.price) if self._in else self.close()
"""


def config_of(url: str, decides: str) -> str:
    """The session's config as TOML."""
    return CONFIG.format(url=url, decides=decides)


class FakeSession:
    """The account `main` in `home/tickline`. Its strategy trades at every second tick or so, one a second.

    decides: model and strategy of its config. By rule the line loads no torch and has no process beside the four, so
    that it starts sooner.
    """

    def __init__(self, home: Path, decides: str = BY_MODEL) -> None:
        self.home, self.folder = home, home / "tickline"
        self.folder.mkdir(exist_ok=True)
        self.zone = f"MORNING{datetime.now(UTC).hour - 6:+d}"  # it is 6 o'clock: no midnight comes
        self.exchange = subprocess.Popen(
            [sys.executable, "-m", "services", "simulator", "--port", "0", "--simulated", "1s", "--seed", str(SEED)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.exchange.stdout is not None
        self.url = self.exchange.stdout.readline().split()[-1]
        (self.folder / "tickline.toml").write_text(config_of(self.url, decides))
        (self.folder / "flip.py").write_text(FLIP)
        self.line: subprocess.Popen[str] | None = None

    @property
    def state(self) -> Path:
        return self.folder / ".tickline"

    def moves(self, home: Path) -> None:
        """From now on everything happens in another home."""
        self.home, self.folder = home, home / "tickline"

    def environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TICKLINE_")}
        path = f"{COMMAND.parent}{os.pathsep}{clean['PATH']}"
        return {**clean, "COLUMNS": "200", "HOME": str(self.home), "PATH": path, "TZ": self.zone}

    def settings(self) -> Settings:
        """The session's config, as it is written now."""
        return Settings(**tomllib.loads((self.folder / "tickline.toml").read_text())).model_copy(
            update={"state_dir": self.state, "bus": BusSettings(folder=self.state / "bus", namespace="main")}
        )

    def tell(self, url: str) -> None:
        """Alerts go to this address from the next start on."""
        urls = self.folder / "alerts.txt"
        urls.touch(0o600)
        urls.write_text(url + "\n")
        config = self.folder / "tickline.toml"
        config.write_text(config.read_text() + f'[alerts]\nurls_file = "{urls}"\n')

    def tickline(self, *words: object) -> Done:
        """A command without a terminal, which starts nothing that stays."""
        return in_process(self.folder, self.environment(), *words)

    def at_terminal(self, *words: str) -> Typed:
        """A command at a terminal of its own; the account's name is typed where it asks for it."""
        return at_terminal(self.folder, self.environment(), *words, typed=ACCOUNT)

    def shell(self, command: str) -> None:
        """A command of the system, which must work; `~` is the session's home."""
        command = command.replace("~/", f"{shlex.quote(str(self.home))}/")
        done = subprocess.run(
            ["sh", "-c", command], cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=RUN_S,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stderr}"

    def start(self) -> None:
        """Starts the line; returns when its gateway works, or the line has ended."""
        gateway = alive_file(self.state, "gateway")
        before_ns = gateway.stat().st_mtime_ns if gateway.exists() else 0
        line = self.line = subprocess.Popen(
            [str(COMMAND), "run"], cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        wait_for(lambda: touched_after(gateway, before_ns) or line.poll() is not None, "the gateway is at work")

    def stop(self) -> Done | None:
        """Ends the line as systemd does; None where none runs."""
        line, self.line = self.line, None
        if line is None:
            return None
        line.terminate()
        out, err = line.communicate(timeout=RUN_S)
        assert "Traceback" not in err
        return Done(line.returncode, out, err, {})

    def arm(self) -> None:
        armed = self.at_terminal("arm", "--account", ACCOUNT, "--max-notional", "2500", "--for", "1h")
        assert armed.code == 0, armed.shown

    def journal(self, work: Callable[[Journal], Awaitable[T]]) -> T:
        return with_journal(self.state, ACCOUNT, work)

    def fills(self) -> int:
        """How many trades the journal has."""
        return len(self.journal(lambda journal: journal.fills())) if self.has_journal else 0

    def wait_for_fills(self, more: int) -> None:
        """Waits until the account has traded so many times more."""
        before = self.fills()
        wait_for(lambda: self.fills() >= before + more, f"{more} more fills", every_s=0.5)

    @property
    def has_journal(self) -> bool:
        return (self.state / f"journal-{ACCOUNT}.db").exists()

    def book(self) -> Any:
        """The exchange's own book."""
        return ask(self.url, "book")

    def end(self) -> None:
        """Leaves nothing behind."""
        if self.line is not None:
            self.line.terminate()
            self.line.communicate(timeout=RUN_S)
        self.exchange.terminate()
        self.exchange.communicate(timeout=RUN_S)
