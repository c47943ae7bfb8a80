"""A recorded session has parity where every stage computes the same of its recorded inputs again.

A checkpoint begins a span, and a span has the plans of its settings. Each stage is restored from the first checkpoint
and takes its recorded inputs; what it gives is compared with what was recorded. Where settings change, or rows are
missing, it goes on from a later checkpoint.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from services.gateway.paper import plan as paper_plan
from services.monitor.stage import GivenUp
from services.monitor.stage import plan as monitor_plan
from services.research.parity.comparison import Comparison, NotRecorded, RecordedRows
from services.research.parity.monitor import (
    MonitorReplay,
    MonitorStart,
    RangeReplay,
    late_bars,
    monitor_inputs,
    monitor_start,
    recorded_ranges,
)
from services.research.parity.stages import StrategyReplay, replay_gateway, replay_signal
from services.research.parity.tolerance import Tolerance, tolerance
from services.signal.stage import plan as signal_plan
from services.strategy.plan import plan as strategy_plan
from shared.config import Mode, Settings
from shared.errors import DataError
from shared.messages import Stream
from shared.messages.monitor import POOLED
from shared.models.choose import chosen_card
from shared.plural import plural
from shared.record import NewerWire
from shared.recording.checkpoint import RUNTIMES, Checkpoint, read_checkpoints, recorded_model, settings_of
from shared.recording.layout import NewerRecording, is_recording, parts, read_origin
from shared.recording.part import read_rows, recorded_symbols
from shared.runner.progress import producers
from shared.runner.spec import ServiceSpec, Stage
from shared.runner.symbol import Symbol
from shared.strategies.identity import Identity
from shared.user_code import blaming

_Sent = Mapping[str, int]  # by stream, or by symbol: n of what a stage wrote last
NEEDED = (Stream.TICKS, Stream.PREDICTIONS)
DRIFT_STREAMS = (Stream.PREDICTIONS, Stream.DECISIONS)
LINE = (Stream.FEATURES, *DRIFT_STREAMS, Stream.ORDERS, Stream.EXECUTIONS)  # in the order of a tick's way

Report = Callable[[str], None]  # called with each symbol when it begins


class Parity(NamedTuple):
    """This is what a comparison of a recorded session found.

    - compared, identical: messages by stream.
    - first_difference: recorded and computed.
    - not_compared: what could not be compared, and why.
    - ahead: inputs at the end that the line had not answered.
    - identities: what traded, a line each where it changed.
    - near: messages by stream that differ by what another runtime may.
    - other_runtime: which, where it is another one.
    - of_exchange: executions that no stage made, so nothing computes them again.
    """

    compared: Mapping[Stream, int]
    identical: Mapping[Stream, int]
    first_difference: str | None
    not_compared: list[str]
    ahead: Mapping[Stream, int]
    identities: Sequence[str] = ()
    near: Mapping[Stream, int] = {}
    other_runtime: str = ""
    of_exchange: int = 0

    @property
    def proved(self) -> bool:
        """Says whether everything that the line computed was compared and is identical."""
        return self.first_difference is None and not self.not_compared and sum(self.compared.values()) > 0


def parity(folder: Path, model: str | None = None, report: Report = lambda sym: None) -> Parity:
    """Computes a recorded session again. model: where its model is now. Raises DataError, ConfigError."""
    if not is_recording(folder):
        raise DataError(f"{folder}: is no recording: pass the folder that the recorder wrote")
    read_origin(folder)
    streams = {part.stream for part in parts(folder)}
    if lacking := [str(stream) for stream in NEEDED if stream not in streams]:
        raise DataError(f"{folder}: has no {' and no '.join(lacking)}: there is nothing to compare")
    _refuse_older(folder)
    spans = _spans(folder, model)
    comparison = Comparison()
    for sym in recorded_symbols(folder):
        report(sym)
        with blaming(sym):
            _Symbol(folder, sym, spans, streams, comparison).run()
    if Stream.MONITOR in streams:
        report(str(Stream.MONITOR))
        _Monitor(folder, spans, comparison).run()
    first = comparison.first.text if comparison.first else None
    identities = list(dict.fromkeys(str(Identity.of(span.settings)) for span in spans))
    other = "; ".join(dict.fromkeys(span.tolerance.why for span in spans if span.tolerance is not None))
    return Parity(
        comparison.compared, comparison.identical, first, comparison.not_compared, comparison.ahead, identities,
        comparison.near, other, comparison.of_exchange,
    )  # fmt: skip


def _refuse_older(folder: Path) -> None:
    """Raises DataError for a recording of before wire 4."""
    row = next(read_rows(folder, Stream.PREDICTIONS), None)
    wire = None if row is None else row.t.rpartition("/")[2]
    if wire == "3":
        raise DataError(
            f"{folder}: was recorded at wire {wire}, when not each tick had a prediction: prove it with the Tickline "
            "that recorded it (`tickline run --data` replays it all the same)"
        )


class _Span(NamedTuple):
    """A span begins at a checkpoint and has the plans of its settings.

    - number: equal where nothing changed from one span to the next.
    - gateway: the plan on paper; an exchange's fills cannot be computed again.
    - tolerance: of its own model, where another runtime made the recording.
    """

    number: int
    checkpoint: Checkpoint
    settings: Settings
    signal: ServiceSpec
    strategy: ServiceSpec
    gateway: ServiceSpec
    tolerance: Tolerance | None

    @property
    def on_paper(self) -> bool:
        """Says whether its orders were filled on paper."""
        return self.settings.gateway.mode is Mode.PAPER

    def restored(self, plan: ServiceSpec, sym: str) -> Symbol:
        """Returns the symbol as the checkpoint has it, a fresh one where it was not there yet. Raises DataError."""
        symbol = Symbol(sym, plan.make_stage(sym))
        snapshot = self.checkpoint.snapshots.get(plan.instance, {}).get(sym)
        if snapshot is not None:
            try:
                symbol.restore(snapshot)
            except NewerWire as newer:
                raise NewerRecording(f"the recorded state of {sym}", newer) from newer
        return symbol


def _spans(folder: Path, model: str | None) -> list[_Span]:
    """Returns a span for each checkpoint; those with equal settings share their plans, and their number."""
    spans: list[_Span] = []
    checkpoints = read_checkpoints(folder)
    for checkpoint in checkpoints:
        if spans and _deciding(checkpoint) == _deciding(spans[-1].checkpoint):
            spans.append(spans[-1]._replace(checkpoint=checkpoint))
            continue
        settings = settings_of(checkpoint.settings)
        found = model or recorded_model(checkpoint.settings, settings.signal.folders)
        if found is not None:
            moved = settings.signal.model_copy(update={"model": found})
            settings = settings.model_copy(update={"signal": moved})
        number = spans[-1].number + 1 if spans else 0
        plans = signal_plan(settings), strategy_plan(settings), paper_plan(settings)
        spans.append(_Span(number, checkpoint, settings, *plans, tolerance(checkpoints, chosen_card(settings))))
    if not spans:
        raise DataError(f"{folder}: has no checkpoint: restore it")
    return spans


def _deciding(checkpoint: Checkpoint) -> dict[str, object]:
    """Returns the settings of a checkpoint that decide what is computed."""
    return {name: value for name, value in checkpoint.settings.items() if name != RUNTIMES}


class _Symbol:
    """It replays one symbol's stages, each from the first checkpoint on.

    Behind missing rows, or new settings, it goes on from the next checkpoint.
    """

    def __init__(
        self, folder: Path, sym: str, spans: list[_Span], streams: set[Stream], comparison: Comparison
    ) -> None:
        self._folder, self._sym, self._spans, self._streams, self._comparison = folder, sym, spans, streams, comparison

    def run(self) -> None:
        """Replays the signal stage, then the strategy stage, then the gateway's in the spans on paper."""
        self._over_spans(lambda span: span.signal, self._signal)
        if self._streams & {Stream.DECISIONS, Stream.ORDERS}:
            self._over_spans(lambda span: span.strategy, self._strategy)
        if Stream.EXECUTIONS in self._streams:
            self._over_spans(lambda span: span.gateway, self._gateway)

    def _over_spans(
        self, plan_of: Callable[[_Span], ServiceSpec], replay: Callable[[_Span, Symbol, _Sent | None], None]
    ) -> None:
        """Replays a stage span by span. replay: is given the symbol, and the last outputs before settings change."""

        def symbol_at(span: _Span) -> Symbol:
            return span.restored(plan_of(span), self._sym)

        def replay_span(span: _Span, later: Sequence[_Span]) -> None:
            after = _first_of(plan_of(span).instance, later, lambda one: plan_of(one).instance)
            replay(span, symbol_at(span), None if after is None else symbol_at(after).sent)

        def has_taken(span: _Span, missing: NotRecorded) -> bool:
            symbol = symbol_at(span)
            return max(symbol.taken(missing.stream), symbol.sent.get(missing.stream, 0)) >= missing.upto

        for missing in _over_spans(self._spans, replay_span, has_taken):
            self._comparison.not_compared.append(f"{self._sym}: {missing}")

    def _signal(self, span: _Span, symbol: Symbol, upto: _Sent | None) -> None:
        made = self._streams & {Stream.FEATURES, Stream.PREDICTIONS}
        recorded = {stream: self._rows(stream, span.settings.signal.instance, symbol.sent, upto) for stream in made}
        ticks = self._taken(Stream.TICKS, span.settings.ingestor.instance, symbol)
        self._comparison.tolerance = span.tolerance
        replay_signal(self._sym, _stage(symbol), ticks, recorded, self._comparison)

    def _strategy(self, span: _Span, symbol: Symbol, upto: _Sent | None) -> None:
        own = span.settings
        inputs = {
            Stream.PREDICTIONS: self._taken(Stream.PREDICTIONS, own.signal.instance, symbol),
            Stream.EXECUTIONS: self._taken(Stream.EXECUTIONS, own.gateway.instance, symbol),
        }
        made = (Stream.DECISIONS, Stream.ORDERS)
        recorded = {stream: self._rows(stream, own.strategy.instance, symbol.sent, upto) for stream in made}
        StrategyReplay(self._sym, _stage(symbol), inputs, recorded, self._comparison).run()

    def _gateway(self, span: _Span, symbol: Symbol, upto: _Sent | None) -> None:
        own = span.settings
        orders = self._taken(Stream.ORDERS, own.strategy.instance, symbol)
        executions = self._rows(Stream.EXECUTIONS, own.gateway.instance, symbol.sent, upto)
        if not span.on_paper:
            self._comparison.of_exchange += executions.left()
            return
        if own.gateway.instance not in span.checkpoint.snapshots:  # an older recorder kept none
            first = orders.peek(), executions.peek()
            if span.checkpoint is not self._spans[0].checkpoint or any(row is None or row.n > 1 for row in first):
                if count := executions.left():
                    lacking = "an older recorder kept no state of the gateway"
                    self._comparison.not_compared.append(f"{self._sym}: {plural(count, 'execution')}: {lacking}")
                return
        replay_gateway(self._sym, _stage(symbol), orders, executions, self._comparison)

    def _taken(self, stream: Stream, instance: str, symbol: Symbol) -> RecordedRows:
        return RecordedRows(self._folder, stream, instance, self._sym, symbol.taken(stream))

    def _rows(self, stream: Stream, instance: str, sent: _Sent, upto: _Sent | None) -> RecordedRows:
        last = None if upto is None else upto.get(stream, 0)
        return RecordedRows(self._folder, stream, instance, self._sym, sent.get(stream, 0), last)


