"""The monitor's metrics: the evidence about the edge, and from where on it counts."""

from collections.abc import Iterator, Sequence
from typing import Final, cast

from services.monitor.stage import MonitorStage
from shared.drift.stage import DriftStage
from shared.messages.monitor import DriftState
from shared.runner.meter import Gauge, ServiceMetrics, Values
from shared.runner.partition import Partition


def _drifts(parts: Sequence[Partition]) -> Iterator[DriftStage]:
    for part in parts:
        yield cast(MonitorStage, part.joint).drift


def _evidence(parts: Sequence[Partition]) -> Values:
    for drift in _drifts(parts):
        yield from (((name,), value) for name, value in drift.evidences.items())


def _bars(parts: Sequence[Partition]) -> Values:
    for drift in _drifts(parts):
        yield from ((("warning",), drift.warn_bars), (("latch",), drift.latch_bars))


def _state(parts: Sequence[Partition]) -> Values:
    for drift in _drifts(parts):
        yield from (((state,), state is drift.is_now) for state in DriftState)


METRICS: Final = ServiceMetrics(
    (
        Gauge(
            "drift_evidence_ratio", "The evidence of decay, of what the card claims, of an edge.", _evidence, ("of",)
        ),
        Gauge(
            "drift_bound_ratio", "The evidence of decay that warns, and that latches; 0: none does.", _bars, ("bound",)
        ),
        Gauge("drift_state", "1 for the state of the edge.", _state, ("state",)),
    )
)
