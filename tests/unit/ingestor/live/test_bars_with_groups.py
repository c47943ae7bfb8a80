"""Bars with their group: out of candles that are finished, out of trades, and joined with those that were fetched."""

from decimal import Decimal
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingestor.live.bar_join import BarJoin, Close, Cut, Joined, Joining
from services.ingestor.live.candles import Candles
from services.ingestor.live.sampler import Sampler, Sampling
from services.ingestor.live.traded_bars import TradedBars
from shared.exchanges.market_data.events import (
    Answered,
    Bars,
    Candle,
    Clock,
    ClosedBar,
    Connected,
    Disconnected,
    Event,
    Lost,
    Missing,
    MissingTrades,
    Sampled,
    Short,
    Trade,
    Watermark,
)
from shared.messages import GapCause
from shared.messages.market import BarGroup


def group(price: float, volume: float = 1.0, trades: int | None = 1) -> BarGroup:
    return BarGroup(open=price, high=price, low=price, volume=volume, quote_volume=price * volume, trades=trades)


def bar(end: int, price: int, volume: float = 1.0) -> ClosedBar:
    return ClosedBar(end, Decimal(price), group(float(price), volume))


def bare(end: int, price: int) -> ClosedBar:
    return ClosedBar(end, Decimal(price))


def close(end: int, price: int, volume: float = 1.0) -> Close:
    return Close(end, Decimal(price), group(float(price), volume))


def joined(join: BarJoin, *values: Joining) -> list[Joined]:
    return [out for val in values for out in join.on_tick(val) or []]


def test_a_bar_without_its_group_is_fetched() -> None:
    join = BarJoin(10, warm=0, grouped=True)
    assert joined(join, bar(10, 1), bare(20, 2), bar(30, 3)) == [close(10, 1), Missing(1, "bars", None, None, 20, 20)]
    assert joined(join, Bars((bar(20, 2, 7.0),)), Answered(1, "bars", True)) == [close(20, 2, 7.0), close(30, 3)]
    assert (join.bare, join.fetched) == (0, 1)


@pytest.mark.parametrize("complete", [True, False])
def test_one_that_cannot_be_fetched_goes_out_without_it_and_its_close_is_right(complete: bool) -> None:
    join = BarJoin(10, warm=0, grouped=True)
    joined(join, bar(10, 1), bare(20, 2), bar(30, 3))
    assert joined(join, Answered(1, "bars", complete)) == [Close(20, Decimal(2)), close(30, 3)]
    assert join.bare == 1


def test_what_nobody_knows_beside_it_is_cut() -> None:
    join = BarJoin(10, warm=0, grouped=True)
    joined(join, bar(10, 1), Lost(20), bare(30, 3), bar(40, 4))
    assert joined(join, Answered(1, "bars", False)) == [
        Cut(20, GapCause.UNFILLED),
        Missing(2, "bars", None, None, 30, 30),
    ]
    assert joined(join, Answered(2, "bars", False)) == [Close(30, Decimal(3)), close(40, 4)]


def test_a_bar_that_waits_is_fetched_when_a_late_print_reaches_into_it() -> None:
    join = BarJoin(10, warm=0, grouped=True)
    joined(join, bar(10, 1), Lost(20), bar(30, 3), bar(40, 4))
    assert joined(join, Short(30), Short(10), Bars((bar(20, 2),))) == [close(20, 2)]
    assert joined(join, Answered(1, "bars", True)) == [Missing(2, "bars", None, None, 30, 30)]
    assert joined(join, Bars((bar(30, 3, 9.0),)), Answered(2, "bars", True)) == [close(30, 3, 9.0), close(40, 4)]


def test_a_fetched_bar_without_a_group_is_not_asked_for_again() -> None:
    join = BarJoin(10, warm=0, grouped=True)
    joined(join, bar(10, 1), Lost(20))
    assert joined(join, Bars((bare(20, 2),)), Answered(1, "bars", True), bar(30, 3)) == [
        Close(20, Decimal(2)),
        close(30, 3),
    ]
    assert join.question is None


def test_a_silent_bar_stands_at_the_price_and_tells_of_nothing_what_the_others_tell() -> None:
    join = BarJoin(10, warm=0, grouped=True)
    joined(join, bar(10, 4), bar(30, 5))
    silent, _ = joined(join, Answered(1, "bars", True))
    assert silent == Close(20, Decimal(4), group(4.0, 0.0, trades=0))
    untold = BarJoin(10, warm=0, grouped=True)
    joined(untold, ClosedBar(10, Decimal(4), BarGroup(open=4.0, high=4.0, low=4.0, volume=2.0)), bar(30, 5))
    (silent, _) = joined(untold, Answered(1, "bars", True))
    assert isinstance(silent, Close)
    assert silent.bar == BarGroup(open=4.0, high=4.0, low=4.0, volume=0.0)


def test_the_first_bar_of_all_is_fetched_where_it_was_not_heard_whole() -> None:
    join = BarJoin(10, warm=0, grouped=True)
    assert joined(join, Lost(10)) == [Missing(1, "bars", None, None, 10, 10)]
    assert joined(join, Bars((bar(10, 1),)), Answered(1, "bars", True), bar(20, 2)) == [close(10, 1), close(20, 2)]


def candle(start: int, price: int, finished: bool | None) -> Candle:
    return Candle(start, Decimal(price), group(float(price)), finished)


