"""The monitor's Tick stage takes all symbols' predictions and decisions; its plan says what it reads and writes."""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, cast

from pydantic import Field

from services.monitor.comparisons import NOTHING, Comparisons, EquityBand, MeasuredValue, Ranges, RealisedCosts
from shared.config import Settings
from shared.drift.stage import DriftRules, DriftStage
from shared.messages import (
    Decision,
    DriftReading,
    ExecutionReport,
    Gap,
    LateBars,
    Message,
    Prediction,
    RangeReading,
    Stream,
)
from shared.messages.monitor import BOOK, DriftState
from shared.models.choose import chosen_card
from shared.record import Record, Snapshot
from shared.runner.progress import producers
from shared.runner.spec import Input, Output, ServiceSpec, Stage
from shared.strategies.drift import assumed_costs, reference_in
from shared.tick import State

DRIFT_INPUTS: Final = (Stream.DECISIONS, Stream.PREDICTIONS)
INPUTS: Final = (*DRIFT_INPUTS, Stream.ORDERS, Stream.EXECUTIONS, Stream.FEATURES)


class Resumed(NamedTuple):
    """A person has resumed: the evidence of decay begins anew. ts_event: of the last reading."""

    ts_event: int


class GivenUp(NamedTuple):
    """Nobody waits any longer for a symbol's bars behind `since`, up to the bar's end `upto`; see LateBars."""

    sym: str
    since: int
    upto: int
    book: bool

    @classmethod
    def of(cls, said: LateBars) -> "GivenUp":
        """Returns what made the stage say this."""
        return cls(said.sym, said.since, said.ts_event, said.book)


class DriftAlarm(Record):
    """An alarm stands from the reading at which M has come to its bound until a person resumes.

    - name: the trace of the tick that it came with; it names the alarm in the journal.
    - why: in words. ts_event: of the bar.
    """

    name: str
    why: str
    ts_event: int


class MonitorSnapshot(Snapshot):
    """The stage remembers what its parts do, the alarm that stands, and how far each input was taken.

    - predicted, ordered: symbol -> n of the last prediction, and of the last order.
    - numbers: symbol -> n of the last message about it.
    """

    drift: Any
    alarm: DriftAlarm | None
    ranges: dict[str, Any] = Field(default_factory=dict)
    costs: dict[str, Any] = Field(default_factory=dict)
    band: Any = None
    predicted: dict[str, int] = Field(default_factory=dict)
    ordered: dict[str, int] = Field(default_factory=dict)
    numbers: dict[str, int] = Field(default_factory=dict)


