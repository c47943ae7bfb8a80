"""A whole session from its checkpoints: begun in the middle, behind missing rows, cut off, without an order."""

import json
import runpy
import shutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest

from services.research.in_process_line import LinePlans, line_plans
from services.research.parity.recording import Parity, parity
from services.research.parity.stops import recorded_stops
from shared.bus.names import PartitionId
from shared.config import Settings
from shared.config.settings import IngestorSettings, SignalSettings
from shared.config.strategy import StrategySettings
from shared.errors import DataError, UserCodeFailed
from shared.messages import (
    Decision,
    ExecutionReport,
    Leg,
    Message,
    OrderIntent,
    Prediction,
    Reason,
    Stream,
    decode,
    encode,
)
from shared.messages.codec import pack, unpack
from shared.models.runtime import Runtime
from shared.record import WIRE
from shared.recording.checkpoint import Checkpoint, kept_settings, last_settings, write_checkpoint
from shared.recording.folder import RecordingFolder
from shared.recording.layout import RecordingOrigin, checkpoint_paths, claim, parts
from shared.recording.part import ReceivedEntry, read_rows
from shared.runner.progress import producers
from shared.runner.spec import ServiceSpec, Stage
from shared.runner.symbol import Symbol, Taken
from shared.strategies import BasicTaker
from tests.altered_recording import Row, alter, the_row
from tests.unit.recording.entries import FIRST_DAY_MS
from tests.unit.runner.fakes import entry

SYM = "SIM-A"


def settings(**strategy: object) -> Settings:
    source = IngestorSettings(ticks_per_s=0, limit=200)
    return Settings(symbols=(SYM,), ingestor=source, strategy=StrategySettings.model_validate(strategy))


class Line:
    """A line of one symbol that records itself, a part a stream at each `record`."""

    def __init__(self, folder: Path, made: Settings) -> None:
        claim(folder, RecordingOrigin(bus_id="b", namespace="tickline", partitions=1))
        self._folder, self._settings = folder, made
        self._plans: LinePlans = line_plans(made)
        self._signal, self._strategy = (
            Symbol(SYM, plan.make_stage(SYM)) for plan in (self._plans.signal, self._plans.strategy)
        )
        self._venue = Symbol(SYM, self._plans.gateway.make_stage(SYM))
        self._ticks = self._quotes()
        self._written: dict[Stream, list[Message]] = {stream: [] for stream in Stream}
        self._predicted: list[Prediction] = []

    def _quotes(self) -> Iterator[Message]:
        stage = self._plans.ingestor.make_stage(SYM)
        for quote in self._plans.source.open(SYM, 0).take(200):
            yield from stage.on_tick(quote) or []

    def run(self, ticks: int) -> None:
        """So many ticks through all stages."""
        for _ in range(ticks):
            tick = next(self._ticks)
            self._written[Stream.TICKS].append(tick)
            for message in self._give(self._signal, tick):
                if isinstance(message, Prediction):
                    self._predicted.append(message)
                    self.catch_up()

    def catch_up(self) -> None:
        """The strategy, which may be a new one, takes what was predicted; its orders come back as reports."""
        for message in self._predicted[self._strategy.taken(Stream.PREDICTIONS) :]:
            made = self._give(self._strategy, message)
            while orders := [one for one in made if isinstance(one, OrderIntent)]:
                reports = [report for order in orders for report in self._give(self._venue, order)]
                made = [one for report in reports for one in self._give(self._strategy, report)]

    def _give(self, symbol: Symbol, message: Message) -> list[Message]:
        made = cast(Stage, symbol.stage).on_tick(message) or []
        symbol.last[message.to] = Taken(message.n, message.tr, message)
        for output in made:
            self._written[output.to].append(output)
            symbol.sent[output.to] = output.n
        return made

    def record(self) -> None:
        """Put what was written since into parts."""
        recording, instances = RecordingFolder(self._folder), producers(self._settings)
        for stream, messages in self._written.items():
            rows = [ReceivedEntry(PartitionId(instances[stream], 0), entry(m, FIRST_DAY_MS + m.n), 0) for m in messages]
            if rows:
                recording.add(stream, rows, "server")
            messages.clear()

    def go_on(self, made: Settings) -> None:
        """A restart: a stage goes on from its state, or begins anew under another instance."""
        before, now = producers(self._settings), producers(made)
        self._settings, self._plans = made, line_plans(made)

        def restarted(old: Symbol, plan: ServiceSpec, writes: Stream) -> Symbol:
            symbol = Symbol(SYM, plan.make_stage(SYM))
            if before[writes] == now[writes]:
                symbol.restore(old.dump())
            return symbol

        self._signal = restarted(self._signal, self._plans.signal, Stream.PREDICTIONS)
        self._strategy = restarted(self._strategy, self._plans.strategy, Stream.DECISIONS)
        self._venue = restarted(self._venue, self._plans.gateway, Stream.EXECUTIONS)

    def checkpoint(self) -> None:
        """As the recorder makes one: the bus has no state of a symbol that a service took nothing of."""
        stages = {Stream.PREDICTIONS: self._signal, Stream.DECISIONS: self._strategy, Stream.EXECUTIONS: self._venue}
        made_by = producers(self._settings)
        snapshots = {made_by[stream]: {SYM: symbol.dump()} if symbol.last else {} for stream, symbol in stages.items()}
        write_checkpoint(
            self._folder, Checkpoint(taken_ns=1, settings=kept_settings(self._settings), snapshots=snapshots)
        )


