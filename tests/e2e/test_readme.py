"""Every command of README.md and of the pages it sends a newcomer to is run.

Those of `tickline` run here, in the order of PAGES; those of going live in `test_going_live.py`, the make targets in
CI, Docker's in the compose test.
"""

import asyncio
import json
import os
import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest

from services.console.download import BASE_URL
from services.simulator.http.server import SimulatorServer
from tests.e2e.command import in_process, own_process
from tests.public_history import PastMarket, PublicHistory, bars

JANUARY_MS, HALF_DAY_MS = 1_704_067_200_000, 43_200_000
ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/research/workflow.md", "docs/recording.md", "docs/docker.md")


def commands_of(page: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


COMMANDS = [command for page in PAGES for command in commands_of(page)]
GOING_LIVE = set(commands_of("docs/going-live.md"))
TICKLINE = [
    command
    for command in COMMANDS
    if command.startswith(".venv/bin/tickline ") and command.removeprefix(".venv/bin/") not in GOING_LIVE
]


def test_every_command_is_of_a_kind_that_is_run() -> None:
    ci = (ROOT / ".ci/run").read_text()
    compose = (ROOT / "tests/compose/test_compose.py").read_text()
    for command in COMMANDS:
        words = shlex.split(command)
        if words[0] == "make":
            assert command in ci or words[1] == "run", f"CI does not call `{command}`"
        elif words[:2] == ["docker", "compose"]:
            verb = next(word for before, word in pairwise(words[1:]) if not word.startswith("-") and before != "-f")
            assert f'"{verb}"' in compose, f"the compose test does not call `docker compose {verb}`"
        else:
            known = command in TICKLINE or command.removeprefix(".venv/bin/") in GOING_LIVE
            assert known, f"nothing runs `{command}`"


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_the_tickline_commands_in_their_order(tmp_path: Path) -> None:
    rows = [f"2025-01-{day:02d}T{hour:02d}:00,{100 + (day * 7 + hour) % 5}" for day in range(1, 11) for hour in (0, 12)]
    (tmp_path / "bars.csv").write_text("\n".join(["datetime,price", *rows]) + "\n")
    held = PastMarket({"12h": bars(JANUARY_MS, HALF_DAY_MS, 200)})
    async with SimulatorServer(PublicHistory({"BTCUSDT": held}, JANUARY_MS + 200 * HALF_DAY_MS).routes) as exchange:
        await asyncio.to_thread(run_all, tmp_path, exchange.url)
    for written in ("summary.json", "btc.parquet", "models/mine.json", "trades.csv", "report.html"):
        assert (tmp_path / written).exists()


def run_all(folder: Path, exchange: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TICKLINE_")}
    environment[BASE_URL] = exchange

    def tickline(*words: str) -> str:
        done = (own_process if words[0] == "run" else in_process)(folder, environment, *words)
        assert done.code == 0, f"{shlex.join(words)}: {done.err}"
        return done.out

    # what `make run` does, but with an end, which is the limit of the simulated market
    assert "parity: " in tickline("run", "--limit", "20", "--rate", "0", "--json", "limited.json")
    limited = json.loads((folder / "limited.json").read_text())
    orders = limited["orders"]
    assert limited["ticks"] == 8 * 20
    assert limited["executions"] == orders > 8 * 10
    assert set(limited["parity"].values()) == {orders}, "compared and identical, of orders and of executions"
    assert limited["finished"] is True
    for command in TICKLINE:
        said = tickline(*shlex.split(command)[1:])
        assert said.strip(), f"`{command}` says nothing"
        if " run " in command:
            compared = re.search(r"parity: (\d+) of (\d+) orders", said)
            assert compared, said
            assert compared[1] == compared[2] != "0"
