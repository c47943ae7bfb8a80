"""What could not be computed again is told: how much, and why. Spans with settings of their own are compared each."""

import json
import shutil
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest

from services.gateway.execution.engine import GatewayStage
from services.gateway.paper import PaperStage
from services.research.parity.recording import parity
from shared.config import Mode, Settings
from shared.config.gateway import GatewaySettings
from shared.config.settings import SignalSettings
from shared.messages import Message, OrderIntent, Prediction, Stream, decode, encode
from shared.models.runtime import TOLERANCE, Runtime
from shared.recording.checkpoint import Checkpoint, kept_settings, write_checkpoint
from shared.runner.spec import Stage
from shared.runner.symbol import Symbol
from tests.altered_recording import Row, alter, the_row
from tests.unit.research.parity.test_recording import SYM, Line, counts, settings

QUIET = {"name": "threshold", "params": {"threshold": 0.9}}  # it never trades
WEIGHTS = Path(__file__).parents[4] / "weights"


class Exchange(GatewayStage):
    """A live gateway's stage, whose engine has an answer to each order at once, at a fee that nobody here knows."""

    def __init__(self) -> None:
        super().__init__()
        self._fills = PaperStage(Decimal("0.0007"), Decimal(1))

    def on_tick(self, val: Message) -> list[Message] | None:
        if not isinstance(val, OrderIntent):
            return super().on_tick(val)
        (report,) = self._fills.on_tick(val) or []
        return super().on_tick(report.model_copy(update={"n": self._numbers.last(Stream.EXECUTIONS) + 1}))


def at_an_exchange() -> Settings:
    """Its book and its account are of their own: no paper book can become a live one."""
    paper = settings()
    signal = SignalSettings(model="simulated_linear")
    gateway = GatewaySettings(mode=Mode.TESTNET, venue="fake", account="a", instance="account")
    strategy = paper.strategy.model_copy(update={"instance": "live"})
    return paper.model_copy(update={"signal": signal, "gateway": gateway, "strategy": strategy})


def session(folder: Path, *spans: Settings, ticks: int = 20) -> dict[str, int]:
    """Records a line that was started with each of these settings; returns how many executions each gateway wrote."""
    line = Line(folder, spans[0])
    executions = {}
    for made in spans:
        line.go_on(made)
        if made.gateway.mode is not Mode.PAPER:
            line._venue = Symbol(SYM, cast(Stage, Exchange()))
        line.checkpoint()
        line.catch_up()
        line.run(ticks)
        executions[made.gateway.instance] = len(line._written[Stream.EXECUTIONS])
        line.record()
    return executions


def test_a_symbol_that_had_no_order_before_a_restart(tmp_path: Path) -> None:
    """The bus knows nothing of a symbol at a gateway that has taken none of its orders."""
    executions = session(tmp_path, settings(**QUIET), settings())
    found = parity(tmp_path)
    assert (counts(found), found.proved) == ([40, 40], True)
    assert found.compared[Stream.EXECUTIONS] == executions["gateway"] > 20


def test_a_gateway_whose_state_nobody_kept(tmp_path: Path) -> None:
    """Earlier recorders asked for the states of signal and strategy alone."""
    line = Line(tmp_path, settings())
    for made in (settings(), settings(params={"netting": True})):
        line.go_on(made)
        snapshots = {"signal": {SYM: line._signal.dump()}, "strategy": {SYM: line._strategy.dump()}}
        write_checkpoint(tmp_path, Checkpoint(taken_ns=1, settings=kept_settings(made), snapshots=snapshots))
        line.run(20)
    count = len(line._written[Stream.EXECUTIONS])
    line.record()
    found = parity(tmp_path)
    assert found.first_difference is None
    assert found.not_compared == [f"{SYM}: {count} executions: an older recorder kept no state of the gateway"]


