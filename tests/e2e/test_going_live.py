"""Every command of docs/going-live.md is run, in its order, with its own config, against the simulator."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.messages import Reason
from shared.runner.health import alive_file, touched_after
from tests.e2e.account import at_terminal, fake_exchange
from tests.e2e.command import COMMAND, RUN_S, in_process, own_process, wait_for
from tests.simulator_venues import BINANCE, HYPERLIQUID, Place, named

PAGE = (Path(__file__).parents[2] / "docs/going-live.md").read_text()
BLOCKS = re.findall(r"```(sh|toml)\n(.*?)```", PAGE, re.DOTALL)
AT_TERMINAL = ("arm", "resume")


class Reader:
    """Somebody who types what the page says, `run` in a second terminal. The testnet's place is taken by the fake."""

    def __init__(self, folder: Path, url: str, place: Place) -> None:
        self.folder, self.url, self.place = folder, url, place
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TICKLINE_")}
        self.environment = clean | {"COLUMNS": "200"}
        self.account = "fake"
        self.line: subprocess.Popen[str] | None = None
        (folder / "keys").mkdir()
        (folder / "keys" / "api_key").write_text(f"{place.keys.api_key.get_secret_value()}\n")
        (folder / "keys" / "api_secret").write_text(f"{self.secret}\n")

    @property
    def secret(self) -> str:
        return self.place.keys.secret.get_secret_value()

    def configure(self, toml: str) -> None:
        for real, fake in (
            ('source = "ccxt"', 'source = "fake"'),
            ('venue = "ccxt"', f'venue = "fake"\nfake_url = "{self.url}"'),
        ):
            assert toml.count(real) == 1
            toml = toml.replace(real, fake)
        for said, here in ((BINANCE.exchange, self.place.exchange), (BINANCE.market, self.place.market)):
            assert toml.count(f'"{said}"') == 2
            toml = toml.replace(f'"{said}"', f'"{here}"')
        (self.folder / "tickline.toml").write_text(toml)
        self.account = "main"

    def types(self, command: str) -> None:
        tickline, *words = shlex.split(command)
        if tickline == "export":
            self.environment |= dict([words[0].split("=", 1)])
        elif tickline == "unset":
            del self.environment[words[0]]
            self.ends_the_line()
        else:
            assert tickline == "tickline"
            self.runs(command, *words)

    def runs(self, command: str, verb: str, *options: str) -> None:
        if verb in AT_TERMINAL and (verb, *options) != ("resume",):  # which only lists
            made = at_terminal(self.folder, self.environment, verb, *options, typed=self.account)
            assert made.code == 0, f"{command}: {made.shown}"
            return
        if verb == "run" and "--limit" not in options:
            self.starts_the_line(options)
            return
        done = (own_process if verb == "run" else in_process)(self.folder, self.environment, verb, *options)
        assert done.code == 0, f"{command}: {done.err}"
        assert self.secret not in done.out + done.err

    def starts_the_line(self, options: tuple[str, ...]) -> None:
        self.ends_the_line()
        gateway = alive_file(self.folder / ".tickline", "gateway")
        before_ns = gateway.stat().st_mtime_ns if gateway.exists() else 0
        line = self.line = subprocess.Popen(
            [str(COMMAND), "run", *options], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        wait_for(lambda: touched_after(gateway, before_ns) or line.poll() is not None, "the gateway is at work")

    def ends_the_line(self) -> None:
        line, self.line = self.line, None
        if line is not None:
            line.send_signal(2)
            out, err = line.communicate(timeout=RUN_S)
            assert line.returncode == 0, err
            assert "parity: not compared (orders went to a venue)" in out
            assert "Traceback" not in err


@pytest.fixture(params=[BINANCE, HYPERLIQUID], ids=named)
def reader(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Reader]:
    with fake_exchange(request.param.exchange) as url:
        made = Reader(tmp_path, url, request.param)
        yield made
        if made.line is not None:
            made.line.kill()
            made.line.communicate()


@pytest.mark.long
@pytest.mark.timeout(600)  # dozens of processes, half of which load ccxt
def test_the_commands_in_their_order(reader: Reader) -> None:
    for kind, block in BLOCKS:
        if kind == "toml":
            reader.configure(block)
            continue
        for command in filter(None, map(str.strip, block.splitlines())):
            reader.types(command)
    reader.ends_the_line()


def test_the_reasons_that_are_explained_are_reasons() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `") and "tickline" not in line.split("|")[1]]
    named = {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row)}
    assert {"NOT_ARMED", "HALTED"} < named
    assert named <= set(Reason.__members__)
