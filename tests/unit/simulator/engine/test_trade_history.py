"""The trades that a simulator has, whatever is asked in whatever order."""

from decimal import Decimal
from itertools import pairwise

import pytest

from services.simulator.binance.dialect import swap
from services.simulator.engine.trade_history import CHUNK, FIRST_ID, TradeHistory

START_MS = 1_700_000_000_000
S_MS = 1000
FAR_MS = START_MS + 1_000_000 * S_MS


def history(seed: int = 1, sym: str = "BTCUSDT", count: int | None = None, past_ms: int = 0) -> TradeHistory:
    return TradeHistory(swap(sym.removesuffix("USDT")), seed, start_ms=START_MS, rate=50, count=count, past_ms=past_ms)


def test_ids_are_consecutive_and_times_in_order() -> None:
    trades = history(past_ms=100 * S_MS).trades(0, 2 * CHUNK)
    assert [trade.id for trade in trades] == list(range(FIRST_ID, FIRST_ID + 2 * CHUNK))
    assert all(later.at_ms >= trade.at_ms for trade, later in pairwise(trades))
    assert any(later.at_ms == trade.at_ms for trade, later in pairwise(trades))
    assert all(trade.price > 0 and trade.amount > 0 for trade in trades)
    assert {trade.side for trade in trades} == {"buy", "sell"}


def test_it_does_not_matter_how_it_is_asked() -> None:
    first, second = history(), history()
    second.upto(START_MS + 500 * S_MS)
    assert first.trades(CHUNK - 5, CHUNK + 5) == second.trades(CHUNK - 5, CHUNK + 5)
    assert [first.trades(at, at + 1)[0] for at in range(9)] == second.trades(0, 9)


def test_each_seed_and_market_has_its_own() -> None:
    assert history().trades(0, 50) != history(seed=2).trades(0, 50)
    assert history().trades(0, 50) != history(sym="ETHUSDT").trades(0, 50)


def test_the_rate_is_kept_and_the_past_has_its_own() -> None:
    made = history(past_ms=1000 * S_MS)
    assert made.past == 1000
    assert made.upto(START_MS - 1) == made.past
    assert made.trades(0, 1)[0].at_ms >= START_MS - 1000 * S_MS
    assert 0.95 < (made.upto(START_MS + 1000 * S_MS) - made.past) / 50_000 < 1.05


@pytest.mark.parametrize("count", [1, CHUNK, CHUNK + 1])
def test_it_ends_after_its_count(count: int) -> None:
    made = history(count=count, past_ms=10 * S_MS)
    assert made.upto(FAR_MS) == 10 + count
    assert made.due_ms(10 + count) is None
    assert made.due_ms(10 + count - 1) == made.last_ms
    assert made.trades(0, 10 * CHUNK) == history(past_ms=10 * S_MS).trades(0, 10 + count)


def test_what_is_due_agrees_with_the_times() -> None:
    made = history()
    trades = made.trades(0, 1000)
    for now_ms in (START_MS, trades[17].at_ms, trades[500].at_ms - 1, trades[999].at_ms):
        assert made.upto(now_ms) >= sum(trade.at_ms <= now_ms for trade in trades)
        assert all(trade.at_ms <= now_ms for trade in made.trades(0, made.upto(now_ms)))


def test_bars_are_made_of_the_trades_and_stand_where_nothing_traded() -> None:
    made = history(count=300)
    trades = made.trades(0, 300)
    bars = made.bars(S_MS, START_MS, START_MS + 20 * S_MS, FAR_MS)
    assert [bar.at_ms for bar in bars] == list(range(START_MS, START_MS + 20 * S_MS, S_MS))
    for bar in bars:
        own = [trade for trade in trades if bar.at_ms <= trade.at_ms < bar.at_ms + S_MS]
        if own:
            prices = [trade.price for trade in own]
            assert bar[1:5] == (prices[0], max(prices), min(prices), prices[-1])
        else:
            last = [trade.price for trade in trades if trade.at_ms < bar.at_ms][-1]
            assert bar[1:5] == (last,) * 4
        assert bar.volume == sum(trade.amount for trade in own)
    assert bars[-1].volume == Decimal(0)


def test_the_last_bar_is_as_far_as_time_is() -> None:
    made = history()
    now_ms = START_MS + 2500
    bars = made.bars(S_MS, 0, FAR_MS, now_ms)
    assert [bar.at_ms - START_MS for bar in bars] == [0, S_MS, 2 * S_MS]
    assert bars[-1].close == made.price(now_ms)
    assert bars[-1] != made.bars(S_MS, 0, FAR_MS, now_ms + S_MS)[2]