@pytest.mark.parametrize("spans", [(settings(), at_an_exchange()), (at_an_exchange(), settings())])
def test_executions_on_paper_are_compared_beside_those_of_an_exchange(
    tmp_path: Path, spans: Sequence[Settings]
) -> None:
    """Each book has decisions on all that was predicted, and both are computed again."""
    executions = session(tmp_path, *spans)
    found = parity(tmp_path)
    assert (found.first_difference, found.not_compared, found.proved) == (None, [], True)
    assert found.identical == found.compared
    assert found.compared[Stream.PREDICTIONS] == 40
    assert found.compared[Stream.DECISIONS] >= 20 + 40
    assert found.compared[Stream.EXECUTIONS] == executions["gateway"] > 0
    assert found.of_exchange == executions["account"] > 0


def test_executions_behind_the_last_order(tmp_path: Path) -> None:
    executions = session(tmp_path, settings())["gateway"]

    def two_more(rows: list[Row]) -> None:
        rows += [the_row(rows, SYM, executions) | {"n": executions + more} for more in (1, 2)]

    alter(tmp_path, Stream.EXECUTIONS, two_more)
    found = parity(tmp_path)
    assert (counts(found), found.proved) == ([20, 20], False)
    assert found.not_compared == [f"{SYM}: 2 executions behind the last recorded order"]


def test_orders_on_paper_that_were_not_answered_yet(tmp_path: Path) -> None:
    executions = session(tmp_path, settings())["gateway"]
    alter(tmp_path, Stream.EXECUTIONS, lambda rows: rows.remove(the_row(rows, SYM, executions)))
    found = parity(tmp_path)
    assert (counts(found), found.proved) == ([20, 20], True)
    assert found.ahead[Stream.ORDERS] == 1


def test_orders_without_any_decision(tmp_path: Path) -> None:
    session(tmp_path, settings())
    shutil.rmtree(tmp_path / Stream.DECISIONS)
    found = parity(tmp_path)
    assert not found.proved
    assert [line for line in found.not_compared if line.endswith(" orders behind the last recorded decision")]


def of_model(folder: Path, name: str, times: float) -> Settings:
    """The model of the simulated markets, with a card that says that its output moves so many times as much."""
    card = json.loads((WEIGHTS / "simulated_linear.json").read_text())
    card["training"]["y_hat"]["std"] *= times
    (folder / f"{name}.json").write_text(json.dumps({**card, "name": name}))
    shutil.copy(WEIGHTS / "simulated_linear.pth", folder / f"{name}.pth")
    return settings(**QUIET).model_copy(update={"signal": SignalSettings(model=str(folder / f"{name}.json"))})


@pytest.mark.parametrize(("first", "near"), [("narrow", False), ("wide", True)])
def test_what_another_cpu_may_differ_by_is_told_by_the_card_of_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, near: bool
) -> None:
    models = {name: of_model(tmp_path, name, times) for name, times in (("narrow", 1.0), ("wide", 1e6))}
    last = models["wide" if first == "narrow" else "narrow"]
    recording = tmp_path / "recording"
    line = Line(recording, models[first])
    line.checkpoint()
    line.run(20)
    line.go_on(last)
    line.checkpoint()
    line.run(20)
    line.record()
    std = json.loads((WEIGHTS / "simulated_linear.json").read_text())["training"]["y_hat"]["std"]

    def moved(rows: list[Row]) -> None:
        row = the_row(rows, SYM, 15)
        right = cast(Prediction, decode(row["t"], row["d"]))
        assert right.y_hat is not None
        row.update(d=encode(right.model_copy(update={"y_hat": right.y_hat + 1e3 * TOLERANCE * std})))

    alter(recording, Stream.PREDICTIONS, moved)
    elsewhere = Runtime(versions={"torch": "1.0"}, cpu="another")
    monkeypatch.setattr("services.research.parity.tolerance.Runtime.here", lambda format: elsewhere)
    found = parity(recording)
    assert found.near[Stream.PREDICTIONS] == near
    assert (found.first_difference or "").startswith("" if near else f"{SYM} predictions n=15: recorded y_hat ")
