"""What is decided at a tick has one digest."""

from decimal import Decimal

from services.research.lookahead.record import PerTick, Record
from shared.messages import Decision, ExecutionReport, Leg, MarketTick, Message, OrderStatus, Prediction


def tick(n: int) -> MarketTick:
    return MarketTick(n=n, sym="BTCUSDT", ts_event=n, tr="t", venue="replay", price=Decimal(n))


def predicted(n: int, y_hat: float = 0.1) -> Prediction:
    return Prediction(n=n, sym="BTCUSDT", ts_event=n, tr="t", tick_n=n, price=Decimal(1), y_hat=y_hat, model="m")


def decided(n: int) -> Decision:
    return Decision(
        n=n, sym="BTCUSDT", ts_event=n, tr="t", tick_n=n, prediction_n=n, booked_n=0, y_hat=0.1, balance=Decimal(1),
        signed_qty=Decimal(0), orders=(), reason=None,
    )  # fmt: skip


def executed(n: int) -> ExecutionReport:
    return ExecutionReport(
        n=n, sym="BTCUSDT", ts_event=n, tr="t", tick_n=n, order_n=n, client_order_id="a" * 8, leg=Leg.OPEN,
        status=OrderStatus.FILLED, last_qty=Decimal(1), last_px=Decimal(1), commission=Decimal(0), reason=None,
    )  # fmt: skip


def recorded(*messages: Message) -> Record:
    record = Record()
    tap = PerTick(record.on_tick)
    for message in messages:
        tap(message)
    tap.end()
    return record


def test_each_tick_by_itself() -> None:
    one = recorded(tick(5), predicted(5), tick(6), predicted(6), decided(6), tick(7))
    other = recorded(tick(5), predicted(5, 0.2), tick(6), predicted(6), decided(6), executed(1), tick(7))
    assert [one.digest(n) == other.digest(n) for n in (5, 6, 7)] == [False, True, True]
    assert list(one.decided_at) == [6]
    assert len({one.digest(n) for n in (5, 6, 7)}) == 3


def test_a_message_more_is_a_difference() -> None:
    assert recorded(tick(1), predicted(1)).digest(1) != recorded(tick(1), predicted(1), decided(1)).digest(1)
    assert recorded(tick(1), predicted(1)).digest(1) != recorded(tick(1)).digest(1)
