"""`tickline.backtest` is the command `tickline backtest`, with what a notebook has at hand."""

import json
import sys
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars
import pytest

from services.console.main import main
from shared.strategies.registry import STRATEGIES, WRAPPERS
from tickline import (
    Account,
    AnyPrediction,
    Bar,
    BasicTaker,
    BasicTakerStrat,
    ConfigError,
    DataError,
    Decider,
    Made,
    ModelRefused,
    Order,
    Reason,
    StatefulStrategy,
    TicklineError,
    TrailingStop,
    backtest,
)

PRICES = [100.0 + (7 * n) % 11 / 10 for n in range(80)]
BARS = polars.DataFrame(
    {"datetime": [datetime(2024, 1, 1) + timedelta(hours=12 * n) for n in range(80)], "price": PRICES}
)


class Longs(Decider):
    """Buys one when it is told to rise, and keeps it."""

    size: Decimal = Decimal(1)

    def decide(self, prediction: AnyPrediction, account: Account) -> list[Order] | Reason:
        if account.position(prediction.sym) is not None or not prediction.y_hat:
            return Reason.NO_CHANGE
        return [Order(prediction.sym, self.size)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    BARS.write_csv(tmp_path / "bars.csv")
    return tmp_path


@pytest.mark.parametrize(
    "data", ["bars.csv", Path("bars.csv"), BARS, BARS.to_pandas()], ids=["text", "path", "polars", "pandas"]
)
def test_it_is_the_command(data: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "tickline backtest --data bars.csv --sym BTCUSDT --balance 250 --fee 0.0003 --json out.json --param leverage=2"
    )
    monkeypatch.setattr(sys, "argv", words.split())
    with pytest.raises(SystemExit):
        main()
    printed = capsys.readouterr().out
    result = backtest(data, "BTCUSDT", params={"leverage": 2}, balance=250.0, fee=0.0003)
    assert printed.startswith(repr(result))
    said = json.loads(Path("out.json").read_text())
    assert said["variants"]["legs"]["totals"]["end_equity"] == str(result.totals.end_equity)
    assert said["settings"] | {"data": ""} == result.settings | {"data": ""}
    assert result.curve["equity"][-1] == pytest.approx(float(result.totals.end_equity))
    assert result.curve.height == 80
    assert result.curve["y_hat"].null_count() == 3
    assert result.curve["datetime"][0] == BARS["datetime"][1].replace(tzinfo=result.curve["datetime"][0].tzinfo)
    assert result.trips.height > 50


@pytest.mark.parametrize("strategy", [Longs, Longs(size=Decimal("0.5")), Longs()])
def test_a_strategy_of_a_cell(strategy: Any) -> None:
    result = backtest(BARS, "BTCUSDT", strategy, params={} if isinstance(strategy, Longs) else {"size": 0.25})
    size = strategy.size if isinstance(strategy, Longs) else Decimal("0.25")
    assert result.totals.open_trip is not None
    assert (result.totals.fills, result.totals.open_trip.signed_qty) == (1, size)
    assert "Longs" not in STRATEGIES
    named = backtest(BARS, "BTCUSDT", BasicTaker(leverage=Decimal(2)))
    assert named.totals == backtest(BARS, "BTCUSDT", "basic_taker", params={"leverage": "2"}).totals


class Longer(StatefulStrategy):
    """Buys one at the third tick."""

    after: int = 3
    _seen: int = 0

    def on_tick(self, bar: Bar) -> Made:
        self._seen += 1
        return self.move_to(Decimal(1)) if self._seen == self.after else None


def test_a_strategy_with_a_memory_and_a_stop_around_it() -> None:
    falls = BARS.with_columns(price=polars.Series([100.0] * 40 + [90.0] * 40))
    for given in (
        {"strategy": TrailingStop(distance=0.05).around(Longer(after=5))},
        {"strategy": Longer, "params": {"after": 5}, "wrappers": [{"name": "trailing_stop", "distance": 0.05}]},
    ):
        result = backtest(falls, "BTCUSDT", **given)
        (trip,) = result.trips.iter_rows(named=True)
        assert (trip["entry_price"], trip["exit_price"], result.totals.fills) == (100.0, 90.0, 2)
    assert {"Longer", "TrailingStop"} & {*STRATEGIES, *WRAPPERS} == set()


def test_a_protection_is_a_dict_as_in_a_config() -> None:
    falls = BARS.with_columns(price=polars.Series([100.0] * 40 + [90.0] * 40))
    result = backtest(falls, "BTCUSDT", Longer(after=5), protect={"stop_bps": Decimal(500), "after_stop": 30})
    (trip,) = result.trips.iter_rows(named=True)
    assert (trip["exit_price"], result.totals.stops) == (90.0, 1)
    assert result.settings["strategy"] == "Longer(after=5) in protect(stop_bps=500, after_stop=30)"


def test_its_report_is_a_page(folder: Path) -> None:
    result = backtest(BARS, "BTCUSDT", start="2024-01-10", end="2024-02-01")
    assert "Backtest of basic_taker on BTCUSDT" in result.report("report.html").read_text()
    assert result.settings["from"].startswith("2024-01-10")
    assert result.totals.bars == 44


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"strategy": "none_such"}, ConfigError, "strategy 'none_such' is unknown"),
        ({"strategy": Longs, "params": {"sise": 1}}, ConfigError, "parameter 'sise'"),
        ({"strategy": print}, ConfigError, "a Decider or StatefulStrategy, not"),
        ({"fill": "middle"}, ConfigError, "backtest: fill: "),
        ({"start": "tomorrow"}, ConfigError, "backtest: start: time 'tomorrow' is unreadable"),
        ({"fee": float("nan")}, ConfigError, "gateway.fee"),
        ({"balance": -1}, ConfigError, "strategy.balance"),
        ({"data": "none.csv"}, DataError, "none.csv: there is no such file"),
        ({"data": BARS.drop("price")}, DataError, "DataFrame.csv: row 1: no column open, high, low, close"),
        ({"wrappers": ["trailing_stop"]}, ConfigError, "wrappers is a list of dicts as in a config, e.g. [{"),
        ({"protect": {"stop_bps": -1}}, ConfigError, "strategy.protect.stop_bps: it is a number of basis points"),
        ({"strategy": BasicTakerStrat}, ConfigError, "BasicTaker is the one for the line"),
        ({"model": BasicTaker()}, ConfigError, "not a BasicTaker: save it with save_model, and give its name"),
        ({"model": "none_such"}, ModelRefused, "there is no model 'none_such'"),
    ],
)
def test_each_refusal_is_one_line(given: dict[str, Any], error: type[TicklineError], said: str) -> None:
    with pytest.raises(error) as refused:
        backtest(**{"data": BARS, "sym": "BTCUSDT", **given})
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "Longs" not in STRATEGIES