def counts(found: Parity) -> list[int]:
    assert found.first_difference is None
    assert found.identical == found.compared
    return [found.compared[stream] for stream in (Stream.PREDICTIONS, Stream.DECISIONS)]


def test_a_recording_that_began_amid_the_session(tmp_path: Path) -> None:
    line = Line(tmp_path, settings())
    line.run(20)
    line.record()
    for part in parts(tmp_path):
        part.path.unlink()  # nobody recorded that
    line.checkpoint()
    line.run(30)
    line.record()
    found = parity(tmp_path)
    assert (counts(found), found.proved) == ([30, 30], True)
    (traded,) = found.identities
    assert traded.startswith("model simulated_linear (")
    assert traded.endswith("strategy basic_taker(leverage=1, netting=False, sizing=compounding, fraction=1)")


def test_code_that_raises_is_named_with_file_line_and_symbol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(tmp_path, settings())
    line.checkpoint()
    line.run(10)
    line.record()
    mine = tmp_path / "mine.py"
    mine.write_text("def decide(self, prediction, account):\n    raise KeyError('x')\n")
    monkeypatch.setattr(BasicTaker, "decide", runpy.run_path(str(mine))["decide"])
    with pytest.raises(UserCodeFailed, match=r"SIM-A: KeyError: 'x' \(.*mine.py:2, in decide\)"):
        parity(tmp_path)


def test_behind_a_hole_it_goes_on_at_the_next_checkpoint(tmp_path: Path) -> None:
    line = Line(tmp_path, settings())
    line.checkpoint()
    line.run(20)
    line.record()
    line.run(10)
    line.record()
    missing = parts(tmp_path, Stream.TICKS, Stream.PREDICTIONS)[-2:]
    line.run(10)
    line.checkpoint()
    line.run(25)
    line.record()
    for part in missing:
        part.path.unlink()
    found = parity(tmp_path)
    assert counts(found) == [20 + 25, 20 + 25]
    assert not found.proved
    assert found.not_compared == ["SIM-A: ticks n=21 to 30 not recorded", "SIM-A: predictions n=21 to 30 not recorded"]


def test_new_settings_hold_from_their_checkpoint_on(tmp_path: Path) -> None:
    line = Line(tmp_path, settings())
    line.checkpoint()
    line.run(20)
    line.checkpoint()
    line.go_on(settings(params={"netting": True}))
    line.checkpoint()
    line.run(20)
    line.record()
    found = parity(tmp_path)
    assert (counts(found), found.proved) == ([40, 40], True)
    assert found.compared[Stream.ORDERS] == 2 * 17 - 1 + 20 + 16, "netted, 16 of 20 turn the position: two orders each"


def _byte(rows: list[Row]) -> None:
    row = the_row(rows, SYM, 9)
    assert isinstance(row["d"], bytes)
    row["d"] = row["d"][:-1] + bytes([row["d"][-1] ^ 1])


def _reason(rows: list[Row]) -> None:
    row = the_row(rows, SYM, 9)
    assert isinstance(row["d"], bytes)
    row["d"] = encode(decode(Decision.TAG, row["d"]).model_copy(update={"reason": Reason.NO_CHANGE}))


def _fee(rows: list[Row]) -> None:
    row = the_row(rows, SYM, 9)
    assert isinstance(row["d"], bytes)
    row["d"] = encode(decode(ExecutionReport.TAG, row["d"]).model_copy(update={"commission": Decimal("0.5")}))


def _drop(rows: list[Row]) -> None:
    rows.remove(the_row(rows, SYM, 9))


