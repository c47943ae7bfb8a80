"""What every reader is given: the same trades of the same markets, over the same stream."""

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
class Asked:
    """url: of the fake. trades: in each market. bus: its URL; empty: in memory. memory_every: trades, 0: not."""

    reader: str
    url: str
    markets: int
    trades: int
    bus: str = ""
    memory_every: int = 0

    @property
    def listings(self) -> tuple[Listing, ...]:
        """The markets."""
        return markets("binance", self.markets)

    @property
    def whole(self) -> int:
        """All trades."""
        return self.markets * self.trades

    def arguments(self) -> list[str]:
        """As command line arguments of a reader."""
        return [
            self.reader, f"--url={self.url}", f"--markets={self.markets}", f"--trades={self.trades}",
            f"--bus={self.bus}", f"--memory-every={self.memory_every}",
        ]  # fmt: skip


def asked(readers: Sequence[str]) -> Asked:
    """From the command line of a reader."""
    parser = argparse.ArgumentParser()
    parser.add_argument("reader", choices=readers)
    parser.add_argument("--url")
    parser.add_argument("--markets", type=int)
    parser.add_argument("--trades", type=int)
    parser.add_argument("--bus", default="")
    parser.add_argument("--memory-every", type=int, default=0)
    return Asked(**vars(parser.parse_args()))


def pin(core: int, pid: int = 0) -> None:
    """Keep a process on one core, where there are two."""
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(pid, {core})
