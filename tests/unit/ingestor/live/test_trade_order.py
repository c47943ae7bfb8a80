"""OrderByTime against sorting."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.ingestor.live.trade_order import OrderByTime
from shared.exchanges.market_data.events import Trade

ORDER = 10


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, ORDER - 1)), max_size=30), st.lists(st.integers(0, 29)))
def test_what_is_late_within_the_bound_comes_sorted_and_once(made: list[tuple[int, int]], again: list[int]) -> None:
    trades = [Trade(str(i), ts, Decimal(1), Decimal(1)) for i, (ts, _) in enumerate(made)]
    arrived = sorted(zip(trades, made, strict=True), key=lambda pair: sum(pair[1]))
    order, given_out = OrderByTime(ORDER, 1_000), list[Trade]()
    for place, (trade, (ts, late)) in enumerate(arrived):
        given_out += order.release(ts + late) + order.put(trade)
        if place in again:
            given_out += order.put(trade)
    given_out += order.release(100)
    assert given_out == sorted(trades, key=lambda trade: (trade.ts_event, trade.id))
    assert order.old == len({place for place in again if place < len(trades)})


def test_no_more_wait_than_may() -> None:
    order = OrderByTime(ORDER, order_count=2)
    trades = [Trade(i, 5, Decimal(1), Decimal(1)) for i in range(4)]
    assert [[t.id for t in order.put(trade)] for trade in trades] == [[], [], [0], [1]]


def named(name: str, ts: int, seq: int = 0) -> Trade:
    return Trade(name, ts, Decimal(1), Decimal(1), seq)


def test_those_of_one_time_come_by_seq_and_then_as_they_came() -> None:
    order = OrderByTime(ORDER, 1_000)
    arrived = [named("z", 5, 2), named("m", 5, 2), named("a", 5, 1), named("c", 5, 2), named("m", 5, 2)]
    assert [given_out for trade in arrived for given_out in order.put(trade)] == []
    assert [trade.id for trade in order.release(20)] == ["a", "z", "m", "c"]
    again = [trade.id for name in ("m", "b", "a") for trade in order.put(named(name, 5, 2 if name != "a" else 1))]
    assert again == []
    assert [trade.id for trade in order.release(30)] == ["b"], "it came after the others of its place, once"
    assert order.old == 3
