"""What of ccxt's structures is believed."""

from decimal import Decimal
from typing import Any

import pytest

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
