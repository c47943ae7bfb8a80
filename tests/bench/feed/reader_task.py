"""The task of every reader: the same trades of the same markets, over the same stream."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass

from services.simulator.dialects import markets
from services.simulator.engine.listing import Listing

STREAM = "aggTrade"
HOST = "fstream.binance.com"
RATE = 20_000  # of the venue's time, trades per second in each market: its seconds are then about as long as ours
START_MS = 1_730_203_200_000
READER_CORE, OTHERS_CORE = 0, 1


@dataclass(frozen=True)
class ReaderTask:
    """What a reader is to read.

    url: of the simulator
    trades: in each market
    bus: its URL; empty: in memory
    memory_every: so many trades between looks at the memory; 0: none
    """

    reader: str
    url: str
    markets: int
    trades: int
    bus: str = ""
    memory_every: int = 0

    @property
    def listings(self) -> tuple[Listing, ...]:
        """The markets, as the simulator lists them."""
        return markets("binance", self.markets)

    @property
    def whole(self) -> int:
        """The number of all trades."""
        return self.markets * self.trades

    def arguments(self) -> list[str]:
        """Returns the command line arguments of a reader."""
        return [
            self.reader, f"--url={self.url}", f"--markets={self.markets}", f"--trades={self.trades}",
            f"--bus={self.bus}", f"--memory-every={self.memory_every}",
        ]  # fmt: skip


def task_from_arguments(readers: Sequence[str]) -> ReaderTask:
    """Returns the task out of a reader's command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("reader", choices=readers)
    parser.add_argument("--url")
    parser.add_argument("--markets", type=int)
    parser.add_argument("--trades", type=int)
    parser.add_argument("--bus", default="")
    parser.add_argument("--memory-every", type=int, default=0)
    return ReaderTask(**vars(parser.parse_args()))


def pin(core: int, pid: int = 0) -> None:
    """Keeps a process on one core, where there are two."""
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(pid, {core})
