"""Two decisions in words."""

from decimal import Decimal

from services.research.lookahead.record import in_words
from shared.messages import Leg, Message, OrderIntent, Prediction


def predicted(y_hat: float) -> Prediction:
    return Prediction(n=1, sym="BTCUSDT", ts_event=1, tr="t", tick_n=1, price=Decimal(1), y_hat=y_hat, model="m")


def ordered(qty: str) -> OrderIntent:
    return OrderIntent(
        n=1, sym="BTCUSDT", ts_event=1, tr="t", tick_n=1, client_order_id="a" * 8, leg=Leg.OPEN,
        signed_qty=Decimal(qty), reduce_only=False, price=Decimal(50), valid_until=0, after=None,
    )  # fmt: skip


def test_the_orders_where_these_differ() -> None:
    mine: list[Message] = [predicted(0.1), ordered("2")]
    assert in_words(mine, [predicted(-0.1), ordered("-2")]) == (
        "BUY 2 BTCUSDT (open) at 50",
        "SELL 2 BTCUSDT (open) at 50",
    )
    assert in_words(mine, [predicted(0.2)]) == ("BUY 2 BTCUSDT (open) at 50", "BTCUSDT y_hat=+0.200000 at 1")


def test_what_led_to_them_where_only_that_differs() -> None:
    mine: list[Message] = [predicted(0.1), ordered("2")]
    found = in_words(mine, [predicted(0.2), ordered("2")])
    assert found == ("BTCUSDT y_hat=+0.100000 at 1", "BTCUSDT y_hat=+0.200000 at 1")


def test_a_field_where_people_read_the_same() -> None:
    left, right = in_words([predicted(0.1)], [predicted(0.10000000001)])
    assert left.endswith("at 1 (y_hat=0.1)")
    assert right.endswith("at 1 (y_hat=0.10000000001)")


def test_nothing() -> None:
    assert in_words([], [predicted(0.1)]) == ("nothing", "BTCUSDT y_hat=+0.100000 at 1")
