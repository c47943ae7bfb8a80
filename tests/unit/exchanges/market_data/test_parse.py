"""What of ccxt's structures is believed."""

from decimal import Decimal
from typing import Any

import pytest

from services.ingestor.live.trade_order import OrderByTime
from shared.exchanges.market_data import parse
from shared.exchanges.market_data.events import Candle, ToldBar, TopOfBook, Trade
from shared.exchanges.profile import MarketDataProfile
from shared.exchanges.registry import market_data_profile
from shared.messages.market import BarGroup

NUMBERED = MarketDataProfile(consecutive=True)
GOOD: dict[str, Any] = {"id": "12", "timestamp": 1_700_000_000_000, "price": "42000.10", "amount": "0.001"}


def test_a_good_trade() -> None:
    expected = Trade(12, 1_700_000_000_000_000_000, Decimal("42000.10"), Decimal("0.001"))
    assert parse.trade(GOOD, NUMBERED) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("id", value) for value in (None, "", "1x", "-3", "1.5", True, [12], "9" * 30, "٣")],
        *[("timestamp", value) for value in (None, 0, -1, 2**60, "1700000000000", 1.5, True)],
        *[(name, value) for name in ("price", "amount") for value in (None, "", "x", "0", "-1", "NaN", "Infinity")],
        *[(name, value) for name in ("price", "amount") for value in (True, [1], {})],
    ],
)
def test_a_field_that_does_not_fit_makes_it_none(name: str, value: object) -> None:
    assert parse.trade({**GOOD, name: value}, NUMBERED) is None


def test_other_ids_are_texts_whose_order_is_that_of_the_numbers() -> None:
    read = [parse.trade({**GOOD, "id": value}, MarketDataProfile()) for value in ("10", "9", "a-7")]
    ids = [trade.id for trade in read if trade is not None]
    assert all(isinstance(id_, str) for id_ in ids)
    assert sorted(ids[:2]) == [ids[1], ids[0]]
    assert ids[2] == "a-7"


def test_what_the_exchange_numbers_within_one_time_is_kept_where_ids_do_not_count() -> None:
    """As Bybit's: the id is a random text."""
    row = {**GOOD, "id": "81b7d5c9", "info": {"i": "81b7d5c9", "seq": 111156121170}}
    numbered = parse.trade(row, market_data_profile("bybit"))
    assert numbered is not None and numbered.seq == 111156121170
    counted = parse.trade({**row, "id": "12"}, NUMBERED)
    assert counted is not None and counted.seq == 0


def test_numbers_that_tell_nothing_of_the_order_leave_the_trades_of_a_block_as_they_came() -> None:
    """As Hyperliquid's: `tid` is a hash, and all trades of a block have one time."""
    hyperliquid, order = market_data_profile("hyperliquid"), OrderByTime(0, 1_000)
    swept = [{**GOOD, "id": tid, "price": price} for tid, price in (("900", "1"), ("7", "2"), ("80", "3"))]
    read = [trade for row in swept if (trade := parse.trade(row, hyperliquid)) is not None]
    waits = [out for trade in [*read, read[0]] for out in order.put(trade, hold=True)]
    assert (waits, [trade.price for trade in order.release(read[0].ts_event)]) == ([], [1, 2, 3])
    assert order.old == 1


OKX_PRINT = {**GOOD, "id": "123", "amount": "6", "info": {"count": "3", "source": "0"}}


def test_a_print_of_several_trades_and_the_same_ones_fetched_are_counted_once() -> None:
    okx, order = market_data_profile("okx"), OrderByTime(10, 1_000)
    told = parse.each_trade(OKX_PRINT, okx)
    single = [{**GOOD, "id": id_, "amount": "2", "info": {"source": "0"}} for id_ in ("121", "122", "123")]
    fetched = [trade for row in single if (trade := parse.trade(row, okx)) is not None]
    assert [out for trade in [*told, *fetched] for out in order.put(trade, hold=True)] == []
    given_out = order.release(2**62)
    assert (sum(trade.qty for trade in given_out), len(given_out)) == (6, 3)


@pytest.mark.parametrize("count", ["0", "124", "x", "1.5", "20000", -1, True])
def test_a_print_of_so_many_trades_does_not_fit(count: object) -> None:
    assert parse.each_trade({**OKX_PRINT, "info": {"count": count}}, market_data_profile("okx")) == []


@pytest.mark.parametrize(
    ("market", "qty"),
    [
        ({"contractSize": "0.01", "inverse": False}, "0.06"),
        ({"contractSize": "84000.2", "inverse": True}, "12"),
        ({"contractSize": None}, "6"),
    ],
)
def test_contracts_are_counted_as_base_units(market: dict[str, Any], qty: str) -> None:
    """OKX tells of a swap's trades in contracts, of which a bitcoin has a hundred."""
    okx = market_data_profile("okx")
    (*_, last), fetched = parse.each_trade(OKX_PRINT, okx, market), parse.trade(OKX_PRINT, okx, market)
    assert fetched is not None
    assert last.qty == fetched.qty == Decimal(qty)


