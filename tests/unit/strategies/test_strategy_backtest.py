"""Strategy.backtest: the rows, what it starts from and what it leaves behind."""

import math
import sys
from decimal import Decimal
from pathlib import Path

import polars
import pytest

from shared.account import Account, Order, RoundTrip
from shared.errors import ConfigError, DataError
from shared.features.log_return_lags import LogReturnLags
from shared.messages import Leg, Reason
from shared.models.load_model import load_model
from shared.strategies import AnyPrediction, BasicTaker, BasicTakerStrat, Strategy

SYM = "BTCUSDT"
MODEL = load_model("weights/btcusdt_12h_linear.json").module
PRICES = ("100", "110", "90", "105", "115.5", "80", "120", "99.90")
NOON_NS = 1_704_110_400_000_000_000  # 2024-01-01 12:00, the end of the first bar
HALF_DAY_NS = 43_200_000_000_000


class Swing(Strategy):
    """A user's own: buys 2 when flat, else sells them."""

    def decide(self, prediction: AnyPrediction, account: Account) -> list[Order] | Reason:
        close = account.close_position(self.sym)
        return [close] if close else [Order(self.sym, Decimal(2), Leg.OPEN)]


def swing() -> Swing:
    return Swing(SYM, MODEL, LogReturnLags(3), Account(Decimal(1000)), BasicTaker())


class Turn(Strategy):
    """A user's own: buys 2 when flat, else wants to be short 1, at a price for the close that nobody gives."""

    def decide(self, prediction: AnyPrediction, account: Account) -> list[Order] | Reason:
        held = account.position(self.sym)
        if held is None:
            return [Order(self.sym, Decimal(2))]
        dear = 2 * prediction.price
        return [
            Order(self.sym, -held.signed_qty, Leg.CLOSE, limit_price=dear), Order(self.sym, Decimal(-1), Leg.OPEN),
        ]  # fmt: skip


def write(path: Path, prices: tuple[str, ...] = PRICES) -> Path:
    rows = [f"2024-01-{1 + i // 2:02d}T{12 * (i % 2):02d}:00,{price}" for i, price in enumerate(prices)]
    path.write_text("\n".join(["datetime,price", *rows]) + "\n")
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "prices.csv")


def test_the_rows_of_a_users_own_strategy(path: Path) -> None:
    rows = swing().backtest(path, fee=Decimal("0.001"), slippage_bps=Decimal(100))
    assert rows.columns == list(RoundTrip._fields)
    first, second = rows.iter_rows(named=True)
    lags = LogReturnLags(3)
    y_hat = [MODEL(x).item() for price in PRICES if (x := lags.on_tick(float(price))) is not None]
    assert first["datetime"].isoformat() == "2024-01-03T00:00:00+00:00"
    assert rows["datetime"].dt.timestamp("ns").to_list() == [NOON_NS + 3 * HALF_DAY_NS, NOON_NS + 5 * HALF_DAY_NS]
    assert rows["exit_datetime"].dt.timestamp("ns").to_list() == [NOON_NS + 4 * HALF_DAY_NS, NOON_NS + 6 * HALF_DAY_NS]
    assert (first["sym"], first["y_hat"], second["y_hat"], first["dir_signal"]) == (SYM, y_hat[0], y_hat[2], 1)
    assert (first["signed_qty"], first["entry_price"], first["exit_price"]) == (2.0, 106.05, 114.345)
    assert first["trade_log_return"] == math.log(114.345 / 106.05)
    assert (first["gross_pnl"], first["fee"], first["net_pnl"]) == (16.59, 0.44079, 16.14921)
    assert first["equity"] == 1016.14921
    assert second["equity"] == pytest.approx(first["equity"] + second["net_pnl"], rel=1e-15)
    assert rows.schema["datetime"] == polars.Datetime("ns", "UTC")
    assert swing().backtest(polars.read_csv(path), fee=Decimal("0.001"), slippage_bps=Decimal(100)).equals(rows)


def test_it_starts_anew_and_leaves_the_strategy_as_it_was(path: Path) -> None:
    fresh, used = swing(), swing()
    for price in (1.0, 2.0, 3.0, 4.0, 5.0):
        used.on_tick(price)
    used.account.book(SYM, Decimal(-3), Decimal(5), Decimal(7))
    state, y_hat = used.state(), used.y_hat
    assert used.backtest(str(path)).equals(fresh.backtest(path))
    assert (used.state(), used.y_hat) == (state, y_hat)
    with pytest.raises(DataError, match=r"row 4: price 'x' is not a number"):
        used.backtest(write(path, ("1", "2", "x")), interval="12h")
    assert (used.state(), used.y_hat) == (state, y_hat)


def test_without_a_closed_round_trip_there_are_no_rows(tmp_path: Path) -> None:
    strategy = BasicTakerStrat(SYM, MODEL, LogReturnLags(3), Account(Decimal(100)))
    rows = strategy.backtest(write(tmp_path / "few.csv", PRICES[:4]))
    assert (rows.height, rows.columns) == (0, list(RoundTrip._fields))


def test_another_interval_is_refused(path: Path) -> None:
    with pytest.raises(DataError, match="1d"):
        swing().backtest(path, interval="1d")


def test_without_polars_it_says_what_to_install(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ConfigError, match=r"pip install 'tickline\[research\]'"):
        swing().backtest(path)


def test_what_comes_after_a_close_that_misses_does_not_fill(path: Path) -> None:
    """As at the paper venue: else three sales of 1 would have closed and turned what was bought."""
    strategy = Turn(SYM, MODEL, LogReturnLags(3), Account(Decimal(1000)), BasicTaker())
    assert strategy.backtest(path).is_empty()
