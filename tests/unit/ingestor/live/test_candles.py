"""Candles: the last one is never a bar."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.ingestor.live.candles import Candles
from shared.exchanges.market_data.events import Candle, Clock, ClosedBar, Connected, Disconnected, Event, Lost, Sampled


def candle(start: int, price: int) -> Candle:
    return Candle(start, Decimal(price))


def run(candles: Candles, *events: Event) -> list[Sampled]:
    return [out for event in events for out in candles.on_tick(event) or []]


@given(st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=4), min_size=1, max_size=8))
def test_each_candle_but_the_last_gives_its_last_price(updates: list[list[int]]) -> None:
    events = [candle(10 * i, price) for i, prices in enumerate(updates, 1) for price in prices]
    bars = [ClosedBar(10 * i + 10, Decimal(prices[-1])) for i, prices in enumerate(updates, 1)]
    assert run(Candles(10, 0), *events) == bars[:-1]


def test_a_candle_that_no_later_one_ends_must_be_fetched_and_so_must_those_between() -> None:
    candles = Candles(10, 5)
    assert run(candles, candle(10, 1), Clock(24)) == []
    assert run(candles, Clock(25), candle(40, 4), candle(50, 5)) == [
        Lost(20),
        Lost(30),
        Lost(40),
        ClosedBar(50, Decimal(4)),
    ]


def test_after_a_lost_connection_what_was_heard_before_is_not_believed() -> None:
    assert run(Candles(10, 5), candle(10, 1), Disconnected(), Connected(), candle(20, 2)) == [Lost(20)]
    again = [candle(10, 1), Disconnected(), Connected(), candle(10, 3), candle(20, 2)]
    assert run(Candles(10, 5), *again) == [ClosedBar(20, Decimal(3))]


def test_an_update_of_a_bar_that_is_over_is_counted() -> None:
    candles = Candles(10, 5)
    run(candles, candle(10, 1), candle(20, 2), candle(10, 1), candle(10, 3), candle(0, 9))
    assert (candles.old, candles.other) == (3, 1)
