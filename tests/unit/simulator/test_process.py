"""The simulator as a process of its own: started, asked, killed and started again."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.simulator.main import main

Start = Callable[..., str]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[subprocess.Popen[str]] = []

    def started(*options: str) -> str:
        for process in running:
            process.kill()
            process.wait(10)
        command = [sys.executable, "-m", "services", "simulator", "--state", str(tmp_path / "state"), *options]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        stdout = running[-1].stdout
        assert stdout is not None
        line = stdout.readline()
        assert " at http://127.0.0.1:" in line, line
        return line.split()[-1]

    yield started
    for process in running:
        process.kill()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


def asked(url: str, name: str, **content: Any) -> Any:
    request = urllib.request.Request(f"{url}/_fake/{name}", json.dumps(content).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.load(answer)


@pytest.mark.parametrize("venue", ["binance", "okx"])
def test_its_book_survives_a_kill(start: Start, venue: str) -> None:
    sym = {"binance": "BTCUSDT", "okx": "BTC-USDT-SWAP"}[venue]
    url = start("--venue", venue, "--port", "0", "--walk-ms", "0")
    for qty in ("0.010", "-0.004"):
        asked(url, "order", sym=sym, qty=qty, client_id="byhand")
    asked(url, "funding", sym=sym, rate="0.0001")
    before = asked(url, "book")
    again = start("--venue", venue, "--port", url.rsplit(":", 1)[1], "--walk-ms", "0")
    assert again == url
    assert asked(again, "book") == before
    assert before["positions"][sym]["qty"] in ("0.006", "0.0060")
    assert [order["client_id"] for order in before["orders"]] == ["byhand", "byhand"]


def test_the_switches(start: Start) -> None:
    url = start("--port", "0", "--seed", "9")
    assert asked(url, "weather")["seed"] == 9
    assert asked(url, "weather", chances={"drop_after": 0.25})["chances"] == {"drop_after": 0.25}
    for name, content in (
        ("weather", {"chances": {"hail": 1.0}}), ("fault", {"mode": "ROBBERY"}), ("price", {"sym": "BTCUSDT"}),
        ("order", {"sym": "BTCUSDT", "qty": "1000"}), ("skew", {"ms": "soon"}),
    ):  # fmt: skip
        with pytest.raises(urllib.error.HTTPError, match="400"):
            asked(url, name, **content)
    asked(url, "weather", chances={})
    asked(url, "price", sym="BTCUSDT", price="50000.00")
    asked(url, "fault", mode="STATUS", path="/ping", status=418, headers={"Retry-After": "9"})
    ping = f"{url}/fapi.binance.com/fapi/v1/ping"
    with pytest.raises(urllib.error.HTTPError, match="418") as caught:
        urllib.request.urlopen(ping, timeout=300)
    caught.value.close()
    assert caught.value.headers["Retry-After"] == "9"
    with urllib.request.urlopen(ping, timeout=300) as answer:
        assert answer.status == 200
    assert asked(url, "asked", path="/ping")["count"] == 2
    asked(url, "skew", ms=-60_000)
    with urllib.request.urlopen(
        f"{url}/fapi.binance.com/fapi/v1/ticker/bookTicker?symbol=BTCUSDT", timeout=300
    ) as answer:
        assert 49_000 < float(json.load(answer)["bidPrice"]) < 51_000


def test_it_ends_with_its_parent() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "services", "simulator", "--port", "0", "--simulated", "1s"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {"TICKLINE_WITH_PARENT": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    assert b" at http://127.0.0.1:" in process.stdout.readline()
    process.communicate(timeout=300)
    assert process.returncode == 0


def test_the_switches_of_the_feed(start: Start) -> None:
    url = start("--port", "0", "--seed", "9", "--markets", "3", "--trades-per-s", "100", "--trades", "5000")
    assert asked(url, "feed")["seed"] == 9
    assert asked(url, "feed", chances={"gap": 0.5})["chances"] == {"gap": 0.5}
    for name, content in (
        ("feed", {"chances": {"hail": 1.0}}), ("feed", {"chances": {"gap": 0.6, "late": 0.6}}), ("feed", {"hue": 1}),
        ("feed_fault", {"trouble": "robbery"}), ("clock_jump", {"ms": "soon"}), ("tape", {}),
    ):  # fmt: skip
        with pytest.raises(urllib.error.HTTPError, match="400"):
            asked(url, name, **content)
    assert asked(url, "feed")["chances"] == {"gap": 0.5}
    assert asked(url, "feed_fault", trouble="gap", stream="btcusdt@trade", times=3) == {"faults": 1}
    assert asked(url, "feed_fault") == {"faults": 0}
    assert asked(url, "feed_cut") == {"torn": 0}
    before = asked(url, "tape", sym="SOLUSDT")
    asked(url, "clock_jump", ms=10_000)
    after = asked(url, "tape", sym="SOLUSDT", first=0, last=2)
    assert after["count"] > before["count"] + 500
    assert [trade["id"] for trade in after["trades"]] == [5_000_000, 5_000_001]


def test_a_seed_and_a_start_make_the_same_trades_after_a_kill(start: Start) -> None:
    options = ("--port", "0", "--trades-per-s", "10", "--start-ms", str(time.time_ns() // 1_000_000))
    first = asked(start(*options), "tape", sym="BTCUSDT", last=100)
    assert asked(start(*options), "tape", sym="BTCUSDT", last=100)["trades"] == first["trades"]


@pytest.mark.parametrize(
    "options",
    [
        ("--venue", "okx", "--trades-per-s", "5", "--trades", "9", "--prepared"),
        ("--venue", "okx", "--markets", "31"),
        ("--prepared",),
    ],
)
def test_what_it_cannot_do_is_refused(options: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(options)
    assert "--" in capsys.readouterr().err.splitlines()[-1]
