"""`tickline report`: a run's figures against its bus, beside its backtest, and what is refused in one line."""

import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.command import Command, Tickline

pytestmark = pytest.mark.timeout(600)
SYM = "BTCUSDT"


@pytest.mark.long
def test_a_run_beside_its_backtest(tickline: Tickline, bars: Path) -> None:
    (tickline.folder / "tickline.toml").write_text('[gateway]\nslippage_bps = "1"\n')
    assert tickline.in_process("run", "--data", bars, "--sym", SYM, "--interval", "12h", "--run-id", "one").code == 0
    tail = tickline.in_process("tail", "executions", "--run-id", "one", "--json", "--limit", "1000")
    booked = [json.loads(line) for line in tail.out.splitlines()]
    files = ("--csv", "fills.csv", "--html", "report.html")
    done = tickline.in_process(
        "report", "--run-id", "one", "--sym", SYM, "--interval", "12h", "--utc", "--json", *files
    )
    assert (done.code, done.err) == (0, "")
    said = json.loads(done.out)
    (out,), total = said["symbols"], said["total"]
    assert total is None
    fees = sum(Decimal(one["commission"]) for one in booked)
    assert Decimal(out["costs"]["all"]["fees"]) == fees
    assert out["session"]["returns"] == pytest.approx(out["backtest"]["returns"])
    assert (out["decisions"]["bars"], out["decisions"]["missed"], out["decisions"]["apart"]) == (150, 0, {})
    with (tickline.folder / "fills.csv").open(newline="") as file:
        assert [row["client_order_id"] for row in csv.DictReader(file)] == [one["client_order_id"] for one in booked]
    assert "Session of basic_taker on BTCUSDT" in (tickline.folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--from", "noon"), 2, "--from 'noon' is no time: write e.g. 12:00"),
        (("--from", "1d", "--to", "2d"), 2, "--from 1d is after --to 2d"),
        (("--sym", "ETHUSDT"), 2, "--sym ETHUSDT: nothing is known of it: there are SIM-A"),
        (("--csv", "no/such/folder.csv"), 2, "--csv no/such/folder.csv: cannot be written"),
    ],
)
def test_a_wrong_option_is_one_line(command: Command, options: tuple[str, ...], code: int, said: str) -> None:
    done = command("report", *options)
    assert (done.code, done.out) == (code, "")
    (line,) = done.err.splitlines()
    assert said in line
