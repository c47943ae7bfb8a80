"""What happened in a recorded session, counted: so that a test can say that it was as bad as it claims."""

from collections import Counter
from pathlib import Path
from typing import Any

from pyarrow import parquet

from shared.messages import (
    Decision,
    ExecutionReport,
    Gap,
    MarketTick,
    Message,
    OrderStatus,
    Origin,
    Reason,
    Stream,
    decode,
)
from shared.recording.layout import parts

Rows = dict[tuple[str, int], tuple[int, Message]]  # (symbol, n) -> wall clock of its writing in ns, message


class Session:
    """ticks, decisions, executions: the recorded messages. figures: what is to be shown."""

    def __init__(self, folder: Path) -> None:
        rows = {stream: _rows(folder, stream) for stream in Stream}
        messages = {stream: [message for _, message in found.values()] for stream, found in rows.items()}
        decided = [message for message in messages[Stream.DECISIONS] if isinstance(message, Decision)]
        reports = [message for message in messages[Stream.EXECUTIONS] if isinstance(message, ExecutionReport)]
        self.gaps = Counter(str(tick.cause) for tick in messages[Stream.TICKS] if isinstance(tick, Gap))
        self.history = sum(tick.history for tick in messages[Stream.TICKS] if isinstance(tick, MarketTick))
        self.reasons = Counter(str(made.reason) for made in decided if made.reason is not None)
        self.closed_by_gap = sum(":missing:" in made.tr for made in decided)
        self.waited = sum(_waited(made, rows) for made in decided)
        self.stops = sum(made.origin is Origin.TICK and bool(made.orders) for made in decided)
        self.statuses = Counter(str(report.status) for report in reports)
        self.why_not = Counter(str(report.reason) for report in reports if report.reason is not None)
        self.counts = {stream: len(found) for stream, found in rows.items()}

    @property
    def stale(self) -> int:
        """Predictions that had become too old when the orders in flight were answered."""
        return self.reasons[Reason.STALE_PREDICTION]

    @property
    def superseded(self) -> int:
        """Predictions in whose place a newer one waited."""
        return self.reasons[Reason.SUPERSEDED]

    @property
    def refused(self) -> int:
        """Orders that ended REJECTED or EXPIRED."""
        return self.statuses[OrderStatus.REJECTED] + self.statuses[OrderStatus.EXPIRED]

    def __str__(self) -> str:
        return (
            f"{', '.join(f'{count} {stream}' for stream, count in self.counts.items() if count)}; "
            f"gaps {dict(self.gaps)}, {self.history} history ticks; waited for orders in flight: {self.superseded} "
            f"superseded, {self.stale} stale, {self.waited} decided later; {self.closed_by_gap} positions closed at a "
            f"gap, {self.stops} stops; executions {dict(self.statuses)}, of these {dict(self.why_not)}"
        )


def _waited(made: Decision, rows: dict[Stream, Rows]) -> bool:
    """Whether its prediction had been written before the report that it had to wait for."""
    if made.origin is Origin.TICK or made.reason in (Reason.SUPERSEDED, Reason.STALE_PREDICTION):
        return False
    if ":missing:" in made.tr or not made.booked_n:
        return False
    predicted_ns, _ = rows[Stream.PREDICTIONS][made.sym, made.prediction_n]
    booked_ns, _ = rows[Stream.EXECUTIONS][made.sym, made.booked_n]
    return predicted_ns < booked_ns


def _rows(folder: Path, stream: Stream) -> Rows:
    found: Rows = {}
    if stream is Stream.DEAD:
        return found
    for part in parts(folder, stream):
        row: dict[str, Any]
        for row in parquet.read_table(part.path, columns=["k", "n", "w", "t", "d"]).to_pylist():
            found[row["k"], row["n"]] = row["w"], decode(row["t"], row["d"])
    return found
