"""`tickline why` and `trace`, and docs/why.md, on a replay whose bus was trimmed.

`tests/chaos/test_chains.py` kills its processes, too.
"""

import asyncio
import json
import random
from decimal import Decimal
from pathlib import Path

import pytest
from redis import Redis

from shared.bus.embedded import EmbeddedBus
from shared.config import load_settings
from tests.chains import asked_why, traced
from tests.e2e.command import Tickline
from tests.e2e.conftest import write_bars

PAGE = (Path(__file__).parents[2] / "docs/why.md").read_text()
COMMANDS = PAGE.partition("```sh\n")[2].partition("```")[0].splitlines()
BARS, CHAINS = 700, 15
NAMESPACE = "tickline.replay.one"
LEFT = 250  # of each stream, so that the bus has lost the oldest of all of them
CONFIG = """
[recorder]
folder = "recording"
"""


pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def test_every_chain_is_complete_after_trims(tickline: Tickline, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tickline.folder
    (folder / "tickline.toml").write_text(CONFIG)
    bars = write_bars(folder / "bars.csv", BARS)
    tickline.records = True
    done = tickline("run", "--data", bars, "--sym", "BTCUSDT", "--interval", "12h", "--run-id", "one")
    assert done.code == 0, done.err
    assert done.summary["ticks"] == BARS
    with EmbeddedBus(folder / "bus") as bus, Redis.from_url(bus.url) as client:
        for key in client.scan_iter(f"{NAMESPACE}:*", _type="stream"):
            client.xtrim(key, maxlen=LEFT, approximate=False)

    shown = tickline.in_process("why", "BTCUSDT", "--at", "1990-03-01T12:00Z", "--json", "--run-id", "one")
    assert shown.code == 0, shown.err
    why = json.loads(shown.out)
    assert (why["sym"], why["complete"], why["lacking"]) == ("BTCUSDT", True, [])
    assert why["steps"][0]["message"]["ts_event"] == 636_292_800_000_000_000
    for command in COMMANDS:
        shown = tickline.in_process(*command.split()[1:], "--run-id", "one", "--utc")
        assert shown.code == 0, f"{command}: {shown.err}"
    assert "the same to the bit" in shown.out, "of the last one"

    monkeypatch.chdir(folder)
    for name, value in tickline.environment().items():
        if name.startswith("TICKLINE_"):
            monkeypatch.setenv(name, value)
    settings = load_settings(
        symbols=("BTCUSDT",), interval="12h", bus={"namespace": NAMESPACE}, signal={"model": "auto"}
    )
    prices = [Decimal(line.split(",")[1]) for line in bars.read_text().split()[1:]]
    known = {"BTCUSDT": {631_152_000 * 10**9 + (i + 1) * 43_200 * 10**9: price for i, price in enumerate(prices)}}
    rng = random.Random(13)
    for picked in (
        asyncio.run(traced(settings, rng, CHAINS)),
        asyncio.run(asked_why(settings, rng, known, CHAINS)),
    ):
        assert picked.wrong == []
        assert picked.origins["recording"] > 0, "the bus had all of it: the test shows nothing"
