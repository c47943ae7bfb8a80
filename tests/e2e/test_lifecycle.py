"""Starting, stopping, killing: nothing is left behind, and the next run goes on."""

import json

import psutil
import pytest
import redis

from shared.bus.embedded import running_url
from tests.e2e.command import SELDOM_S, Done, Running, Tickline, wait_for
from tests.e2e.conftest import write_bars

BY_RULE = ("--model", "none", "--strategy", "moving_average_cross", "--param", "fast=2", "--param", "slow=5")
SERVICES = {"gateway", "strategy", "signal", "ingestor", "monitor"}

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def executions(tickline: Tickline, namespace: str = "tickline") -> int:
    """How many are on the bus of the running line."""
    return entries(tickline, "executions", namespace)


def entries(tickline: Tickline, stream: str, namespace: str = "tickline") -> int:
    """How many of a stream are on the bus of the running line."""
    url = running_url(tickline.bus_folder)
    if url is None:
        return 0
    try:
        with redis.Redis.from_url(url, socket_timeout=5) as client:
            return sum(client.xlen(key) for key in client.scan_iter(f"{namespace}:{stream}:*"))
    except redis.RedisError:
        return 0


def started(tickline: Tickline, *options: object, beyond: int = 0) -> Running:
    """A run whose executions flow: more than `beyond` are on the bus."""
    running = tickline.start("run", *options)
    wait_for(lambda: executions(tickline) > beyond or running.process.poll() is not None, "executions flow")
    assert running.process.poll() is None, running.done()
    return running


def is_whole(done: Done) -> None:
    """A clean end: every order known to the backtest."""
    assert done.code == 0, done.err
    assert "Traceback" not in done.err
    assert "parity: the backtest's" not in done.out
    assert done.summary["parity"]["compared"] == done.summary["parity"]["identical"] > 0, done.out


def is_small(memory_mb: dict[str, float]) -> None:
    """What needs neither torch nor ccxt holds below 80 MB; with the page's server below 100."""
    assert all(memory_mb[name] < (100 if name == "monitor" else 80) for name in SERVICES - {"signal"}), memory_mb


def test_ctrl_c_and_on_again(tickline: Tickline) -> None:
    """By rule, so nothing loads PyTorch; what a model remembers comes back in the test below."""
    running = started(tickline, *BY_RULE, "--rate", "20")
    is_small(tickline.memory_mb())
    running.interrupt(whole_group=True)  # as a terminal does it
    first = running.done()
    is_whole(first)
    assert first.out.startswith("stopped: ")
    assert first.summary["finished"] is False
    assert tickline.left() == {}

    running = started(
        tickline, *BY_RULE, "--rate", "20", beyond=first.summary["executions"]
    )  # perhaps of the first run's ticks
    wait_for(lambda: entries(tickline, "ticks") > first.summary["ticks"], "the source goes on")
    refused = tickline("run")
    assert refused.code == 4
    (line,) = refused.err.splitlines()
    assert "in use by another run" in line
    running.interrupt()
    second = running.done()
    is_whole(second)
    assert second.summary["ticks"] > first.summary["ticks"]
    assert tickline.left() == {}

    shown = tickline.in_process("tail", "ticks", "--sym", "SIM-A", "--json", "--limit", "100000").out.splitlines()
    numbers = [json.loads(line)["n"] for line in shown]
    assert numbers == list(range(1, len(numbers) + 1))
    assert 8 * len(numbers) >= second.summary["ticks"] - 8


def test_kill_9_of_the_console_then_of_a_service(tickline: Tickline) -> None:
    running = started(tickline, "--rate", "20")
    assert tickline.left().keys() == SERVICES | {"console", "bus"}
    running.process.kill()
    running.process.communicate()
    wait_for(lambda: not SERVICES & tickline.left().keys(), "the services end with their console", every_s=SELDOM_S)
    orphan = tickline.left()["bus"]

    running = started(tickline, "--rate", "60", "--limit", "300", beyond=executions(tickline))
    ended = not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE  # nobody may be there to reap it
    assert ended, "two servers would share one folder"
    tickline.service("signal").kill()
    done = running.done()
    is_whole(done)
    assert done.summary["finished"] is True
    assert done.summary["ticks"] == 8 * 300
    assert done.summary["restarts"] == 1
    assert "restarted processes: 1" in done.out.splitlines()
    assert tickline.left() == {}


def test_memory_while_a_large_file_is_replayed(tickline: Tickline) -> None:
    file = write_bars(tickline.folder / "bars.csv", 30_000)
    running = tickline.start("run", "--data", file, "--sym", "BTCUSDT", "--interval", "12h", "--run-id", "large")
    wait_for(lambda: executions(tickline, "tickline.replay.large") > 5_000, "executions flow")
    is_small(tickline.memory_mb())
    running.interrupt()
    done = running.done()
    is_whole(done)
    assert done.summary["finished"] is False
    assert tickline.left() == {}