class _Monitor:
    """It replays the monitor's stage, as _Symbol does those of a symbol."""

    def __init__(self, folder: Path, spans: list[_Span], comparison: Comparison) -> None:
        self._folder, self._spans, self._comparison = folder, spans, comparison

    def run(self) -> None:
        """Replays it over the spans: what policy follows, then what informs only, which needs more streams."""
        for replay in (self._drift, self._ranges):
            for missing in _over_spans(self._spans, replay, self._has_taken):
                self._comparison.not_compared.append(f"{Stream.MONITOR}: {missing}")

    def _start(self, span: _Span) -> MonitorStart:
        own = span.settings
        snapshots = span.checkpoint.snapshots.get(own.monitor.instance, {})
        return monitor_start(monitor_plan(own), snapshots, own.symbols)

    def _upto(self, span: _Span, later: Sequence[_Span]) -> _Sent | None:
        """Returns n of the last reading of each symbol before settings change; None where they do not."""
        after = _first_of(span.settings.monitor.instance, later, lambda one: one.settings.monitor.instance)
        return None if after is None else self._start(after).sent

    def _drift(self, span: _Span, later: Sequence[_Span]) -> None:
        start, own, upto = self._start(span), span.settings.monitor, self._upto(span, later)
        sent, last = start.sent.get(POOLED, 0), None if upto is None else upto.get(POOLED, 0)
        recorded = RecordedRows(self._folder, Stream.MONITOR, own.instance, POOLED, sent, last)
        inputs, late = self._inputs(span, start, DRIFT_STREAMS), self._late(span, start)
        MonitorReplay(start.stage, inputs, recorded, self._comparison, late).run()

    def _ranges(self, span: _Span, later: Sequence[_Span]) -> None:
        own, start, upto = span.settings, self._start(span), self._upto(span, later)
        recorded = recorded_ranges(self._folder, own.monitor.instance, own.symbols, start.sent, upto)
        inputs, late = self._inputs(span, start, LINE), self._late(span, start)
        RangeReplay(start.stage, inputs, recorded, self._comparison, late).run()

    def _inputs(self, span: _Span, start: MonitorStart, streams: Sequence[Stream]) -> list[RecordedRows]:
        made_by = producers(span.settings)
        return monitor_inputs(
            self._folder, {stream: made_by[stream] for stream in streams}, span.settings.symbols, start.taken
        )

    def _late(self, span: _Span, start: MonitorStart) -> list[GivenUp]:
        return list(late_bars(self._folder, span.settings.monitor.instance, start.sent, span.settings.symbols))

    def _has_taken(self, span: _Span, missing: NotRecorded) -> bool:
        start = self._start(span)
        if missing.stream is Stream.MONITOR:
            return start.sent.get(POOLED, 0) >= missing.upto
        counts = [n for (stream, _), n in start.taken.items() if stream is missing.stream]
        return min(counts, default=0) >= missing.upto


