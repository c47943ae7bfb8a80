"""The line without its bus, against a computation by hand."""

import math
from decimal import Decimal
from pathlib import Path

import pytest

from services.ingestor.source import Quote
from services.research.in_process_line import InProcessLine, LinePlans, check_input, line_plans
from shared.config import Settings, load_settings
from shared.errors import DataError
from shared.messages import Decision, ExecutionReport, Leg, MarketTick, Message, OrderIntent, Prediction, Reason, Stream
from shared.models.card import ModelRefused
from shared.runner.spec import Input, ServiceSpec, Stage
from shared.tick import State

PRICES = ("100", "110", "90", "105", "105", "80", "120.5")
WEIGHTS, BIAS = (-0.10395038, -0.06726477, 0.02827305), 0.00067121
FEE = Decimal("0.0003")


@pytest.fixture
def plans(tmp_path: Path) -> LinePlans:
    return line_plans(settings_of(tmp_path, PRICES))


def settings_of(folder: Path, prices: tuple[str, ...]) -> Settings:
    file = folder / "bars.csv"
    days = [f"2024-01-{1 + i // 2:02d}T{12 * (i % 2):02d}:00,{price}" for i, price in enumerate(prices)]
    file.write_text("\n".join(["datetime,price", *days]) + "\n")
    return load_settings(
        interval="12h",
        symbols=("BTCUSDT",),
        run_id="r",
        ingestor={"source": "replay", "files": {"BTCUSDT": file}},
        strategy={"balance": "100"},
        gateway={"fee": str(FEE)},
    )


def through(plans: LinePlans, symbol: str = "BTCUSDT") -> tuple[InProcessLine, list[list[Message]]]:
    line = InProcessLine(plans, symbol)
    return line, [line.on_tick(quote) for quote in plans.source.open(symbol, 0).take(100)]


def test_nothing_is_predicted_until_the_lags_are_there(plans: LinePlans) -> None:
    _, written = through(plans)
    for messages in written[:3]:
        tick, prediction, decision = messages
        assert isinstance(tick, MarketTick)
        assert isinstance(prediction, Prediction)
        assert prediction.y_hat is None
        assert isinstance(decision, Decision)
        assert (decision.reason, decision.orders) == (Reason.NO_PREDICTION, ())
    assert all(isinstance(messages[0], MarketTick) for messages in written)


def test_orders_fills_and_money_by_hand(plans: LinePlans) -> None:
    line, written = through(plans)
    cash, held, entry = Decimal(100), Decimal(0), Decimal(0)
    for i in range(3, len(PRICES)):
        price = Decimal(PRICES[i])
        p = [float(text) for text in PRICES[i - 3 : i + 1]]
        lags = [math.log(p[3] / p[2]), math.log(p[2] / p[1]), math.log(p[1] / p[0])]
        y_hat = sum(w * x for w, x in zip(WEIGHTS, lags, strict=True)) + BIAS
        target = (cash + held * (price - entry)) / price * (1 if y_hat > 0 else -1)
        legs = [(Leg.CLOSE, -held)] if held else []
        legs.append((Leg.OPEN, target))

        messages = written[i]
        (prediction,) = (m for m in messages if isinstance(m, Prediction))
        assert prediction.y_hat == pytest.approx(y_hat, rel=1e-5)
        assert prediction.tick_n == i + 1
        orders = [m for m in messages if isinstance(m, OrderIntent)]
        assert [(order.leg, order.signed_qty, order.price) for order in orders] == [(*leg, price) for leg in legs]
        fills = [m for m in messages if isinstance(m, ExecutionReport)]
        assert [fill.client_order_id for fill in fills] == [order.client_order_id for order in orders]
        assert [fill.last_qty for fill in fills] == [order.signed_qty for order in orders]
        (decision,) = (m for m in messages if isinstance(m, Decision))
        assert decision.orders == tuple(order.client_order_id for order in orders)
        assert (decision.balance, decision.signed_qty) == (cash, held)

        cash += held * (price - entry)
        for _, qty in legs:
            cash -= FEE * abs(qty) * price
        held, entry = target, price
    assert line.strategy.equity() == cash
    assert line.strategy.account.balance() == cash


