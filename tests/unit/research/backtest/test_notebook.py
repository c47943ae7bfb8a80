"""The notebook's weights over its own 12 h file: its figures, out of our rows."""

import math
import os
from decimal import Decimal
from pathlib import Path

import pytest

from services.research.backtest import Backtest
from services.research.backtest.observer import CsvRows
from shared.account import Account, RoundTrip
from shared.config import load_settings
from shared.features.log_return_lags import LogReturnLags
from shared.models.load_model import load_model
from shared.strategies import BasicTakerStrat
from shared.strategies.strategy import frame
from tests.unit.research.backtest.helpers import Seen

DATA_DIR = Path(os.environ.get("TICKLINE_DATA_DIR") or Path(__file__).parents[5] / "shared" / "data")
REAL = DATA_DIR / "BTCUSDT_12h_ohlc.csv"
SYM = "BTCUSDT"
FEE = 0.0003
LAST = 173

pytestmark = pytest.mark.skipif(not REAL.exists(), reason=f"{REAL} is not here")


@pytest.fixture(scope="module")
def trips() -> list[RoundTrip]:
    settings = load_settings(
        interval="12h",
        symbols=(SYM,),
        run_id="backtest",
        signal={"model": "btcusdt_12h_linear"},
        ingestor={"source": "replay", "files": {SYM: REAL}},
        strategy={"balance": "100"},
        gateway={"fee": str(FEE)},
    )
    seen = Seen()
    Backtest(settings).run([seen])
    return seen.trips


def test_the_last_quarter(trips: list[RoundTrip]) -> None:
    returns = [trip.trade_log_return for trip in trips]
    assert len(trips) == 688
    wins = sum(value > 0 for value in returns[-LAST:])
    assert (wins, round(wins / LAST, 4)) == (97, 0.5607)
    assert round(sum(returns[-LAST:]), 5) == 0.23906


def test_the_authors_figure_and_the_true_one(trips: list[RoundTrip]) -> None:
    """Part two: 100 in every trade, earning 100 (exp(trade_log_return) − 1), less the fee of entry and exit value."""
    author = true = 0.0
    for trip in trips[-LAST:]:
        entry, leaving = float(trip.entry_price), float(trip.exit_price)
        worth = 100 * math.exp(trip.trade_log_return)
        author += worth - 100 - FEE * (100 + worth)
        qty = trip.dir_signal * 100 / entry  # 100 of money at the entry, long or short
        true += qty * (leaving - entry) - FEE * abs(qty) * (entry + leaving)
    assert (round(author / 100, 4), round(true / 100, 4)) == (0.1441, 0.1384)


def test_strategy_backtest_gives_the_same_rows(trips: list[RoundTrip]) -> None:
    model = load_model("weights/btcusdt_12h_linear.json").module
    strategy = BasicTakerStrat(SYM, model, LogReturnLags(3), Account(Decimal(100)))
    assert strategy.backtest(REAL).equals(frame(trips))


def test_the_rows_as_csv_have_every_digit(trips: list[RoundTrip], tmp_path: Path) -> None:
    import polars

    path = tmp_path / "rows.csv"
    with path.open("w", newline="") as file:
        rows = CsvRows(file)
        for trip in trips:
            rows.on_trip(trip)
    header, first, *others = path.read_text().splitlines()
    assert header == (
        "datetime,exit_datetime,sym,y_hat,dir_signal,signed_qty,entry_price,exit_price,"
        "trade_log_return,gross_pnl,fee,net_pnl,equity"
    )
    assert len(others) == len(trips) - 1
    cells = first.split(",")
    assert cells[:3] == ["2024-10-31T00:00:00Z", "2024-10-31T12:00:00Z", SYM]
    assert float(cells[3]) == trips[0].y_hat
    assert [Decimal(cell) for cell in cells[5:8]] == [*trips[0][5:8]]
    assert [Decimal(cell) for cell in cells[9:]] == [*trips[0][9:]]
    table, kinds = frame(trips), frame(trips).schema
    read = polars.read_csv(
        path, schema_overrides={k: v for k, v in kinds.items() if k not in ("datetime", "exit_datetime")}
    )
    times = [
        polars.col(name).str.to_datetime(time_unit="ns", time_zone="UTC") for name in ("datetime", "exit_datetime")
    ]
    assert read.with_columns(times).equals(table)