def heard(candles: Candles, *events: Event) -> list[Sampled]:
    return [out for event in events for out in candles.on_tick(event) or []]


def test_a_bar_is_complete_when_the_exchange_says_so() -> None:
    candles = Candles(10, 5)
    assert heard(candles, candle(10, 1, False), candle(10, 2, True)) == [bar(20, 2)]
    assert heard(candles, candle(20, 3, False), candle(20, 4, True), candle(30, 5, False)) == [bar(30, 4)]


def test_one_that_ends_without_that_word_must_be_fetched() -> None:
    assert heard(Candles(10, 5), candle(10, 1, False), candle(20, 2, False)) == [Lost(20)]
    assert heard(Candles(10, 5), candle(10, 1, True), Clock(34), Clock(35)) == [bar(20, 1), Lost(30)]
    lost = [candle(10, 1, False), Disconnected(), Connected(), candle(20, 2, False)]
    assert heard(Candles(10, 5), *lost) == [Lost(20)]
    back = [candle(10, 1, False), Disconnected(), Connected(), candle(10, 3, True)]
    assert heard(Candles(10, 5), *back) == [bar(20, 3)], "a candle is whole whenever it is heard"


def test_where_the_exchange_has_no_such_word_a_close_may_be_heard_and_a_volume_not() -> None:
    events = [candle(10, 1, None), candle(20, 2, None)]
    assert heard(Candles(10, 5), *events) == [bare(20, 1)]
    assert heard(Candles(10, 5, grouped=True), *events) == [Lost(20)]


def test_without_a_websocket_every_bar_is_fetched() -> None:
    assert heard(Candles(10, 5, grouped=True, begins=True), Clock(12), Clock(24), Clock(25), Clock(36)) == [
        Lost(20),
        Lost(30),
    ]


def trade(number: int, ts: int, price: int, qty: str = "0.1") -> Trade:
    return Trade(number, ts, Decimal(price), Decimal(qty))


def made(bars: TradedBars, *values: Sampling) -> list[Sampled]:
    return [out for val in values for out in bars.on_tick(val) or []]


def test_a_bar_that_a_hole_reaches_into_has_its_close_alone() -> None:
    bars = TradedBars(Sampler(10, 0), 10, 0)
    found = made(
        bars,
        trade(0, 9, 4),
        Watermark(10),
        trade(1, 12, 5),
        MissingTrades(14, 12),
        trade(4, 14, 6),
        trade(5, 22, 7),
        Watermark(30),
    )
    whole = BarGroup(open=7.0, high=7.0, low=7.0, volume=0.1, quote_volume=0.7, trades=1)
    assert found == [Lost(10), bare(20, 6), ClosedBar(30, Decimal(7), whole)]


def test_a_late_print_that_leaves_the_close_as_it_was_is_counted_and_no_more() -> None:
    bars = TradedBars(Sampler(10, 0), 10, 0)
    _, *first = made(bars, trade(0, 9, 4), Watermark(10), trade(1, 12, 5), trade(2, 19, 6), Watermark(20))
    assert first == [ClosedBar(20, Decimal(6), found_group(first))]
    assert made(bars, trade(3, 15, 6)) == [Short(20)], "the same price as its close"
    assert joined(BarJoin(10, warm=0, grouped=True), *first, Short(20)) == [Close(20, Decimal(6), found_group(first))]
    assert bars.late == 1
    (second,) = made(bars, trade(4, 22, 8), Watermark(30))
    assert isinstance(second, ClosedBar)
    assert second.bar is not None
    assert (second.bar.volume, second.bar.trades) == (0.1, 1)


def found_group(found: list[Sampled]) -> BarGroup | None:
    (one,) = found
    assert isinstance(one, ClosedBar)
    return one.bar


@given(
    st.lists(
        st.tuples(st.integers(0, 25), st.integers(1, 9), st.integers(1, 50).map(lambda n: Decimal(n).scaleb(-1))),
        min_size=1,
        max_size=40,
    )
)
def test_bars_are_the_sums_of_their_trades(told: list[tuple[int, int, Decimal]]) -> None:
    now, trades = 100, list[Trade]()
    for number, (step, price, qty) in enumerate(told, 1):
        now += step
        trades.append(Trade(number, now, Decimal(price), qty))
    found = made(TradedBars(Sampler(10, 0), 10, 0), Watermark(100), *trades, Watermark(now + 20))
    by_end = {end: list(some) for end, some in groupby(trades, key=lambda one: one.ts_event // 10 * 10 + 10)}
    assert [one.ts_event for one in found] == list(range(110, found[-1].ts_event + 10, 10))
    last: Decimal | None = None
    for one in found:
        assert isinstance(one, ClosedBar)
        inside = by_end.get(one.ts_event, [])
        last = inside[-1].price if inside else last
        assert one.price == last
        if last is None or one.ts_event == min(by_end):
            assert one.bar is None, "before the first trade of all others may have been"
            continue
        prices = [float(one.price) for one in inside] or [float(last)]
        assert one.bar == BarGroup(
            open=prices[0], high=max(prices), low=min(prices), volume=float(sum(part.qty for part in inside)),
            quote_volume=float(sum(part.price * part.qty for part in inside)), trades=len(inside),
        )  # fmt: skip
