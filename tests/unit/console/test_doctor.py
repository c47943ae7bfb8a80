"""`tickline doctor`: each fault makes it end with 1 and has its remedy below it; what is well is told, too."""

import json
import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.console.doctor import lines
from services.console.main import app_for
from shared.doctor.finding import fault, ok, warning

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in os.environ:
        if name.startswith("TICKLINE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_machine_on_which_the_line_runs(folder: Path) -> None:
    done = RUNNER.invoke(app_for(["doctor"]), ["doctor", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert told["faults"] == 0
    checks = {finding["check"] for finding in told["findings"]}
    assert checks == {"python", "config", "packages", "disk", "permissions", "clock", "model", "strategy", "bus"}
    assert list(folder.iterdir()) == []  # it only looks


def test_a_fault_ends_it_with_1_and_has_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKLINE_BUS__URL", "redis://127.0.0.1:1/0")
    done = RUNNER.invoke(app_for(["doctor"]), ["doctor"])
    assert done.exit_code == 1
    *_, faulty, remedy, counts = done.output.splitlines()
    assert re.match(r"FAULT +bus +bus redis://127\.0\.0\.1:1/0: cannot connect", faulty)
    assert remedy.strip() == "do: start it, or correct bus.url"
    assert re.fullmatch(r"1 fault, \d warnings?", counts)


@pytest.mark.parametrize("text", ["interval = 3", "= no toml"])
def test_a_config_that_does_not_load_is_a_finding_and_not_the_end(folder: Path, text: str) -> None:
    (folder / "tickline.toml").write_text(text)
    done = RUNNER.invoke(app_for(["doctor"]), ["doctor", "--json"])
    assert done.exit_code == 1
    found = {finding["check"]: finding for finding in json.loads(done.output)["findings"]}
    assert found["config"]["grade"] == "fault"
    assert found["config"]["remedy"]
    assert found["packages"]["grade"] == "ok"


def test_the_worst_stands_last() -> None:
    found = [fault("bus", "it is down", "start it"), warning("clock", "it is off", "set it"), ok("disk", "free")]
    assert list(lines(found)) == [
        "ok       disk   free",
        "warning  clock  it is off",
        "                do: set it",
        "FAULT    bus    it is down",
        "                do: start it",
        "1 fault, 1 warning",
    ]


def test_an_account_whose_exchange_does_not_answer(folder: Path) -> None:
    (folder / "tickline.toml").write_text(
        'symbols = ["BTCUSDT"]\ninterval = "12h"\n[signal]\nmodel = "btcusdt_12h_linear"\n[gateway]\nmode = "testnet"\n'
        'venue = "fake"\nfake_url = "http://127.0.0.1:1"\naccount = "main"\nmarkets = {BTCUSDT = "BTC/USDT:USDT"}\n'
    )
    asked, offline = (RUNNER.invoke(app_for(["doctor"]), ["doctor", *more]) for more in ((), ("--offline",)))
    assert (asked.exit_code, offline.exit_code) == (1, 0)
    assert "FAULT    exchange" in asked.output
    assert "there is none yet; the first arming makes it" in offline.output
    assert not (folder / ".tickline").exists()


@pytest.mark.parametrize(("text", "code"), [("ntfy://secret-topic\n# mine\n", 0), ("", 1)])
def test_the_addresses_of_alerts(folder: Path, text: str, code: int) -> None:
    (folder / "urls").write_text(text)
    (folder / "urls").chmod(0o600)
    (folder / "tickline.toml").write_text("[alerts]\nurls_file = 'urls'\n")
    done = RUNNER.invoke(app_for(["doctor"]), ["doctor"])
    assert done.exit_code == code, done.output
    assert "secret-topic" not in done.output
    assert ("1 channel, no heartbeat" in done.output) == (code == 0)
