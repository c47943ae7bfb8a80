"""MidPrices: superseded quotes, lost connections, silence."""

from decimal import Decimal

from services.ingestor.live.mid_prices import Mid, MidPrices, Quoted
from shared.exchanges.market_data.events import (
    Clock,
    Connected,
    Disconnected,
    Event,
    FeedSilent,
    MissingTrades,
    TopOfBook,
    Watermark,
)


def quote(ts: int, bid: int = 10) -> TopOfBook:
    return TopOfBook(ts, Decimal(bid), Decimal(bid + 1))


def mid(ts: int, bid: int = 10) -> Mid:
    return Mid(ts, Decimal(bid) + Decimal("0.5"))


def run(mids: MidPrices, *events: Event) -> list[Quoted]:
    return [out for event in events for out in mids.on_tick(event) or []]


def begun() -> MidPrices:
    mids = MidPrices(silence_ns=100, ahead_ns=20)
    assert run(mids, Clock(1_000), Connected(), quote(1_001)) == [mid(1_001)]
    return mids


def test_an_older_quote_is_superseded_and_one_far_ahead_not_believed() -> None:
    mids = begun()
    assert run(mids, quote(1_000), quote(1_001, 11), quote(1_021, 12)) == [mid(1_001, 11)]
    assert (mids.old, mids.ahead) == (1, 1)


def test_nothing_is_known_of_a_time_without_a_connection() -> None:
    mids = begun()
    assert run(mids, Clock(1_010), Disconnected(), Clock(1_050), Connected(), Clock(1_060)) == [Watermark(1_010)]
    assert run(mids, quote(1_061), Clock(1_070)) == [MissingTrades(1_061, 1_001), mid(1_061), Watermark(1_070)]


def test_a_silent_feed_is_deaf_once_for_each_connection() -> None:
    mids = begun()
    assert run(mids, Clock(1_100), Clock(1_101), Clock(1_102)) == [Watermark(1_100), FeedSilent()]
    assert run(mids, Disconnected(), Connected(), Clock(1_150), Clock(1_203)) == [FeedSilent()]
    assert run(mids, quote(1_204), Clock(1_210)) == [MissingTrades(1_204, 1_001), mid(1_204), Watermark(1_210)]
    assert mids.deaf == 2


def test_before_the_first_quote_there_is_nothing_to_sample() -> None:
    assert run(MidPrices(100, 20), Clock(1_000), Connected(), Clock(1_050), Disconnected()) == []
