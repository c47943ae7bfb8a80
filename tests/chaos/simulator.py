"""A simulator in a process of its own, on which all goes wrong, and the ingestor's config for it."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from services.simulator.engine.listing import Listing
from services.simulator.engine.trade_history import TradeHistory
from services.simulator.websocket.faults import Trouble
from tests.chaos.line import ROOT
from tests.servers import free_port

S_MS = 1_000
RATE = 125.0
PAST_S = 60
CHANCES = {
    Trouble.DUPLICATE: 0.005, Trouble.REORDER: 0.005, Trouble.GAP: 0.005, Trouble.LATE: 0.003,
    Trouble.WRONG_TYPE: 0.003, Trouble.DISCONNECT: 0.0005, Trouble.SILENCE: 0.0003, Trouble.HUGE: 0.00005,
    Trouble.CLOCK_JUMP: 0.00005,
}  # fmt: skip
WEATHER = {"chances": CHANCES, "late_ms": 1_500, "jump_for_ms": 500, "huge_bytes": 1_000_000}
REST_CHANCES = {"limit": 0.005, "status_before": 0.02, "drop_after": 0.02, "slow": 0.05, "html": 0.01}


def history(listing: Listing, start_ms: int) -> TradeHistory:
    """Returns what is traded in a market of `venue`."""
    return TradeHistory(listing, start_ms=start_ms, rate=RATE, past_ms=PAST_S * S_MS)


@contextmanager
def venue(markets: int, start_ms: int, rate: float = RATE, cash: int = 10_000) -> Iterator[str]:
    """Starts the process; yields its URL."""
    port = free_port()
    arguments = {
        "port": port, "markets": markets, "trades-per-s": rate, "past-s": PAST_S, "start-ms": start_ms, "cash": cash,
    }  # fmt: skip
    command = [sys.executable, "-m", "services", "simulator"]
    for name, value in arguments.items():
        command += [f"--{name}", str(value)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "fake binance at" in process.stdout.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def storm(url: str, seed: int) -> None:
    """Lets all go wrong from now on, on the websockets and over REST."""
    post(f"{url}/_fake/feed", {**WEATHER, "seed": seed})
    post(f"{url}/_fake/weather", {"chances": REST_CHANCES, "seed": seed})


def calm(url: str) -> dict[str, int]:
    """Lets nothing go wrong any more; returns how often each trouble of the websockets has struck."""
    post(f"{url}/_fake/weather", {"chances": {}})
    struck: dict[str, int] = post(f"{url}/_fake/feed", {"chances": {}})["struck"]
    return struck


def post(url: str, content: object) -> Any:
    """Throws a switch of the simulator; returns its answer."""
    request = urllib.request.Request(url, json.dumps(content).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.loads(answer.read())


def environment(url: str, listings: tuple[Listing, ...]) -> dict[str, str]:
    """Returns the ingestor's config, as environment variables."""
    markets = {listing.id: f"{listing.base}/USDT:USDT" for listing in listings}
    own = {
        "SOURCE": "ccxt", "EXCHANGE": "binance", "MARKETS": json.dumps(markets), "BASE_URL": url, "WARM_BARS": "5",
        "SILENCE_S": "2", "GRACE_S": "0.6",
    }  # fmt: skip
    named = {f"TICKLINE_INGESTOR__{name}": value for name, value in own.items()}
    return {"TICKLINE_SYMBOLS": json.dumps(list(markets)), "TICKLINE_INTERVAL": "1s", **named}