def _first_of(instance: str, spans: Sequence[_Span], instance_of: Callable[[_Span], str]) -> _Span | None:
    """Returns the first span whose stage is that of an instance, which has numbers of its own."""
    return next((span for span in spans if instance_of(span) == instance), None)


def _over_spans(
    spans: Sequence[_Span],
    replay: Callable[[_Span, Sequence[_Span]], None],
    has_taken: Callable[[_Span, NotRecorded], bool],
) -> Iterator[str]:
    """Replays the spans, as far as rows were recorded; yields a line for each place where some are missing.

    - replay: is given a span, and those behind it from the first one with other settings on.
    - has_taken: says whether the missing rows had been taken, or written, at a span's checkpoint.
    """
    at: int | None = 0
    while at is not None:
        here, number = at, spans[at].number
        other = next((i for i in range(here, len(spans)) if spans[i].number != number), None)
        try:
            replay(spans[here], () if other is None else spans[other:])
            at = other
        except NotRecorded as missing:
            at = next((i for i in range(here + 1, len(spans)) if has_taken(spans[i], missing)), None)
            yield f"{missing}" if at is not None else f"{missing}, and no checkpoint behind that"


def _stage(symbol: Symbol) -> Stage:
    assert isinstance(symbol.stage, Stage)
    return symbol.stage