@pytest.mark.parametrize(
    ("stream", "plant", "first"),
    [
        (Stream.PREDICTIONS, _byte, "SIM-A predictions n=9: recorded history "),
        (Stream.PREDICTIONS, _drop, "SIM-A predictions n=9: recorded none, computed SIM-A y_hat="),
        (Stream.DECISIONS, _reason, "SIM-A decisions n=9: recorded reason NO_CHANGE, computed None"),
        (Stream.DECISIONS, _drop, "SIM-A decisions n=9: recorded none"),
        (Stream.ORDERS, _byte, "SIM-A orders n=9: recorded "),
        (Stream.ORDERS, _drop, "SIM-A orders n=9: recorded none, computed "),
        (Stream.EXECUTIONS, _fee, "SIM-A executions n=9: recorded commission 0.5, computed 0.0"),
        (Stream.EXECUTIONS, _drop, "SIM-A executions n=9: recorded none, computed "),
    ],
)
def test_what_was_planted_is_the_first_difference(
    tmp_path: Path, stream: Stream, plant: Callable[[list[Row]], None], first: str
) -> None:
    line = Line(tmp_path, settings())
    line.checkpoint()
    line.run(30)
    line.record()
    alter(tmp_path, stream, plant)
    found = parity(tmp_path)
    assert not found.proved
    assert found.first_difference is not None
    assert found.first_difference.startswith(first)
    assert found.compared[Stream.PREDICTIONS] == 30
    if (stream, plant) != (Stream.DECISIONS, _drop):  # from there on nothing is known
        assert found.compared[stream] - found.identical[stream] == 1


def test_a_protected_session_is_proved_with_its_stops(tmp_path: Path) -> None:
    """A stop's report stands before the decision of the bar that fired it, and behind that bar's prediction."""
    protected = {"stop_bps": 4, "take_profit_bps": 60, "trail_bps": 7}
    line = Line(tmp_path, settings(protect=protected, params={"netting": True}))
    for _ in range(3):
        line.run(20)
        line.checkpoint()
    line.record()
    found = parity(tmp_path)
    assert (counts(found), found.proved) == ([40, 40], True)
    assert found.compared[Stream.ORDERS] == found.compared[Stream.EXECUTIONS] > 40
    rows = [decode(row.t, row.d) for row in read_rows(tmp_path, Stream.EXECUTIONS, "gateway", [SYM])]
    assert sum(isinstance(one, ExecutionReport) and one.leg is Leg.STOP for one in rows) > 5


def test_the_stops_of_an_account_are_told_beside_those_of_the_bars(tmp_path: Path) -> None:
    """On paper they are the bars' own: nothing is told of these. Of an account's, if they are the same, no basis point.

    The account is the paper one, by another name.
    """
    line = Line(tmp_path, settings(protect={"stop_bps": 4}, params={"netting": True}))
    line.run(60)
    line.checkpoint()
    line.record()
    assert list(recorded_stops(tmp_path)) == []
    kept = last_settings(tmp_path)
    named = kept | {"gateway": kept["gateway"] | {"mode": "testnet", "venue": "fake", "account": "a"}}
    write_checkpoint(tmp_path, Checkpoint(taken_ns=2, settings=named, snapshots={}))
    total, *each = recorded_stops(tmp_path)
    fired = int(total.removeprefix(f"{SYM}: ").partition(" ")[0])
    assert fired == len(each) > 3
    assert total == (
        f"{SYM}: {fired} stops fired at the exchange (mark price), {fired} by the recorded bars (trades); "
        "of both the exchange's fill was +0.00 bps worse on average, +0.00 at most"
    )


def test_a_session_without_an_order_is_shown_too(tmp_path: Path) -> None:
    line = Line(tmp_path, settings(name="threshold", params={"threshold": 0.9}))
    line.checkpoint()
    line.run(20)
    line.record()
    found = parity(tmp_path)
    assert (counts(found), found.proved) == ([20, 20], True)
    assert found.compared[Stream.ORDERS] == 0


def test_what_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no recording"):
        parity(tmp_path)
    line = Line(tmp_path, settings())
    line.run(3)
    line.record()
    for part in parts(tmp_path, Stream.PREDICTIONS):
        part.path.unlink()
    with pytest.raises(DataError, match="has no predictions"):
        parity(tmp_path)


def test_a_recording_of_wire_3_is_refused_in_one_line(tmp_path: Path) -> None:
    """A tick had a prediction or none then, so the same ticks are answered otherwise now."""
    line = Line(tmp_path, settings())
    line.checkpoint()
    line.run(20)
    line.record()

    def as_older(rows: list[Row]) -> None:
        for row in rows:
            row["t"] = "Prediction/3"

    alter(tmp_path, Stream.PREDICTIONS, as_older)
    with pytest.raises(DataError, match=r"was recorded at wire 3, when not each tick had a prediction: [^\n]*$"):
        parity(tmp_path)