def test_quotes() -> None:
    row: dict[str, Any] = {"timestamp": 5, "bid": "1", "ask": "2"}
    assert parse.top_of_book(row, 9) == TopOfBook(5_000_000, Decimal(1), Decimal(2))
    assert parse.top_of_book({**row, "timestamp": None}, 9) == TopOfBook(9, Decimal(1), Decimal(2))
    assert parse.top_of_book({**row, "bid": "3"}, 9) is None
    assert parse.top_of_book({**row, "ask": None}, 9) is None


@pytest.mark.parametrize(
    "row", [None, [], [5, "1", "1"], ["5", "1", "1", "1", "1", "1"], [5, "1", "1", "1", None, "1"]]
)
def test_candles_that_do_not_fit(row: object) -> None:
    assert parse.candle(row) is None


def test_a_good_candle() -> None:
    group = BarGroup(open=1.0, high=2.0, low=1.0, volume=9.0)
    assert parse.candle([5, "1", "2", "1", "1.5", "9"]) == Candle(5_000_000, Decimal("1.5"), group)


@pytest.mark.parametrize(
    ("prices", "told"),
    [
        (("1", "2", "1.6", "1.5"), ("9", "1", 3, "2")),
        (("1", "2", None, "1.5"), ("9", "1", 3, "2")),
        (("1", "2", "1", "1.5"), (None, "1", 3, "2")),
        (("1", "2", "1", "1.5"), ("-9", "1", 3, "2")),
        (("1", "2", "1", "1.5"), ("9", "NaN", 3, "2")),
        (("1", "2", "1", "1.5"), ("9", "1", 3.5, "2")),
        (("1", "2", "1", "1.5"), ("9", "1", 3, "x")),
    ],
)
def test_of_a_candle_that_does_not_add_up_the_close_is_believed_and_nothing_else(
    prices: tuple[str | None, ...], told: tuple[Any, ...]
) -> None:
    assert parse.whole_candle(ToldBar(5, *prices, *told)) == Candle(5_000_000, Decimal("1.5"))
    assert parse.whole_candle(ToldBar(5, "1", "2", "1", None, *told)) is None


def rows(raw: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As ccxt makes them: by time, then by id."""
    made = [{"id": one["i"], "timestamp": one["t"], "info": one} for one in raw]
    return sorted(made, key=lambda row: (row["timestamp"], row["id"]))


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("seq", [True, False])
def test_those_of_one_millisecond_come_as_they_happened(newest_first: bool, seq: bool) -> None:
    happened = [(4, 10, "d"), (5, 11, "z"), (5, 11, "a"), (5, 12, "m"), (7, 13, "b")]
    raw = [{"t": t, "i": i, **({"seq": str(s)} if seq else {})} for t, s, i in happened]
    answer = raw[::-1] if newest_first else raw
    assert [row["id"] for row in parse.as_they_happened(answer, rows(answer))] == ["d", "z", "a", "m", "b"]


@pytest.mark.parametrize("newest_first", [True, False])
def test_what_the_exchange_numbers_goes_before_the_place_in_its_answer(newest_first: bool) -> None:
    """Bybit's own number of what happened; two fills of one order share it."""
    told = [(4, 10, "d"), (5, 12, "m"), (5, 11, "z"), (5, 11, "a"), (7, 13, "b")]
    raw = [{"t": t, "i": i, "seq": seq} for t, seq, i in told]
    answer = raw[::-1] if newest_first else raw
    assert [row["id"] for row in parse.as_they_happened(answer, rows(answer))] == ["d", "z", "a", "m", "b"]


def test_what_was_made_of_something_else_is_left_as_it_is() -> None:
    strange = [{"id": "b", "timestamp": 5, "info": {}}, {"id": "a", "timestamp": 4, "info": {}}]
    assert parse.as_they_happened([{"t": 5}], strange) == strange


@pytest.mark.parametrize("number", ["1e400", "9" * 400, "NaN", "Infinity", "-1", "-1e-9"])
def test_an_amount_that_no_float_holds_leaves_the_close_alone(number: str) -> None:
    """A tick with it could be written, and nobody could read it."""
    assert parse.whole_candle(ToldBar("1000", "1", "3", "1", "2", number)) == Candle(10**9, Decimal(2))
    assert parse.settled_rate({"timestamp": 1000, "fundingRate": "1e400"}) is None


@pytest.mark.parametrize("number", ["9" * 30, 10**30, "²", "-1"])
def test_a_count_that_is_none_leaves_the_close_alone(number: object) -> None:
    assert parse.whole_candle(ToldBar("1000", "1", "3", "1", "2", "1", trades=number)) == Candle(10**9, Decimal(2))


def test_a_price_that_a_float_takes_for_zero_is_none() -> None:
    assert parse.whole_candle(ToldBar("1000", "1e-400", "3", "1e-400", "2", "1")) == Candle(10**9, Decimal(2))
    assert parse.whole_candle(ToldBar("²", "1", "3", "1", "2", "1")) is None