class MonitorStage(Stage):
    """The stage computes what the messages of all symbols say about the edge, and compares what it sees with the card.

    - alarm: the one that stands; None where none does.
    - drift: what policy follows. compared: what informs only.
    """

    def __init__(self, drift: DriftStage, compared: Comparisons = NOTHING) -> None:
        self.alarm: DriftAlarm | None = None
        self.drift, self._compared = drift, compared
        self._predicted: dict[str, int] = {}
        self._ordered: dict[str, int] = {}
        self._numbers: dict[str, int] = {}
        self._wanted: dict[str, int] = {}  # symbol -> n of the prediction that its next decision is on
        self._decided_ns = 0  # the newest decision's time

    def ready(self, val: Message) -> bool:
        """Takes a decision behind its prediction, and a report behind its order, however the streams are read.

        A prediction waits for its decision: in a replay signal is far ahead, and what is taken early lies in the
        snapshot. It waits no longer where another symbol's decisions are behind its time: its own may never come.
        """
        predicted = self._predicted.get(val.sym, 0)
        if isinstance(val, Decision):
            self._decided_ns = max(self._decided_ns, val.ts_event)
            self._wanted[val.sym] = val.prediction_n
            return predicted >= val.prediction_n
        if isinstance(val, ExecutionReport):
            return self._ordered.get(val.sym, 0) >= val.order_n
        if isinstance(val, Prediction):
            return predicted < self._wanted.get(val.sym, 0) or val.ts_event < self._decided_ns
        return True

    def on_tick(self, val: Message | Resumed | GivenUp) -> list[Message] | None:
        """Takes a message of any symbol, a person's word, or that a symbol is not waited for."""
        if isinstance(val, Resumed):
            return self._resumed(val)
        if isinstance(val, GivenUp):
            return self._go_on_without(val)
        if val.to is Stream.PREDICTIONS:
            self._predicted[val.sym] = val.n
        elif val.to is Stream.ORDERS:
            self._ordered[val.sym] = val.n
        written: list[Message] = []
        if val.to in DRIFT_INPUTS:
            readings = self.drift.on_tick(cast(Prediction | Decision | Gap, val)) or []
            for reading in readings:
                self._see(reading)
            written += readings
        if isinstance(val, Gap):
            written += self._passed_on(val)
        return [*written, *self._compare(val)]

    def _passed_on(self, gap: Gap) -> Iterator[Gap]:
        """Yields the gap once for each measure that needs what was lost: a replay of a recording does not lack it.

        Nobody writes a gap into orders or executions, so these are always what the monitor itself has missed.
        """
        if gap.stream not in (Stream.ORDERS, Stream.EXECUTIONS):
            return
        for sym in (gap.sym, BOOK) if gap.stream is Stream.EXECUTIONS else (gap.sym,):
            yield Gap(
                n=self._next(sym), sym=sym, ts_event=gap.ts_event, tr=gap.tr, stream=Stream.MONITOR, cause=gap.cause
            )

    def _next(self, sym: str) -> int:
        self._numbers[sym] = n = self._numbers.get(sym, 0) + 1
        return n

    def late(self) -> Iterator[GivenUp]:
        """Yields which symbols hold up what is joined over all: the drift, and what the books made."""
        band = self._compared.band
        for book, behind in ((False, self.drift.behind()), (True, None if band is None else band.behind())):
            if behind is not None:
                yield from (GivenUp(sym, reached, behind.upto, book) for sym, reached in behind.reached.items())

    def _go_on_without(self, late: GivenUp) -> list[Message]:
        sym, since, upto, book = late
        said = LateBars(n=self._next(sym), sym=sym, ts_event=upto, tr=f"late:{sym}:{upto}", since=since, book=book)
        if not book:
            readings = self.drift.miss(sym, since, upto)
            for reading in readings:
                self._see(reading)
            return [said, *readings]
        band = self._compared.band
        return [said, *(self._reading(BOOK, said, found) for found in (band.miss(sym, since, upto) if band else ()))]

    def _see(self, reading: DriftReading) -> None:
        if reading.state is not DriftState.DECAYED:
            self.alarm = None  # the evidence began anew
        elif self.alarm is None:
            self.alarm = DriftAlarm(name=reading.tr, why=reading.human(), ts_event=reading.ts_event)

    def _compare(self, val: Message) -> Iterator[RangeReading]:
        ranges, costs, band = self._compared
        for of_symbol in (ranges.get(val.sym), costs.get(val.sym)):
            if of_symbol is not None:
                for found in of_symbol.on_tick(val) or ():
                    yield self._reading(val.sym, val, found)
        if band is not None:
            for found in band.on_tick(val):
                yield self._reading(BOOK, val, found)

    def _reading(self, sym: str, val: Message, found: MeasuredValue) -> RangeReading:
        ts_event, tr = (val.ts_event, val.tr) if found.ts_event is None else (found.ts_event, found.tr)
        return RangeReading(
            n=self._next(sym), sym=sym, ts_event=ts_event, tr=tr, what=found.what, name=found.name, value=found.value,
            low=found.low, high=found.high, count=found.behind,
        )  # fmt: skip

    def _resumed(self, resumed: Resumed) -> list[Message]:
        if self.alarm is None:
            return []
        self.alarm = None
        return list[Message](self.drift.resume(resumed.ts_event))

    def state(self) -> State:
        """Returns the evidence, and what the comparisons remember."""
        ranges, costs, band = self._compared
        return MonitorSnapshot(
            drift=self.drift.state(), alarm=self.alarm, ranges={sym: each.state() for sym, each in ranges.items()},
            costs={sym: each.state() for sym, each in costs.items()}, band=None if band is None else band.state(),
            predicted=dict(self._predicted), ordered=dict(self._ordered), numbers=dict(self._numbers),
        )  # fmt: skip

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave; a comparison that is new begins anew."""
        saved = MonitorSnapshot.of(state)
        self.drift.restore(saved.drift)
        self.alarm = saved.alarm
        ranges, costs, band = self._compared
        for sym in ranges.keys() & saved.ranges.keys():
            ranges[sym].restore(saved.ranges[sym])
        for sym in costs.keys() & saved.costs.keys():
            costs[sym].restore(saved.costs[sym])
        if band is not None and saved.band is not None:
            band.restore(saved.band)
        self._predicted, self._ordered = dict(saved.predicted), dict(saved.ordered)
        self._numbers = dict(saved.numbers)


def plan(settings: Settings, make: Callable[[DriftStage, Comparisons], MonitorStage] = MonitorStage) -> ServiceSpec:
    """Returns the spec: one stage for all symbols, in one partition of its own; raises ModelRefused, ConfigError.

    - make: makes the stage.
    """
    card, own, partitions = chosen_card(settings), settings.monitor, range(settings.bus.partitions)
    reference = None if card is None else reference_in(card, settings)
    costs = assumed_costs(settings) if reference is None else reference.costs
    rules = DriftRules(own.share, own.warn_bars, own.latch_bars)
    training = None if card is None else card.training

    def make_stage(_: str) -> MonitorStage:
        ranges = {} if training is None else {sym: Ranges(training) for sym in settings.symbols}
        realised = {sym: RealisedCosts(costs) for sym in settings.symbols}
        band = None if reference is None else EquityBand(settings.symbols, reference)
        drift = DriftStage(settings.symbols, costs, reference, rules)
        return make(drift, Comparisons(ranges, realised, band))

    made_by = producers(settings)
    return ServiceSpec(
        instance=own.instance,
        make_stage=make_stage,
        inputs=tuple(Input(stream, made_by[stream], p=p) for stream in INPUTS for p in partitions),
        outputs=(Output(Stream.MONITOR),),
        exclusive=True,
        joint=True,
    )
