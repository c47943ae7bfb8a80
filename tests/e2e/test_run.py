"""`tickline run` on files and to its end: the counts, the money, the parity."""

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from services.ingestor.source import Quote
from services.research.in_process_line import InProcessLine, line_plans
from shared.config import Settings, load_settings
from tests.e2e.command import Done, Tickline
from tests.e2e.recomputed import prices_of, recomputed

DATA_DIR = Path(os.environ.get("TICKLINE_DATA_DIR") or Path(__file__).parents[3] / "shared" / "data")
REAL = DATA_DIR / "BTCUSDT_12h_ohlc.csv"
KEYS = {"ticks", "predictions", "decisions", "orders", "executions", "final_equity", "parity", "latency_us"}
STATUS = {"symbols", "money_from", "today", "fees_today", "funding_today"}
BESIDE = {
    "code",
    "fees",
    "restarts",
    "finished",
    "start_equity",
    "profit",
    "model",
    "strategy",
    *STATUS,
}  # beside these

pytestmark = pytest.mark.timeout(600)


def replay(tickline: Tickline, file: Path, *options: str) -> Done:
    where = ("--data", file, "--sym", "BTCUSDT", "--interval", "12h", "--balance", "100", "--fee", "0.0003")
    done = tickline.in_process("run", *where, *options)
    assert done.code == 0, done.err
    assert tickline.left() == {}
    return done


def order_ids(tickline: Tickline, run_id: str) -> list[str]:
    shown = tickline.in_process("tail", "orders", "--run-id", run_id, "--json", "--limit", "100000")
    assert shown.code == 0, shown.err
    return [json.loads(line)["client_order_id"] for line in shown.out.splitlines()]


def backtest(file: Path) -> tuple[Decimal, Decimal]:
    """Final equity and fees of the stages without processes."""
    settings: Settings = load_settings(
        interval="12h", symbols=("BTCUSDT",), run_id="backtest",
        ingestor={"source": "replay", "files": {"BTCUSDT": file}},
        strategy={"balance": "100"}, gateway={"fee": "0.0003"},
    )  # fmt: skip
    plans = line_plans(settings)
    line, feed = InProcessLine(plans, "BTCUSDT"), plans.source.open("BTCUSDT", 0)
    quotes: list[Quote] = list(feed.take(100_000))
    for quote in quotes:
        line.on_tick(quote)
    return line.strategy.equity(), line.strategy.fees


@pytest.mark.skipif(not REAL.exists(), reason=f"{REAL} is not here")
@pytest.mark.long
def test_the_headline_twice_on_one_bus(tickline: Tickline) -> None:
    """692 ticks, each answered, 1377 orders, and the second run's orders are its own."""
    runs = [replay(tickline, REAL, "--run-id", run_id) for run_id in ("first", "second")]
    for done in runs:
        summary = dict(done.summary)
        waits = summary.pop("latency_us")
        equity, fees = Decimal(summary.pop("final_equity")), Decimal(summary.pop("fees"))
        assert (equity, fees) == backtest(REAL)
        again = recomputed(prices_of(REAL), balance="100", fee="0.0003")
        assert abs(equity / again.equity - 1) < Decimal("1e-20")
        assert abs(fees / again.fees - 1) < Decimal("1e-20")
        assert Decimal(summary.pop("profit")) == equity - Decimal(summary.pop("start_equity")) == equity - 100
        assert summary.pop("model")["name"] == "btcusdt_12h_linear"
        assert summary.pop("strategy")["name"] == "basic_taker"
        assert len(summary.pop("code")) == 16
        assert 0 < waits["p50"] <= waits["p99"] <= waits["p999"]
        left = summary.pop("symbols")["BTCUSDT"]
        assert abs(Decimal(left["equity"]) / equity - 1) < Decimal("1e-15")
        told = {name: summary.pop(name) for name in ("money_from", "today", "fees_today", "funding_today")}
        of_it = {name: left[name] for name in ("today", "fees_today")}
        assert told == {"money_from": "bus", "funding_today": "0"} | of_it
        assert summary == {
            "ticks": 692, "predictions": 692, "decisions": 692, "orders": 1377, "executions": 1377,
            "parity": {"compared": 1377, "identical": 1377, "executions": 1377, "executions_identical": 1377},
            "restarts": 0, "finished": True,
        }  # fmt: skip
        assert done.summary.keys() == KEYS | BESIDE
        assert "parity: 1377 of 1377 orders identical to the backtest" in done.out.splitlines()
        assert "done: 692 ticks, 692 predictions, 692 decisions, 1377 orders, 1377 executions" in done.out.splitlines()
    first, second = order_ids(tickline, "first"), order_ids(tickline, "second")
    assert len(first) == len(second) == 1377
    assert len({*first, *second}) == 2 * 1377


@pytest.mark.long
def test_another_strategy_by_one_option(tickline: Tickline, bars: Path) -> None:
    """The other strategy, too, is run as it is backtested: the commands of README.md show it."""
    done = replay(tickline, bars, "--param", "netting=true")
    prices = prices_of(bars)
    plain, wanted = (recomputed(prices, balance="100", fee="0.0003", netting=netting) for netting in (False, True))
    orders = done.summary["orders"]
    assert done.summary["executions"] == orders < plain.orders
    assert abs(orders - wanted.orders) <= 5  # fees shrink to a last digit: there the two may differ
    assert done.summary["decisions"] == done.summary["predictions"] == done.summary["ticks"] == len(prices)
    executed = {"executions": orders, "executions_identical": orders}
    assert done.summary["parity"] == {"compared": orders, "identical": orders, **executed}
    assert abs(Decimal(done.summary["final_equity"]) / wanted.equity - 1) < Decimal("1e-20")
