"""Every command of docs/going-live.md is run, in its order, with its own config, against the fake exchange."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.messages import Reason
from tests.e2e.account import Account, fake_exchange

PAGE = (Path(__file__).parents[2] / "docs/going-live.md").read_text()
COMMANDS = [
    line.strip()
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]
(CONFIG,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
AT_TERMINAL = ("arm", "resume")
WITH_THE_LINE = ("run", "tail")  # the gateway's own tests run these; here is no market that prices BTCUSDT


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with fake_exchange() as url:
        made = Account(tmp_path, url)
        (tmp_path / "keys").mkdir()
        (tmp_path / "keys" / "api_key").write_text("fake-key\n")
        (tmp_path / "keys" / "api_secret").write_text("fake-secret\n")
        text = CONFIG.replace('venue = "ccxt"', 'venue = "fake"')
        assert text != CONFIG
        (tmp_path / "tickline.toml").write_text(text)
        yield made


@pytest.mark.timeout(240)  # a dozen processes that load ccxt
def test_the_commands_in_their_order(account: Account) -> None:
    for command in COMMANDS:
        tickline, verb, *options = shlex.split(command)
        assert tickline == "tickline"
        if verb in WITH_THE_LINE:
            continue
        if verb in AT_TERMINAL:
            made = account.at_terminal(verb, *options, typed="main")
            assert made.code == 0, f"{command}: {made.shown}"
        else:
            done = account.run(verb, *options)
            assert done.code == 0, f"{command}: {done.err}"
            assert "fake-secret" not in done.out


def test_the_reasons_that_are_explained_are_reasons() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `") and "tickline" not in line.split("|")[1]]
    named = {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row)}
    assert {"NOT_ARMED", "HALTED"} < named
    assert named <= set(Reason.__members__)
