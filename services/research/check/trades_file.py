"""What a file of trades holds, and what is wrong with it."""

from collections.abc import Callable, Iterator
from pathlib import Path

from shared.errors import DataError
from shared.history.bar import Bar
from shared.history.files import read
from shared.history.times import time_text
from shared.history.trade_bars import TradeOrder, bars_of_trades
from shared.history.zone import Zone, zone_of
from shared.intervals import interval_ns

SHOWN = 5
EVERY = 10_000


class Refused(TradeOrder):
    """Ends at no row: it counts those that cannot be used."""

    def __init__(self, name: str, zone: Zone | None = None) -> None:
        super().__init__(name, zone)
        self.unusable = 0
        self.faults: list[str] = []

    def refuse(self, row: int, error: ValueError | DataError) -> None:
        """Remember it, and go on."""
        self.unusable += 1
        if len(self.faults) < SHOWN:
            self.faults.append(str(error) if isinstance(error, DataError) else f"{self.name}: row {row}: {error}")


def check_trades(
    path: Path, interval: str | None, timezone: str, progress: Callable[[int], None]
) -> tuple[list[str], str | None]:
    """Read a file of trades from end to end. interval: of bars that are made of them, to see how many there would be.

    Returns what a person reads, and why it cannot be used or None. Raises DataError for a file without usable rows.
    """
    zone = zone_of(timezone)
    order = Refused(str(path), zone)
    trades, first, last = 0, 0, 0

    def counted() -> Iterator[Bar]:
        nonlocal trades, first, last
        for trade in read(path, order):
            trades, first, last = trades + 1, first or trade.ts_event, trade.ts_event
            if trades % EVERY == 0:
                progress(trades)
            yield trade

    bars = holes = 0
    before: int | None = None
    length = interval_ns(interval or "1d")
    try:
        for bar in bars_of_trades(counted(), length, zone):
            holes += before is not None and bar.ts_event - before >= 2 * length
            bars, before = bars + 1, bar.ts_event
    except DataError as error:  # behind it nothing can be read
        if not trades:
            raise
        order.refuse(trades, DataError(f"{error} (the rest was not read)"))
    progress(trades)
    if not trades:
        raise DataError(order.faults[0] if order.faults else f"{path}: no rows: there is nothing to read")
    lines = [
        f"trades: {trades:,}, first {time_text(first)}, last {time_text(last)}",
        f"unusable rows: {order.unusable:,}" if order.unusable else "unusable rows: none",
    ]
    if interval is not None:
        lines.append(f"whole bars of {interval}: {bars:,}, gaps: {holes:,}")
        if not bars:
            order.refuse(0, DataError(f"{path}: has no whole bar of {interval}: pass a shorter --interval"))
    more = f" (and {order.unusable - 1:,} more)" if order.unusable > 1 else ""
    return [*lines, *order.faults], order.faults[0] + more if order.faults else None
