"""Strategies with a memory through real processes: rules without a model, stops on bars, and one of a user's folder."""

import json
import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.command import Done, Tickline

MINUTES = 2_000
WEIGHTS = Path(__file__).parents[2] / "weights"
RULE = """\
[signal]
model = "none"

[strategy]
name = "moving_average_cross"
params = {fast = 5, slow = 20}
wrappers = [{name = "trailing_stop", atr = 2.0, window = 10, bars = true}, {name = "cool_down", ticks = 3}]
qty_step = 0.001
balance = 1000
"""
MINE = """\
from decimal import Decimal
from tickline import Bar, Group, Made, Prediction, Reason, StatefulStrategy

class Mine(StatefulStrategy):
    needs = frozenset({Group.BAR})
    distance: Decimal = Decimal("0.004")

    _best: Decimal = Decimal(0)
    _entered: int = 0

    def on_tick(self, bar: Bar) -> Made:
        held = self.held()
        self._best = max(self._best, Decimal(repr(bar.high))) if held else bar.price
        if held and bar.price <= self._best * (1 - self.distance):
            return self.close()
        return None

    def on_prediction(self, prediction: Prediction) -> Made:
        if prediction.y_hat <= 0 or self.held():
            return Reason.NO_CHANGE
        return self.move_to(Decimal("0.01"))

    def on_execution(self, report):
        self._entered += report.last_qty > 0
"""

PROTECTED = """\
[bus]
trim_age_s = 3600

[strategy]
name = "mine.py:Rider"
max_slippage_bps = 5
balance = 1000

[strategy.protect]
stop_bps = 20
take_profit_bps = 15
trail_bps = 25
after_stop = 3
"""
RIDER = """\
from decimal import Decimal
from tickline import Made, Prediction, StatefulStrategy

class Rider(StatefulStrategy):
    _stopped: int = 0

    def on_prediction(self, prediction: Prediction) -> Made:
        return self.move_to(Decimal("0.01") if prediction.y_hat > 0 else Decimal("-0.01"))

    def on_execution(self, report):
        self._stopped += report.leg.value == "stop"
"""

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


@pytest.fixture
def minutes(tmp_path: Path) -> Path:
    dice, start, close = random.Random(5), datetime(2024, 1, 1, tzinfo=UTC), 50_000.0
    lines = ["datetime,open,high,low,close,volume"]
    for n in range(MINUTES):
        opened, close = close, close * (1 + dice.gauss(0, 0.001))
        high, low = max(opened, close) * (1 + dice.random() / 1e3), min(opened, close) * (1 - dice.random() / 1e3)
        time = f"{start + timedelta(minutes=n):%Y-%m-%dT%H:%M:%S}"
        lines.append(f"{time},{opened:.2f},{high:.2f},{low:.2f},{close:.2f},{dice.random():.4f}")
    path = tmp_path / "minutes.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def run(tickline: Tickline, minutes: Path, *options: str) -> Done:
    done = tickline.in_process(
        "run", "--data", minutes, "--sym", "BTCUSDT", "--interval", "1m", "--run-id", "one", *options
    )
    assert done.code == 0, done.err
    parity = done.summary["parity"]
    assert parity["compared"] == parity["identical"] == done.summary["orders"] > 50
    assert done.summary["ticks"] == done.summary["predictions"] == MINUTES  # each tick is answered by one
    assert tickline.left() == {}
    return done


def told(tickline: Tickline, stream: str) -> list[dict[str, object]]:
    shown = tickline.in_process("tail", stream, "--run-id", "one", "--json", "--limit", "100000")
    assert shown.code == 0, shown.err
    return [json.loads(line) for line in shown.out.splitlines()]


