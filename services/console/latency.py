"""How long from a tick written to its execution written, from the entries that the bus still holds."""

from collections.abc import Mapping, Sequence

import numpy as np

from services.console.follow import follow
from shared.bus.api import Bus
from shared.bus.names import PartitionId
from shared.config import Settings
from shared.messages import Stream
from shared.runner.progress import producers


async def latencies_us(bus: Bus, settings: Settings, since_ns: int) -> Mapping[str, float | None]:
    """p50, p99 and p99.9 in µs, by the wall clocks in the entries; None without executions.

    Of ticks that were written at `since_ns` or later: what an earlier run left is not this run's.
    """
    written = {}
    async for entry in follow(bus, _sources(settings, Stream.TICKS), forever=False):
        if entry.w >= since_ns:
            written[entry.tr] = entry.w
    waits = []
    async for entry in follow(bus, _sources(settings, Stream.EXECUTIONS), forever=False):
        if entry.tr in written:
            waits.append((entry.w - written[entry.tr]) / 1000)
    return percentiles(waits)


def percentiles(waits_us: Sequence[float]) -> Mapping[str, float | None]:
    """The named percentiles, rounded to whole µs.

    >>> percentiles([1.0, 2.0, 3.0])
    {'p50': 2.0, 'p99': 3.0, 'p999': 3.0}
    """
    names = {"p50": 50, "p99": 99, "p999": 99.9}
    if not waits_us:
        return dict.fromkeys(names)
    return {name: float(round(np.percentile(waits_us, q))) for name, q in names.items()}


def _sources(settings: Settings, stream: Stream) -> list[tuple[str, PartitionId]]:
    instance = producers(settings)[stream]
    return [(stream, PartitionId(instance, p)) for p in range(settings.bus.partitions)]
