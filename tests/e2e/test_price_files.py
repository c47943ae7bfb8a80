"""Every verb that reads a price file refuses the same rows, and reads the same files as they are."""

import gzip
import json
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.command import Command

BERLIN = ZoneInfo("Europe/Berlin")
BTC = ("--sym", "BTCUSDT")
VERBS = [
    ("backtest", *BTC, "--model", "btcusdt_12h_linear"),
    ("train", *BTC, "--weights", "models", "--name", "mine"),
    ("sweep", *BTC),
    ("run", *BTC, "--interval", "1d"),
]
FIRST = datetime(2024, 3, 1)


def daily(path: str, rows: int, zone: ZoneInfo | None, last: str = "") -> str:
    times = [(FIRST + timedelta(days=n)).replace(tzinfo=zone).isoformat() for n in range(rows)]
    prices = [round(40_000 * (1 + 0.01 * ((n * 7919) % 13 - 6)), 2) for n in range(rows + 1)]
    lines = [f"{time},{price}" for time, price in zip([*times, *([last] if last else [])], prices, strict=False)]
    Path(path).write_text("\n".join(["datetime,price", *lines]) + "\n")
    return path


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_a_last_row_stamped_now_is_refused_by_name(command: Command, verb: tuple[str, ...]) -> None:
    data = daily("bars.csv", 300, None, "2024-12-25T15:37:00")
    done = command(verb[0], "--data", data, *verb[1:])
    assert (done.code, done.out) == (3, "")
    assert "rows 301 and 302 are 937m apart: row 302 (2024-12-25T15:37:00Z) does not fit" in done.err
    assert done.err.count("\n") == 1


def test_a_run_without_an_interval_is_told_the_files(command: Command) -> None:
    done = command("run", "--data", daily("bars.csv", 300, None, "2024-12-25T15:37:00"), *BTC)
    assert (done.code, done.err.endswith("pass --interval 1d\n")) == (3, True)


@pytest.mark.parametrize("verb", [*VERBS, ("data", "check")], ids=lambda verb: verb[0])
def test_local_days_are_refused_with_the_remedy(command: Command, verb: tuple[str, ...]) -> None:
    data = daily("bars.csv", 300, BERLIN)
    done = command("data", "check", data) if verb[0] == "data" else command(verb[0], "--data", data, *verb[1:])
    assert done.code == 3
    assert "rows 32 and 33 are 23h apart: these are local days over a change of the clocks: pass --timezone" in done.err
    assert "--interval 23h" not in done.err


@pytest.mark.long
def test_with_the_timezone_local_days_are_trained_on_and_traded(command: Command) -> None:
    data, where = daily("bars.csv", 300, BERLIN), ("--timezone", "Europe/Berlin")
    assert command("data", "check", data, *where).code == 0
    done = command("train", "--data", data, *BTC, "--weights", "models", "--name", "mine", *where)
    assert (done.code, done.err) == (0, "")
    assert "hole" not in done.out
    card = json.loads(Path("models/mine.json").read_text())
    assert card["interval"] == "1d"
    Path("tickline.toml").write_text('[signal]\nweights = "models"\n')
    options = (*BTC, *where, "--balance", "100", "--json", "out.json", "--check-lookahead", "--fill", "next_open")
    done = command("backtest", "--data", data, *options)
    assert (done.code, done.err) == (0, "")
    assert "no lookahead" in done.out
    (totals, *_) = (variant["totals"] for variant in json.loads(Path("out.json").read_text())["variants"].values())
    last = (FIRST + timedelta(days=300)).replace(tzinfo=BERLIN)
    assert (totals["bars"], datetime.fromisoformat(totals["last_ts"])) == (300, last)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_an_unknown_timezone_is_bad_usage(command: Command, verb: tuple[str, ...]) -> None:
    done = command(verb[0], "--data", daily("bars.csv", 9, None), *verb[1:], "--timezone", "Berlin")
    assert done.code == 2
    assert "time zone 'Berlin' is unknown: write its IANA name, e.g. Europe/Berlin" in done.err


def test_trades_of_an_archive_are_backtested_as_bars(command: Command) -> None:
    start_us = 1_735_689_600_000_000  # 2025-01-01, in us as spot's files from then on
    rows = [f"{n},{100 + n % 5}.50000000,1,1,{start_us + n * 7_000_000},True,True" for n in range(3_000)]
    with gzip.open("BTCUSDT-trades-2025-01-01.csv.gz", "wt") as file:
        file.write("\n".join(rows) + "\n")
    data = ("--data", "BTCUSDT-trades-2025-01-01.csv.gz", *BTC)
    done = command("train", *data, "--weights", "models", "--name", "mine")
    assert (done.code, "has trades, of which bars of any length are made: pass --interval" in done.err) == (3, True)
    done = command("train", *data, "--weights", "models", "--name", "mine", "--interval", "1m")
    assert (done.code, done.err) == (0, "")
    Path("tickline.toml").write_text('[signal]\nweights = "models"\n')
    done = command("backtest", *data, "--interval", "1m", "--balance", "100", "--json", "out.json")
    assert (done.code, done.err) == (0, "")
    (totals, *_) = (variant["totals"] for variant in json.loads(Path("out.json").read_text())["variants"].values())
    # 3,000 trades 7 s apart are 349 whole minutes and a rest.
    assert (totals["bars"], totals["first_ts"]) == (349, "2025-01-01T00:01:00Z")
    done = command("data", "check", data[1], "--interval", "1m")
    assert done.code == 0
    assert done.out.splitlines() == [
        "trades: 3,000, first 2025-01-01T00:00:00Z, last 2025-01-01T05:49:53Z",
        "unusable rows: none",
        "whole bars of 1m: 349, gaps: 0",
    ]
