"""The monitor's Tick stage takes all symbols' predictions and decisions; its plan says what it reads and writes."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

from shared.config import Settings
from shared.drift.stage import DriftRules, DriftStage
from shared.messages import Decision, DriftReading, Gap, Message, Prediction, Stream
from shared.messages.monitor import DriftState
from shared.models.choose import chosen_card
from shared.record import Record, Snapshot
from shared.runner.spec import Input, Output, ServiceSpec, Stage
from shared.strategies.drift import assumed_costs, reference_in
from shared.tick import State


class Resumed(NamedTuple):
    """A person has resumed: the evidence of decay begins anew. ts_event: of the last reading."""

    ts_event: int


class DriftAlarm(Record):
    """An alarm stands from the reading at which M has come to its bound until a person resumes.

    - name: the trace of the tick that it came with; it names the alarm in the journal.
    - why: in words. ts_event: of the bar.
    """

    name: str
    why: str
    ts_event: int


class MonitorSnapshot(Snapshot):
    """The stage remembers the drift stage's state, and the alarm that stands."""

    drift: Any
    alarm: DriftAlarm | None


class MonitorStage(Stage):
    """The stage computes what the messages of all symbols say about the edge.

    - alarm: the one that stands; None where none does.
    """

    def __init__(self, drift: DriftStage) -> None:
        self.alarm: DriftAlarm | None = None
        self._drift = drift

    def on_tick(self, val: Message | Resumed) -> list[Message] | None:
        """Takes a Prediction, a Decision or a Gap of any symbol, or a person's word."""
        if isinstance(val, Resumed):
            return self._resumed(val)
        readings = self._drift.on_tick(cast(Prediction | Decision | Gap, val)) or []
        for reading in readings:
            self._see(reading)
        return list[Message](readings)

    def _see(self, reading: DriftReading) -> None:
        if reading.state is not DriftState.DECAYED:
            self.alarm = None  # the evidence began anew
        elif self.alarm is None:
            self.alarm = DriftAlarm(name=reading.tr, why=reading.human(), ts_event=reading.ts_event)

    def _resumed(self, resumed: Resumed) -> list[Message]:
        if self.alarm is None:
            return []
        self.alarm = None
        return list[Message](self._drift.resume(resumed.ts_event))

    def state(self) -> State:
        """Returns the evidence."""
        return MonitorSnapshot(drift=self._drift.state(), alarm=self.alarm)

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = MonitorSnapshot.of(state)
        self._drift.restore(saved.drift)
        self.alarm = saved.alarm


def plan(settings: Settings, make: Callable[[DriftStage], MonitorStage] = MonitorStage) -> ServiceSpec:
    """Returns the spec: one stage for all symbols, in one partition of its own; raises ModelRefused, ConfigError.

    - make: makes the stage.
    """
    card, own, partitions = chosen_card(settings), settings.monitor, range(settings.bus.partitions)
    reference = None if card is None else reference_in(card, settings)
    costs = assumed_costs(settings) if reference is None else reference.costs
    rules = DriftRules(own.share, own.warn_bars, own.latch_bars)
    made_by = {Stream.DECISIONS: settings.strategy.instance, Stream.PREDICTIONS: settings.signal.instance}
    return ServiceSpec(
        instance=own.instance,
        make_stage=lambda _: make(DriftStage(settings.symbols, costs, reference, rules)),
        inputs=tuple(Input(stream, instance, p=p) for stream, instance in made_by.items() for p in partitions),
        outputs=(Output(Stream.MONITOR),),
        exclusive=True,
        joint=True,
    )