def test_the_fast_engine_gives_the_same_table_and_curve_or_says_why_not() -> None:
    exact, fast = (backtest(BARS, "BTCUSDT", balance=100.0, fee=0.0003, fast=fast) for fast in (False, True))
    assert exact.engine == "exact engine"
    assert fast.engine == "fast engine; both engines did the same over 80 bars"
    assert fast.metrics.risk.sharpe == pytest.approx(exact.metrics.risk.sharpe, rel=1e-9)
    assert fast.curve.columns == exact.curve.columns
    for name in ("price", "equity", "exposure"):
        assert fast.curve[name].to_list() == pytest.approx(exact.curve[name].to_list(), rel=1e-9), name
    for name in ("datetime", "y_hat"):
        assert fast.curve[name].to_list() == exact.curve[name].to_list(), name
    assert fast.trips.height == exact.trips.height
    with pytest.raises(ConfigError, match="leave out fast=True"):
        fast.report("report.html")
    assert backtest(BARS, "BTCUSDT", Longs, fast=True).engine == (
        "exact engine: another strategy than basic_taker or threshold, or wrappers"
    )


def test_the_command_says_which_engine_traded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def typed(*more: str) -> list[str]:
        monkeypatch.setattr(sys, "argv", ["tickline", "backtest", "--data", "bars.csv", "--sym", "BTCUSDT", *more])
        with pytest.raises(SystemExit):
            main()
        said = capsys.readouterr()
        return (said.out + said.err).splitlines()

    assert typed("--fast")[-1] == "fast engine; both engines did the same over 80 bars"
    assert typed("--fast", "--param", "netting=true")[-1] == "exact engine: netting without a qty_step"
    assert "leave out --csv and --report" in typed("--fast", "--csv", "rows.csv")[-1]