def test_ingestor_and_signal_may_be_far_ahead(plans: LinePlans) -> None:
    line, quotes = InProcessLine(plans, "BTCUSDT"), plans.source.open("BTCUSDT", 0).take(100)
    ahead = [line.ahead(quote) for quote in quotes]
    assert [line.deliver(messages) for messages in ahead] == through(plans)[1]


def test_what_nobody_reads_is_left_out_and_the_rest_is_the_same(plans: LinePlans) -> None:
    muted = {Stream.FEATURES, Stream.DECISIONS}
    line = InProcessLine(plans, "BTCUSDT", muted=muted)
    written = [line.on_tick(quote) for quote in plans.source.open("BTCUSDT", 0).take(100)]
    whole = [[message for message in messages if message.to not in muted] for messages in through(plans)[1]]
    assert written == whole
    assert line.strategy.account.balance() == through(plans)[0].strategy.account.balance()


def test_every_stream_counts_from_one_without_a_hole(plans: LinePlans) -> None:
    _, written = through(plans)
    numbers: dict[Stream, list[int]] = {}
    for messages in written:
        for message in messages:
            numbers.setdefault(message.to, []).append(message.n)
    assert numbers.keys() == set(Stream) - {Stream.DEAD, Stream.MONITOR}
    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())


class Holds(Stage):
    """Takes a prediction only when it has seen an execution since the last one."""

    def __init__(self) -> None:
        self.free = True
        self.seen: list[tuple[Stream, int]] = []

    def ready(self, val: Message) -> bool:
        return self.free or val.to is Stream.EXECUTIONS

    def on_tick(self, val: Message) -> list[Message]:
        self.free = val.to is Stream.EXECUTIONS
        self.seen.append((val.to, val.n))
        return []

    def state(self) -> State:
        return None

    def restore(self, state: State) -> None:
        """Nothing to take back."""


class Delayed(Stage):
    """A gateway of no orders, which reports an execution at every third tick."""

    def on_tick(self, val: Message) -> list[Message]:
        if val.n % 3:
            return []
        return [
            ExecutionReport(
                n=val.n // 3,
                sym=val.sym,
                ts_event=val.ts_event,
                tr=val.tr,
                tick_n=val.n,
                order_n=1,
                client_order_id="a" * 32,
                leg=Leg.OPEN,
                status="FILLED",
                last_qty=Decimal(1),
                last_px=Decimal(1),
                commission=Decimal(0),
                reason=None,
            )
        ]

    def state(self) -> State:
        return None

    def restore(self, state: State) -> None:
        """Nothing to take back."""


def test_what_a_stage_is_not_ready_for_waits_in_its_order(plans: LinePlans) -> None:
    """Predictions 1, 2, 3 … wait for executions, one for each; executions pass them by."""
    holds = Holds()
    strategy = ServiceSpec("strategy", lambda sym: holds, plans.strategy.inputs)
    gateway = ServiceSpec("gateway", lambda sym: Delayed(), (Input(Stream.TICKS, "ingestor"),))
    line = InProcessLine(plans._replace(strategy=strategy, gateway=gateway), "BTCUSDT")
    for i in range(12):
        line.on_tick(Quote("BTCUSDT", 1_000 + i, Decimal(100 + i)))
    predictions = [n for stream, n in holds.seen if stream is Stream.PREDICTIONS]
    assert [n for stream, n in holds.seen if stream is Stream.EXECUTIONS] == [1, 2, 3, 4]
    assert predictions == list(range(1, len(predictions) + 1))
    assert 4 <= len(predictions) < 9, "some had to wait"


def test_check_input_counts_and_refuses(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, PRICES)
    assert check_input(settings) == {"BTCUSDT": len(PRICES)}
    assert check_input(load_settings(symbols=("SIM-A", "SIM-B"), ingestor={"limit": 9})) == {"SIM-A": 9, "SIM-B": 9}
    assert check_input(load_settings()) is None
    with pytest.raises(ModelRefused, match="nosuch"):
        check_input(load_settings(signal={"model": "nosuch"}))
    with pytest.raises(DataError, match="12h"):  # rather than that there is no model for 1s
        check_input(settings.model_copy(update={"interval": "1s"}))
