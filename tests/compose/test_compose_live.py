"""docker-compose.live.yml, with the simulator for the exchange: armed at a terminal, traded, halted, started again.

What a person does as docs/docker.md says, in its order: `.env`, a folder of keys, `up`, then the verbs in the container
`gateway`.
"""

import json
from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.compose.stack import Stack, cloned, until
from tests.e2e.account import at_terminal

pytestmark = [pytest.mark.compose, pytest.mark.timeout(900)]

LIVE = ("ingestor", "gateway", "monitor")
FILES = ("docker-compose.yml", "docker-compose.live.yml", "simulator.yml")
ENV = """\
TICKLINE_SYMBOLS=["BTCUSDT"]
TICKLINE_INTERVAL=1s
TICKLINE_INGESTOR__SOURCE=fake
TICKLINE_SIGNAL__MODEL=simulated_linear
TICKLINE_STRATEGY__NAME=threshold
TICKLINE_STRATEGY__PARAMS={"threshold": 0.0005}
TICKLINE_STRATEGY__BALANCE=1000
TICKLINE_STRATEGY__ORDER_VALID_S=5
TICKLINE_STRATEGY__PREDICTION_STALE_S=5
TICKLINE_GATEWAY__MODE=testnet
TICKLINE_GATEWAY__VENUE=fake
TICKLINE_GATEWAY__FAKE_URL=http://simulator:8901
TICKLINE_GATEWAY__ACCOUNT=main
TICKLINE_GATEWAY__MARKETS={"BTCUSDT": "BTC/USDT:USDT"}
TICKLINE_GATEWAY__FEE=0.0005
TICKLINE_GATEWAY__RISK={"max_order_notional": 2500, "max_position_notional": 1250, "orders_per_minute": 300, \
"daily_loss": 500, "max_tick_age_s": 10, "max_prediction_age_s": 10}
"""
# The simulator listens for its own machine alone; what comes over the network is passed on to it.
PASSED_ON = """\
import asyncio


async def copy(reader, writer):
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def passed_on(reader, writer):
    there, back = await asyncio.open_connection("127.0.0.1", 8900)
    await asyncio.gather(copy(reader, back), copy(there, writer), return_exceptions=True)


async def main():
    async with await asyncio.start_server(passed_on, "0.0.0.0", 8901) as server:
        await server.serve_forever()


asyncio.run(main())
"""
SIMULATOR = """\
services:
  simulator:
    image: tickline-live
    command: [sh, -c, "python -m services simulator --port 8900 --simulated 1s --fair & exec python /passed_on.py"]
    volumes: ["./passed_on.py:/passed_on.py:ro"]
    networks: [line]
    healthcheck:
      test: [CMD, python, -c, "import socket; socket.create_connection(('127.0.0.1', 8900), 1)"]
      interval: 2s
      retries: 30
  gateway:
    depends_on:
      simulator:
        condition: service_healthy
"""


def prepare(stack: Stack) -> None:
    """What a person writes before the first start."""
    folder = stack.folder
    (folder / ".env").write_text(ENV.replace("\\\n", ""))
    (folder / "simulator.yml").write_text(SIMULATOR)
    (folder / "passed_on.py").write_text(PASSED_ON)
    keys = folder / "keys"
    keys.mkdir(0o755)
    for name in ("api_key", "api_secret"):
        file = keys / name
        file.write_text(f"fake-{name.removeprefix('api_')}")
        file.chmod(0o644)  # the containers' user must be able to read it
    stack.use(*FILES)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with cloned(tmp_path_factory.mktemp("live") / "tickline", prepare) as stack:
        yield stack


def verb(stack: Stack, *words: str, ok: bool = True) -> str:
    return stack.compose("exec", "-T", "gateway", "tickline", *words, ok=ok)


def counted(stack: Stack, wanted: str) -> int:
    """How many orders the account's journal has of these; the bus forgets them."""
    query = f"SELECT COUNT(*) FROM orders WHERE {wanted}"
    code = f"import sqlite3; print(sqlite3.connect('/state/journal-main.db').execute({query!r}).fetchone()[0])"
    return int(stack.compose("exec", "-T", "gateway", "python", "-c", code))


def filled(stack: Stack) -> int:
    return counted(stack, "state = 'FILLED'")


def refused(stack: Stack, reason: str) -> int:
    return counted(stack, f"reason = '{reason}'")


def positions(stack: Stack) -> list[Decimal]:
    told = json.loads(verb(stack, "status", "--json"))
    return [Decimal(one["position"]) for one in told["symbols"].values()]


def test_all_are_healthy_and_nothing_is_sent_unarmed(stack: Stack) -> None:
    health = {row["Service"]: row["Health"] for row in stack.running()}
    assert health == dict.fromkeys((*LIVE, "redis", "signal", "strategy", "recorder", "simulator"), "healthy")
    until("a refusal", lambda: refused(stack, "NOT_ARMED") > 0)
    assert filled(stack) == 0


def test_the_gateway_alone_sees_the_keys(stack: Stack) -> None:
    seen = {name: stack.compose("exec", "-T", name, "ls", "/keys", ok=False).split() for name in (*LIVE, "signal")}
    assert seen.pop("gateway") == ["api_key", "api_secret"]
    assert not any(seen.values())
    assert not [name for name in seen if "API_KEY" in stack.compose("exec", "-T", name, "env")]


def test_armed_at_a_terminal_it_trades_and_the_monitor_reads_the_journal(stack: Stack) -> None:
    command = ("docker", "compose", "exec", "gateway", "tickline")
    words = ("arm", "--account", "main", "--max-notional", "2500", "--for", "1h")
    done = at_terminal(stack.folder, stack.environment, *words, typed="main", command=command)
    assert done.code == 0, done.shown
    until("fills", lambda: filled(stack) >= 4)
    told = json.loads(verb(stack, "status", "--json"))
    assert (told["mode"], told["account"], told["line"]) == ("testnet", "main", "up")
    assert "journal-main.db" in stack.compose("exec", "-T", "monitor", "ls", "/state").split()
    assert "no journal" not in stack.compose("logs", "monitor")


def test_halted_it_is_flat_and_stays_so_over_down_and_up(stack: Stack) -> None:
    assert "flat" in verb(stack, "halt", "--flatten")
    until("its close to be booked", lambda: positions(stack) == [0])  # the simulator forgets with its container
    stack.compose("down")
    stack.compose("up", "--detach", "--wait")
    until("a refusal", lambda: refused(stack, "HALTED") > 0)
    before, booked = refused(stack, "HALTED"), filled(stack)
    until("more of them", lambda: refused(stack, "HALTED") >= before + 3)
    assert filled(stack) == booked
    assert positions(stack) == [0]
    assert "HALT" in verb(stack, "status")
