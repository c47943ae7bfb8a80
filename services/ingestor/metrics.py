"""The ingestor's metrics at live exchanges: when each was heard, and what its feeds have done."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.runner.meter import Gauge, ServiceMetrics, Values
from shared.runner.partition import Partition

if TYPE_CHECKING:
    from services.ingestor.main import ExchangeFeeder

MS = 1_000


def live_metrics(feeder: "ExchangeFeeder") -> ServiceMetrics:
    """Returns the metrics of what feeds the stages."""

    def heard(_: Sequence[Partition]) -> Values:
        for venue in feeder.venues.each:
            if at_ms := venue.troubles.silence.heard_ms:
                yield (venue.options.venue,), at_ms / MS

    def done(_: Sequence[Partition]) -> Values:
        for sym, feed in feeder.feeds().items():
            feeder.report.see(sym, feed)
        for venue, counts in feeder.report.totals().items():
            yield from (((venue, event), count) for event, count in counts.items())

    return ServiceMetrics(
        (
            Gauge("feed_heard_timestamp_seconds", "When the exchange's data came last, since 1970.", heard, ("venue",)),
            Gauge(
                "feed_events",
                "What the feeds count in the log, e.g. connections remade.",
                done,
                ("venue", "event"),
                total=True,
            ),
        )
    )