@pytest.mark.parametrize("stream", [Stream.TICKS, Stream.PREDICTIONS, Stream.DECISIONS, Stream.ORDERS])
def test_a_newer_ticklines_row_is_refused_in_one_line(tmp_path: Path, stream: Stream) -> None:
    line = Line(tmp_path, settings())
    line.checkpoint()
    line.run(20)
    line.record()

    def as_newer(rows: list[Row]) -> None:
        row = the_row(rows, SYM, 9)
        row["t"] = f"{str(row['t']).partition('/')[0]}/{WIRE + 1}"

    alter(tmp_path, stream, as_newer)
    with pytest.raises(DataError, match=r"^the recorded \w+ n=9 of SIM-A was written by a newer Tickline \(wire "):
        parity(tmp_path)


def test_a_newer_ticklines_state_is_refused_in_one_line(tmp_path: Path) -> None:
    line = Line(tmp_path, settings())
    line.run(20)
    line.checkpoint()
    line.record()
    (path,) = checkpoint_paths(tmp_path)
    made = unpack(path.read_bytes())
    state = unpack(made["snapshots"]["strategy"][SYM])
    made["snapshots"]["strategy"][SYM] = pack({**state, "v": WIRE + 1})
    path.write_bytes(pack(made))
    with pytest.raises(DataError, match=r"^the recorded state of SIM-A was written by a newer Tickline \(wire "):
        parity(tmp_path)


def test_a_session_of_another_runtime_is_compared_to_a_tolerance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line(tmp_path, settings())
    line.checkpoint()
    line.run(60)
    line.record()
    line.checkpoint()
    assert not parity(tmp_path).other_runtime
    last_bit = 2**-23

    def moved(rows: list[Row]) -> None:
        row = the_row(rows, SYM, 30)
        right = cast(Prediction, decode(row["t"], row["d"]))
        assert right.y_hat is not None
        row.update(d=encode(right.model_copy(update={"y_hat": right.y_hat * (1 + last_bit)})))

    alter(tmp_path, Stream.PREDICTIONS, moved)
    found = parity(tmp_path)
    assert found.first_difference is not None  # on the same runtime each bit counts
    elsewhere = Runtime(versions={"torch": "1.0"}, cpu="another")
    monkeypatch.setattr("services.research.parity.tolerance.Runtime.here", lambda format: elsewhere)
    found = parity(tmp_path)
    assert found.other_runtime.endswith(f"; computed with {elsewhere.text}")
    assert found.near == {Stream.PREDICTIONS: 1}
    assert found.first_difference is None or "decisions" in found.first_difference


def resampled_model(folder: Path) -> Path:
    """The model of the simulated markets, as one of bars three times as long."""
    weights = Path(__file__).parents[4] / "weights"
    card = json.loads((weights / "simulated_linear.json").read_text())
    (folder / "slow.json").write_text(json.dumps({**card, "name": "slow", "interval": "3s"}))
    shutil.copy(weights / "simulated_linear.pth", folder / "slow.pth")
    return folder / "slow.json"


@pytest.mark.parametrize("began", [0, 20], ids=["from the start", "within a longer bar"])
def test_a_model_of_longer_bars_is_proved(tmp_path: Path, began: int) -> None:
    (tmp_path / "weights").mkdir()
    made = settings().model_copy(update={"signal": SignalSettings(model=str(resampled_model(tmp_path / "weights")))})
    line = Line(tmp_path / "recording", made)
    line.run(began)
    line.record()
    for part in parts(tmp_path / "recording"):
        part.path.unlink()
    line.checkpoint()
    line.run(40)
    predicted = [message for message in line._written[Stream.PREDICTIONS] if isinstance(message, Prediction)]
    ends = [message.tick_n for message in predicted if message.y_hat is not None]
    assert ends == [n for n in range(began + 1, began + 41) if n % 3 == 0 and n > 9]
    line.record()
    found = parity(tmp_path / "recording")
    assert (counts(found)[0], found.proved) == (40, True)
    assert found.compared[Stream.FEATURES] == len(ends)


def test_rules_without_a_model_are_proved(tmp_path: Path) -> None:
    rules = settings(name="moving_average_cross", params={"fast": 2, "slow": 5})
    line = Line(tmp_path, rules.model_copy(update={"signal": SignalSettings(model="none")}))
    line.checkpoint()
    line.run(60)
    line.record()
    found = parity(tmp_path)
    assert (counts(found)[0], found.proved) == (60, True)
    assert found.compared[Stream.FEATURES] == 0
    assert found.compared[Stream.ORDERS] > 0
    assert found.identities[0].startswith("model none, strategy moving_average_cross(")
