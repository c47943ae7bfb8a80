"""What was written of a symbol, against what a perfect feed gives."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from shared.bus.names import Names, PartitionId, partition_of
from shared.messages import Gap, GapCause, MarketTick, Message, Stream, decode
from tests.chaos.server import Server
from tests.chaos.simulated import NAMESPACE
from tests.chaos.watch import PARTITIONS

S_NS = 1_000_000_000


class Told(NamedTuple):
    """A message, and when it was written; ns."""

    at_ns: int
    message: Message


def told(server: Server, sym: str) -> list[Told]:
    """What was written of a symbol."""
    key = Names(NAMESPACE).stream(Stream.TICKS, PartitionId("ingestor", partition_of(sym, PARTITIONS)))
    with server.client(30.0) as client:
        entries = [fields for _, fields in client.xrange(key) if fields[b"k"].decode() == sym]
    return [Told(int(fields[b"w"]), decode(fields[b"t"].decode(), fields[b"d"])) for fields in entries]


class Verdict:
    """A symbol's messages against its tape: close: of the bar of a second that ends there.

    faults: lines. counts: right, marked and missing bars, gaps by cause. first_ns, last_ns: ends of the first and the
    last bar. lags_s: of each bar, how long after its end it was written.
    """

    def __init__(self, sym: str, written: list[Told], close: Callable[[int], Decimal]) -> None:
        self.faults: list[str] = []
        self.counts: Counter[str] = Counter()
        self.lags_s: list[float] = []
        self.first_ns = 0
        last_ns, broken, wrong = 0, True, list[int]()
        for number, (at_ns, message) in enumerate(written, 1):
            if message.n != number:
                self.faults.append(f"{sym}: n={message.n} in place {number}")
            if isinstance(message, Gap):
                self.counts[f"gap {message.cause}"] += 1
                broken = True
                if message.cause is GapCause.LATE:
                    wrong.clear()
                continue
            assert isinstance(message, MarketTick)
            end_ns = message.ts_event
            if end_ns <= last_ns:
                self.faults.append(f"{sym}: the bar {end_ns} after {last_ns}")
            elif last_ns and end_ns != last_ns + S_NS:
                self.counts["missing"] += (end_ns - last_ns) // S_NS - 1
                if not broken:
                    self.faults.append(f"{sym}: no bar between {last_ns} and {end_ns}, and no Gap")
            last_ns, broken = end_ns, False
            self.first_ns = self.first_ns or end_ns
            self.lags_s.append((at_ns - end_ns) / S_NS)
            if message.price == close(end_ns):
                self.counts["right"] += 1
            else:
                self.counts["marked"] += 1
                wrong.append(end_ns)
        self.last_ns = last_ns
        self.counts["marked"] -= len(wrong)
        self.faults += [f"{sym}: the bar {end_ns} has another close, and no Gap follows" for end_ns in wrong]
