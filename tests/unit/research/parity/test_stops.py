"""Stops at an exchange beside what the recorded bars would have made of them."""

from decimal import Decimal
from typing import Any

import pytest

from services.research.parity.stops import ComparedStop, compared_stops, stop_lines
from shared.messages import ExecutionReport, Leg, Message, OrderIntent, OrderStatus, Prediction, Reason, StopKind
from shared.messages.market import BarGroup
from shared.messages.protect import ProtectTerms

D = Decimal
SYM = "BTCUSDT"
TERMS = ProtectTerms(stop_bps=D(500))
ENTRY, CLOSE = "e" * 32, "c" * 32


def bar(ts: int, low: float, close: float = 100.0) -> Prediction:
    group = BarGroup(open=100.0, high=max(100.0, close), low=low, volume=1.0)
    return Prediction(
        n=ts, sym=SYM, ts_event=ts, tr="t", tick_n=ts, price=D(str(close)), y_hat=None, model="", bar=group
    )


def order(ts: int, name: str = ENTRY, qty: int = 1, leg: Leg = Leg.OPEN) -> OrderIntent:
    return OrderIntent(
        n=1, sym=SYM, ts_event=ts, tr="t", tick_n=1, client_order_id=name, leg=leg, signed_qty=D(qty),
        reduce_only=False, price=D(100), valid_until=0, after=None,
    )  # fmt: skip


def report(ts: int, qty: int, price: str, name: str = ENTRY, leg: Leg = Leg.OPEN) -> ExecutionReport:
    return ExecutionReport(
        n=1, sym=SYM, ts_event=ts, tr="t", tick_n=1, order_n=1, client_order_id=name, leg=leg,
        status=OrderStatus.FILLED, last_qty=D(qty), last_px=D(price), commission=D(0),
        reason=Reason.STOPPED_OUT if leg is Leg.STOP else None,
    )  # fmt: skip


def stopped(ts: int, price: str, qty: int = -1) -> ExecutionReport:
    return report(ts, qty, price, "s" * 32, Leg.STOP)


def compared(*messages: Message) -> list[tuple[str | None, tuple[str, int] | None]]:
    """Of each stop the exchange's price, and the bars' with their bar's end."""
    return [
        (
            None if one.live is None else f"{one.live.last_px}",
            None if one.bars is None else (f"{one.bars.price.normalize():f}", one.bars_ns),
        )
        for one in compared_stops(TERMS, messages)
    ]


OPENED = (order(10), report(11, 1, "100.2"))


@pytest.mark.parametrize(
    ("messages", "found"),
    [
        ((*OPENED, bar(20, 96), stopped(25, "94.8"), bar(30, 94)), [("94.8", ("95", 30))]),  # the same bar
        ((*OPENED, bar(20, 94), bar(30, 97), stopped(35, "94.8"), bar(40, 97)), [("94.8", ("95", 20))]),  # mark lagged
        ((*OPENED, stopped(15, "94.9"), bar(20, 96)), [("94.9", None)]),  # the mark price alone was there
        ((*OPENED, bar(20, 94), order(20, CLOSE, -1, Leg.CLOSE), report(21, -1, "99", CLOSE, Leg.CLOSE)),
         [(None, ("95", 20))]),  # a wick of trades alone
        ((*OPENED, bar(20, 96), order(20, CLOSE, -1, Leg.CLOSE), report(21, -1, "99", CLOSE, Leg.CLOSE)), []),
        ((stopped(15, "94.9"), bar(20, 90)), []),  # of a position from before the recording
    ],
)  # fmt: skip
def test_each_stop_by_hand(messages: tuple[Message, ...], found: list[Any]) -> None:
    assert compared(*messages) == found


def test_positions_one_after_the_other() -> None:
    again = (order(30), report(31, 1, "100"), bar(40, 93), stopped(41, "94"), bar(50, 99))
    found = compared(*OPENED, stopped(15, "94.9"), bar(20, 94), *again)
    assert found == [("94.9", ("95", 20)), ("94", ("95", 40))]


def test_what_it_says() -> None:
    (both,) = compared_stops(TERMS, (*OPENED, stopped(15, "94.525"), bar(20, 94)))
    assert both.worse_bps == D(50)
    short = ComparedStop(D(-1), stopped(15, "105.525", 1), both.bars._replace(price=D(105)) if both.bars else None)
    assert short.worse_bps == D(50)
    alone = ComparedStop(D(1), None, both.bars, 20)
    assert alone.worse_bps is None
    total, first, second = stop_lines(SYM, [both, alone])
    assert total == (
        "BTCUSDT: 1 stop fired at the exchange (mark price), 2 by the recorded bars (trades); of both the exchange's "
        "fill was +50.00 bps worse on average, +50.00 at most"
    )
    assert first.endswith(": 50.00 bps worse") and "STOPPED_OUT at 94.525" in first
    assert f"{StopKind.STOP} at 95" in second and "not at the exchange" in second
    assert list(stop_lines(SYM, [])) == []
