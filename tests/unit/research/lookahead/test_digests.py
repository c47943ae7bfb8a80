"""What is decided at a tick has one digest."""

from decimal import Decimal

from services.research.lookahead.digests import PerTick, TickDigests, in_words
from shared.messages import Decision, ExecutionReport, Leg, MarketTick, Message, OrderIntent, OrderStatus, Prediction


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


def recorded(*messages: Message) -> TickDigests:
    record = TickDigests()
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


# Two decisions in words.


def expected(y_hat: float) -> Prediction:
    return Prediction(n=1, sym="BTCUSDT", ts_event=1, tr="t", tick_n=1, price=Decimal(1), y_hat=y_hat, model="m")


def ordered(qty: str) -> OrderIntent:
    return OrderIntent(
        n=1, sym="BTCUSDT", ts_event=1, tr="t", tick_n=1, client_order_id="a" * 8, leg=Leg.OPEN,
        signed_qty=Decimal(qty), reduce_only=False, price=Decimal(50), valid_until=0, after=None,
    )  # fmt: skip


def test_in_words_are_the_orders_where_these_differ() -> None:
    mine: list[Message] = [expected(0.1), ordered("2")]
    assert in_words(mine, [expected(-0.1), ordered("-2")]) == (
        "BUY 2 BTCUSDT (open) at 50",
        "SELL 2 BTCUSDT (open) at 50",
    )
    assert in_words(mine, [expected(0.2)]) == ("BUY 2 BTCUSDT (open) at 50", "BTCUSDT y_hat=+0.200000 at 1")


def test_in_words_is_what_led_to_the_orders_where_only_that_differs() -> None:
    mine: list[Message] = [expected(0.1), ordered("2")]
    found = in_words(mine, [expected(0.2), ordered("2")])
    assert found == ("BTCUSDT y_hat=+0.100000 at 1", "BTCUSDT y_hat=+0.200000 at 1")


def test_in_words_is_a_field_where_people_read_the_same() -> None:
    left, right = in_words([expected(0.1)], [expected(0.10000000001)])
    assert left.endswith("at 1 (y_hat=0.1)")
    assert right.endswith("at 1 (y_hat=0.10000000001)")


def test_in_words_is_also_a_field_that_one_of_them_does_not_hold() -> None:
    aimed = decided(1).model_copy(update={"target": Decimal(5)})
    assert [text.rpartition("(")[2] for text in in_words([decided(1)], [aimed])] == ["target=None)", "target=5)"]
    assert [text.rpartition("(")[2] for text in in_words([aimed], [decided(1)])] == ["target=5)", "target=None)"]


def test_two_ticks_without_a_message_are_nothing() -> None:
    assert in_words([], [expected(0.1)]) == ("nothing", "BTCUSDT y_hat=+0.100000 at 1")