def test_a_rule_trades_without_a_model_and_a_stop_sees_its_bars(tickline: Tickline, minutes: Path) -> None:
    (tickline.folder / "tickline.toml").write_text(RULE)
    done = run(tickline, minutes)
    decisions = told(tickline, "decisions")
    assert len(decisions) == done.summary["decisions"] == MINUTES  # nothing waits: there is no y_hat
    assert {"WARMING_UP", "NO_CHANGE", "COOLING_DOWN"} <= {str(one["reason"]) for one in decisions}
    assert {one["leg"] for one in told(tickline, "orders")} == {"close", "open", "net"}  # a turn is two orders
    assert all("high" in one["bar"] for one in told(tickline, "predictions"))  # type: ignore[operator]


def test_a_strategy_of_the_users_folder_looks_every_minute_and_its_model_every_four(
    tickline: Tickline, minutes: Path
) -> None:
    folder = tickline.folder
    (folder / "mine.py").write_text(MINE)
    (folder / "weights").mkdir()
    shutil.copy(WEIGHTS / "simulated_linear.pth", folder / "weights" / "four.pth")
    card = json.loads((WEIGHTS / "simulated_linear.json").read_text())
    (folder / "weights" / "four.json").write_text(json.dumps(card | {"name": "four", "interval": "4m"}))
    done = run(tickline, minutes, "--model", "four", "--strategy", "mine.py:Mine")
    asked = [one for one in told(tickline, "predictions") if one["y_hat"] is not None]
    assert len(asked) == MINUTES // 4 - 3  # three log returns need four bars
    made = told(tickline, "orders")
    assert {(one["leg"], one.get("origin", "prediction")) for one in made} == {("net", "prediction"), ("close", "tick")}
    assert len({one["client_order_id"] for one in made}) == done.summary["orders"]


def test_the_stops_of_a_strategy_of_the_users_folder_fire_in_the_line_as_in_the_backtest(
    tickline: Tickline, minutes: Path
) -> None:
    """Its file has no volumes, only what a stop looks at: open, high and low."""
    rows = [line.rpartition(",")[0] for line in minutes.read_text().splitlines()]
    minutes.write_text("\n".join(rows) + "\n")
    folder = tickline.folder
    (folder / "mine.py").write_text(RIDER)
    (folder / "tickline.toml").write_text(PROTECTED)
    (folder / "weights").mkdir()
    shutil.copy(WEIGHTS / "simulated_linear.pth", folder / "weights" / "one.pth")
    card = json.loads((WEIGHTS / "simulated_linear.json").read_text())
    (folder / "weights" / "one.json").write_text(json.dumps(card | {"name": "one", "interval": "1m"}))
    done = run(tickline, minutes, "--model", "one")
    parity = done.summary["parity"]
    assert parity["executions"] == parity["executions_identical"] == done.summary["executions"]
    made, reports = told(tickline, "orders"), told(tickline, "executions")
    fired = [one for one in made if one["leg"] == "stop"]
    assert {str(one["stop"]) for one in fired} == {"stop", "take_profit", "trail"}
    assert len([one for one in reports if one["leg"] == "stop"]) == len(fired) > 50
    assert {str(one["reason"]) for one in reports} == {"None", "STOPPED_OUT", "PROFIT_TAKEN", "TRAILED_OUT"}
    assert "STOPPED_OUT" in {str(one["reason"]) for one in told(tickline, "decisions")}

    tested = tickline.in_process(
        "backtest",
        "--data",
        minutes,
        "--sym",
        "BTCUSDT",
        "--interval",
        "1m",
        "--model",
        "one",
        "--json",
        folder / "b.json",
    )
    assert tested.code == 0, tested.err
    totals = json.loads((folder / "b.json").read_text())["variants"]["mine.py:Rider"]["totals"]
    assert (totals["stops"], totals["fills"]) == (len(fired), len(reports))
    assert totals["end_equity"] == done.summary["final_equity"]

    traced = tickline.in_process("trace", str(fired[0]["client_order_id"]), "--run-id", "one")
    assert traced.code == 0, traced.err
    assert "no decision asked for it: a stop of the position fired" in " ".join(traced.out.split())
