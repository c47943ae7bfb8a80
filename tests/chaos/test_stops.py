"""kill -9 of every service and the bus while stops fire: each goes out once; orders and fills are the backtest's.

So do a strategy's own stops, which are decisions, and the protection of its positions, which on paper is simulated. The
protected strategy is a user's, of a folder outside the repository, with a config of its own.
"""

import json
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from services.research.parity.orders import ExecutionKey, OrderKey, compare
from shared.bus.names import PartitionId
from shared.config import load_settings
from shared.messages import Decision, ExecutionReport, Leg, MarketTick, Message, OrderIntent, Origin, Stream, decode
from tests.chaos.compare import Content
from tests.chaos.conftest import SHORT
from tests.chaos.replay import Replay, undisturbed
from tests.chaos.server import Server, kill_and_restart
from tests.chaos.test_crash import Chaos, Say, crash
from tests.chaos.watch import PARTITIONS, WRITERS

SYMBOLS, ROWS = 10, 500 if SHORT else 2_500
KILLS, NEAR = (8, 5) if SHORT else (65, 50)
FIRES = 200
LAST = {"ingestor": Stream.TICKS, "signal": Stream.PREDICTIONS, "strategy": Stream.DECISIONS,
        "gateway": Stream.EXECUTIONS}  # fmt: skip
# The prices move by 0.1 % a tick: a stop fires every few ticks.
STOPS = {
    "TICKLINE_STRATEGY__WRAPPERS": json.dumps(
        [{"name": "trailing_stop", "distance": 0.0003}, {"name": "take_profit", "gain": 0.004},
         {"name": "cool_down", "ticks": 1}]
    ),
    "TICKLINE_STRATEGY__QTY_STEP": "0.0001",
}  # fmt: skip
# A user's folder: a package, and a config with the protection. What it orders hangs on what it remembers.
USERS = {
    "tickline.toml": """
[strategy]
name = "desk.mine:Mine"
params = {rest = 2}

[strategy.protect]
stop_bps = 9
take_profit_bps = 60
trail_bps = 8
""",
    "desk/__init__.py": "",
    "desk/mine.py": """
from .sizes import share

from tickline import ExecutionReport, Leg, Made, Prediction, Reason, StatefulStrategy


class Mine(StatefulStrategy):
    rest: int = 1

    _stops: int = 0
    _rests: int = 0

    def on_prediction(self, prediction: Prediction) -> Made:
        self._rests = max(self._rests - 1, 0)
        if self._rests or not prediction.y_hat:
            return Reason.COOLING_DOWN
        qty = self.account.equity(self.sym, prediction.price) * share(self._stops) / prediction.price
        return self.move_to(qty if prediction.y_hat > 0 else -qty)

    def on_execution(self, report: ExecutionReport) -> None:
        if report.leg is Leg.STOP:
            self._stops += 1
            self._rests = self.rest
""",
    "desk/sizes.py": """
from decimal import Decimal


def share(stops: int) -> Decimal:
    return Decimal(10 - stops % 7) / 10
""",
}


def users_config(folder: Path) -> dict[str, str]:
    """Writes a user's folder; returns the variable that names its config."""
    (folder / "desk").mkdir(parents=True)
    for name, text in USERS.items():
        (folder / name).write_text(text)
    return {"TICKLINE_CONFIG": str(folder / "tickline.toml")}


@pytest.fixture(scope="module", params=["own", "protected"])
def stopped(request: pytest.FixtureRequest) -> Iterator[Replay]:
    """A replay in which stops fire, undisturbed."""
    path = Path(tempfile.mkdtemp(prefix="tlc-"))
    yield undisturbed(path, SYMBOLS, ROWS, STOPS if request.param == "own" else users_config(path / "user"))
    shutil.rmtree(path, ignore_errors=True)


class StopChaos(Chaos):
    """Notes at each kill of a service which tick of each symbol it had written about last."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.positions: list[dict[str, int]] = []

    def killed(self, victim: str) -> None:
        stream, names, client = LAST[victim], self._watch.names, self._watch.client
        found: dict[str, int] = {}
        for p in range(PARTITIONS):
            place = PartitionId(WRITERS[stream], p)
            for _, fields in client.xrevrange(names.stream(stream, place), count=64):
                message = decode(fields[b"t"], fields[b"d"])
                tick_n = message.n if isinstance(message, MarketTick) else getattr(message, "tick_n", 0)
                found.setdefault(message.sym, tick_n)
        self.positions.append(found)


M = TypeVar("M", bound=Message)


def read(found: Content, kind: type[M]) -> dict[str, list[M]]:
    """A stream's messages by symbol."""
    made: dict[str, list[M]] = {}
    for (which, sym), rows in found.rows.items():
        if which is kind.STREAM:
            made[sym] = [decode(kind.TAG, data) for _, data in rows]  # type: ignore[misc]
    return made


@pytest.mark.timeout(1800)
def test_stops_fire_once_each_whoever_dies(
    folder: Path, stopped: Replay, rng: random.Random, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(folder, rewrite_at="4mb")
    chaos, found = crash(
        server, folder, stopped, rng, KILLS, lambda _, watch: kill_and_restart(server, watch), say, StopChaos
    )
    decisions, ordered, executed = (read(found, kind) for kind in (Decision, OrderIntent, ExecutionReport))
    fired = {(sym, one.tick_n) for sym, made in decisions.items() for one in made if _by_tick(one)}
    fired |= {(sym, one.tick_n) for sym, made in ordered.items() for one in made if one.leg is Leg.STOP}
    near = {
        (sym, n) for positions in chaos.positions for sym, at in positions.items() for n in (at, at + 1)
        if (sym, n) in fired
    }  # fmt: skip
    say(f"stops fired {len(fired)} times, {len(near)} of them in the bar of a kill or the next")
    assert len(fired) >= FIRES
    assert len(near) >= NEAR

    for name in [name for name in os.environ if name.startswith("TICKLINE_") and not name.startswith("TICKLINE_TEST_")]:
        monkeypatch.delenv(name)
    for name, value in stopped.environment.items():
        monkeypatch.setenv(name, value)
    orders = {sym: {one.n: OrderKey.of(one) for one in made} for sym, made in ordered.items()}
    reports = {sym: {one.n: ExecutionKey.of(one) for one in made} for sym, made in executed.items()}
    parity = compare(load_settings(), dict.fromkeys(decisions, ROWS), orders, executions=reports)
    say(f"orders: {parity.identical} of {parity.compared}, executions: {parity.same} of {parity.executions} are the "
        "backtest's")  # fmt: skip
    assert parity.first_difference is None
    assert parity.identical == parity.compared == sum(len(made) for made in orders.values())
    assert parity.same == parity.executions == sum(len(made) for made in reports.values()) == parity.compared


def _by_tick(decision: Decision) -> bool:
    return decision.origin is Origin.TICK and bool(decision.orders)
