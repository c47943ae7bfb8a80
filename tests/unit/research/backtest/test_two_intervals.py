"""A fine interval for stops and a coarse one for the model: bars of a minute, a model of twelve hours."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from services.research.backtest import Backtest
from shared.account import Account
from shared.config import Settings, load_settings
from shared.features.log_return_lags import LogReturnLags
from shared.messages import Decision, Message, OrderIntent, Origin, Prediction, Reason
from shared.models.load_model import load_model
from shared.strategies import BarePrediction, BasicTaker

SYM = "BTCUSDT"
DAYS, MINUTES = 6, 6 * 24 * 60
PERIOD = 12 * 60
DISTANCE = Decimal("0.01")


@pytest.fixture(scope="module")
def prices() -> list[Decimal]:
    dice, price = random.Random(7), 50_000.0
    made = []
    for _ in range(MINUTES):
        price *= 1 + dice.gauss(0, 0.0007)
        made.append(Decimal(f"{price:.2f}"))
    return made


def settings(folder: Path, prices: list[Decimal], **strategy: object) -> Settings:
    start, path = datetime(2024, 1, 1, tzinfo=UTC), folder / "minutes.csv"
    lines = [f"{start + timedelta(minutes=n):%Y-%m-%dT%H:%M:%S},{price}" for n, price in enumerate(prices)]
    path.write_text("\n".join(["datetime,price", *lines]) + "\n")
    return load_settings(
        interval="1m",
        symbols=(SYM,),
        run_id="backtest",
        signal={"model": "btcusdt_12h_linear"},
        ingestor={"source": "replay", "files": {SYM: path}},
        strategy={"balance": 100, **strategy},
        gateway={"fee": 0},
    )


def by_hand(prices: list[Decimal]) -> tuple[Decimal, list[int], list[int]]:
    """The final equity, and the minutes at which the stop fired and the model was asked."""
    features, module = LogReturnLags(3), load_model("weights/btcusdt_12h_linear.json").module
    account, best, fired, asked = Account(100), Decimal(0), list[int](), list[int]()
    side = 0
    for n, price in enumerate(prices, 1):
        position = account.position(SYM)
        now = 0 if position is None else 1 if position.signed_qty > 0 else -1
        if now != side:
            side, best = now, position.price if position else Decimal(0)
        stopped = False
        if position is not None:
            best = max(best, price) if side > 0 else min(best, price)
            if side * price <= side * best * (1 - side * DISTANCE):
                account.book(SYM, -position.signed_qty, price)
                fired.append(n)
                stopped = True
        if n % PERIOD:
            continue
        x = features.on_tick(float(price))
        if x is None:
            continue
        asked.append(n)
        y_hat = module(x).item()
        made = BasicTaker().decide(BarePrediction(SYM, y_hat, price), account)
        for order in [] if stopped or isinstance(made, Reason) else made:
            account.book(SYM, order.signed_qty, price)
    return account.equity(SYM, prices[-1]), fired, asked


def test_the_stop_looks_every_minute_and_the_model_twice_a_day(tmp_path: Path, prices: list[Decimal]) -> None:
    wrappers = ({"name": "trailing_stop", "distance": float(DISTANCE)},)
    said: list[Message] = []
    totals = Backtest(settings(tmp_path, prices, wrappers=wrappers)).run(tap=said.append)
    equity, fired, asked = by_hand(prices)
    assert totals.end_equity == equity
    decisions = [one for one in said if isinstance(one, Decision)]
    assert [one.tick_n for one in decisions if one.origin is Origin.TICK and one.orders] == fired
    assert len(fired) >= 4
    assert [one.tick_n for one in said if isinstance(one, Prediction) and one.y_hat is not None] == asked
    assert len(asked) == 2 * DAYS - 3
    first = [one.tick_n for one in decisions if one.reason is not Reason.STOPPED]
    assert sorted(set(first)) == list(range(1, MINUTES + 1))  # every tick leaves a decision
    assert {one.origin for one in said if isinstance(one, OrderIntent)} == {Origin.TICK, Origin.PREDICTION}


def test_without_the_stop_it_is_the_coarse_backtest(tmp_path: Path, prices: list[Decimal]) -> None:
    """Fine bars change nothing for who only looks at predictions."""
    fine = Backtest(settings(tmp_path, prices)).run()
    coarse = settings(tmp_path, prices[PERIOD - 1 :: PERIOD])
    start, path = datetime(2024, 1, 1, tzinfo=UTC), tmp_path / "halves.csv"
    rows = [
        f"{start + timedelta(hours=12 * n):%Y-%m-%dT%H:%M:%S},{p}" for n, p in enumerate(prices[PERIOD - 1 :: PERIOD])
    ]
    path.write_text("\n".join(["datetime,price", *rows]) + "\n")
    ingestor = coarse.ingestor.model_copy(update={"files": {SYM: path}})
    same = Backtest(coarse.model_copy(update={"interval": "12h", "ingestor": ingestor})).run()
    assert fine.fills == same.fills > 0
    assert fine.end_equity == same.end_equity
