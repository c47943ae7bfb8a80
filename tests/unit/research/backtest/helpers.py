"""What a backtest is watched with, and files for it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from shared.account import RoundTrip
from shared.config import Settings, load_settings

SYM = "BTCUSDT"
START = datetime(2024, 1, 1, tzinfo=UTC)
DAY_NS = 86_400 * 10**9
START_NS = int(START.timestamp()) * 10**9

Row = Sequence[str | int]  # open, high, low, close; or a price
MakeSettings = Callable[..., Settings]


class Seen:
    """An Observer that keeps all."""

    def __init__(self) -> None:
        self.marks: list[tuple[int, float, float, float, float]] = []
        self.trips: list[RoundTrip] = []

    def on_mark(self, ts_event: int, price: float, equity: float, exposure: float, y_hat: float, paid: float) -> None:
        self.marks.append((ts_event, price, equity, exposure, y_hat))

    def on_trip(self, trip: RoundTrip) -> None:
        self.trips.append(trip)


def write_rows(path: Path, rows: Sequence[Row]) -> Path:
    """Daily bars, or prices, from the first of January 2024 on."""
    header = "datetime,price" if len(rows[0]) == 1 else "datetime,open,high,low,close"
    lines = [",".join(map(str, (f"{START + i * timedelta(days=1):%Y-%m-%d}", *row))) for i, row in enumerate(rows)]
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def settings_in(
    folder: Path,
    card: Path,
    rows: Sequence[Row],
    *,
    fee: str = "0",
    slippage_bps: str = "0",
    max_slippage_bps: str = "none",
    reduce: str = "market",
    protect: dict[str, Any] | None = None,
    **params: Any,
) -> Settings:
    """Settings of a backtest of these rows: 100 of money, no costs and no limit, where not said otherwise."""
    settings: Settings = load_settings(
        interval="1d",
        symbols=(SYM,),
        run_id="backtest",
        signal={"model": str(card)},
        ingestor={"source": "replay", "files": {SYM: write_rows(folder / "rows.csv", rows)}},
        strategy={
            "balance": Decimal(100),
            "params": params,
            "max_slippage_bps": max_slippage_bps,
            "reduce": reduce,
            "protect": protect or {},
        },
        gateway={"fee": fee, "slippage_bps": slippage_bps},
    )
    return settings
