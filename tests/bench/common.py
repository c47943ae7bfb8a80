"""What all contestants of the bench share: the market, the partitions, the streams and the limits.

Every contestant does the same hops: a tick is written by the ingestor; the signal process reads it and writes features
and a prediction; the strategy reads that and writes a decision and one netted order; the gateway reads the order and
writes its execution; the strategy reads that. A symbol's next prediction waits until its last order is executed.
"""

import argparse
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

PARTITIONS = 8
SYMBOLS = tuple(f"SYM{i:02d}USDT" for i in range(64))
COUNT = 256  # entries that one read may bring per stream; also the ingestor's batch at saturation
BLOCK_MS = 1000
MAXLEN = 10_000  # per stream, approximate
AHEAD_TICKS = 8_000  # the ingestor is at most so many ticks ahead of what the strategy has decided
PAUSE_S = 0.001  # the ingestor's pause when it is that far ahead, or when no tick is due
LEVERAGE = 1.0
BALANCE = 10_000.0
FEE = 0.00005  # low, so that no book runs out of money and every tick decides
SEED = 7

# Counted as messages: each is one entry, written by one stage and read by the next.
COUNTED = ("ticks", "predictions", "orders", "executions")
# Written by all contestants, read by nobody in the line, not counted.
UNCOUNTED = ("features", "decisions")
KINDS = (*COUNTED, *UNCOUNTED)
READERS = {"ticks": "signal", "predictions": "strategy", "orders": "gateway", "executions": "strategy"}
WRITERS = {
    "ticks": "ingestor",
    "features": "signal",
    "predictions": "signal",
    "decisions": "strategy",
    "orders": "strategy",
    "executions": "gateway",
}
STAGES = ("gateway", "strategy", "signal", "ingestor")  # in the order in which they are started


def partition(sym: str) -> int:
    """The partition of a symbol, the same as on Tickline's bus."""
    return zlib.crc32(sym.encode()) % PARTITIONS


BY_PARTITION = sorted(SYMBOLS, key=partition)
UP_TO = [sum(partition(sym) < p for sym in SYMBOLS) for p in range(PARTITIONS)]  # symbols in the partitions below p


@dataclass(frozen=True)
class Run:
    """One run of one contestant: where the bus is, under which namespace, at which rate (0: as fast as it can)."""

    url: str
    namespace: str
    ticks_per_s: float = 0.0

    def key(self, kind: str, p: int) -> str:
        """The stream of `kind` and partition `p`, e.g. `b1:ticks:{ingestor.3}`."""
        return f"{self.namespace}:{kind}:{{{WRITERS[kind]}.{p}}}"

    def keys(self, kind: str) -> list[str]:
        """All streams of `kind`."""
        return [self.key(kind, p) for p in range(PARTITIONS)]

    @property
    def progress_key(self) -> str:
        """A counter of the ticks that the strategy has decided, for the baselines' ingestors."""
        return f"{self.namespace}:progress"

    def arguments(self) -> list[str]:
        """This run as command line arguments of a stage."""
        return ["--url", self.url, "--namespace", self.namespace, "--rate", str(self.ticks_per_s)]


def stage_arguments() -> tuple[str, Run]:
    """The stage's name and its run from the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--url", required=True)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--rate", type=float, default=0.0)
    given = parser.parse_args()
    return given.stage, Run(given.url, given.namespace, given.rate)


class Pace:
    """When ticks are due: at a rate, the symbols of one partition at the same moment, the partitions in turn.

    So it is with the line's simulated market, whose feeds are opened partition by partition. Rate 0 means always.
    """

    def __init__(self, ticks_per_s: float) -> None:
        self._groups_per_s = ticks_per_s * PARTITIONS / len(SYMBOLS)
        self._started_s = time.monotonic()
        self._groups = 0
        self.sent = 0
        self.decided = 0

    def due(self) -> int:
        """How many ticks may be written now, at most COUNT."""
        room = self._room()
        if self._groups_per_s:
            self._groups = 1 + int((time.monotonic() - self._started_s) * self._groups_per_s)
            rounds, rest = divmod(self._groups, PARTITIONS)
            room = min(room, rounds * len(SYMBOLS) + UP_TO[rest] - self.sent)
        return max(0, min(COUNT, room))

    def pause_s(self) -> float:
        """How long to sleep when none is due."""
        if not self._groups_per_s or not self._room():
            return PAUSE_S
        return max(0.0, self._started_s + self._groups / self._groups_per_s - time.monotonic())

    def must_ask(self) -> bool:
        """Whether the strategy is so far behind that only its progress can let us go on."""
        return not self._room()

    def _room(self) -> int:
        return max(0, self.decided + AHEAD_TICKS - self.sent)


def symbols_in_turn() -> Iterator[tuple[int, str]]:
    """(n, symbol) of every tick: all symbols in turn, partition by partition; n counts per symbol from 1."""
    n = 0
    while True:
        n += 1
        for sym in BY_PARTITION:
            yield n, sym
