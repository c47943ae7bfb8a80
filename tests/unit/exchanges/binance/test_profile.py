"""A trade that is read without ccxt's structures is the one that ccxt reads."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulator.binance.dialect import swap
from services.simulator.binance.spot import spot as binance_spot
from services.simulator.binance.websocket import agg_trade
from services.simulator.engine.listing import Listing
from shared.exchanges.binance.profile import MARKET_DATA
from shared.exchanges.client import UNREADABLE, RateLimit, load_ccxt
from shared.exchanges.market_data import parse
from shared.exchanges.market_data.client import make_market_data_client
from shared.exchanges.market_data.events import Trade
from shared.exchanges.market_data.options import LiveOptions

SYMBOLS = {"spot": "BTC/USDT", "swap": "BTC/USDT:USDT"}
GOOD = json.loads(agg_trade(swap())(5_000_000, 1_730_203_200_123, 420_001, 17, True))
DIGITS = st.text("0123456789", max_size=25)
NUMBERS = st.builds("{}{}{}".format, DIGITS, st.sampled_from(["", ".", "-", "_", " ", "٣"]), DIGITS)
POWERS = st.builds("{}{}{}".format, DIGITS, st.sampled_from(["e", "E", "e-", "E+"]), st.integers(0, 30))
WORDS = st.sampled_from(["NaN", "Infinity", "-1"])
VALUES = st.one_of(NUMBERS, POWERS, WORDS, st.integers(-2, 2**70), st.floats(), st.booleans(), st.none())


def ccxt_client(kind: str) -> Any:
    client = make_market_data_client(load_ccxt(), LiveOptions("binance", {"BTCUSDT": SYMBOLS[kind]}, "1s"), RateLimit())
    market = {"id": "BTCUSDT", "symbol": SYMBOLS[kind], "base": "BTC", "quote": "USDT", "type": kind, "option": False}
    market |= {"spot": kind == "spot", "contract": kind == "swap", "linear": kind == "swap", "inverse": False}
    client.set_markets([market])
    return client


CLIENTS = {kind: ccxt_client(kind) for kind in SYMBOLS}


def by_ccxt(kind: str, message: Any) -> Trade | None:
    client = CLIENTS[kind]
    try:
        return parse.trade(client.parse_ws_trade(message, client.market(SYMBOLS[kind])), MARKET_DATA)
    except UNREADABLE:
        return None


def read(message: Any) -> Trade | None:
    of = MARKET_DATA.trade
    assert of is not None
    return of(message, "BTCUSDT")


@pytest.mark.parametrize("listing", [swap(), binance_spot()], ids=lambda listing: listing.kind)
@given(
    id_=st.integers(5_000_000, 2**61), at_ms=st.integers(1, 2**42), ticks=st.integers(1, 10**12),
    steps=st.integers(1, 10**12), sold=st.booleans(),
)  # fmt: skip
def test_a_venues_trade_is_read_as_by_ccxt(
    listing: Listing, id_: int, at_ms: int, ticks: int, steps: int, sold: bool
) -> None:
    message = json.loads(agg_trade(listing)(id_, at_ms, ticks, steps, sold))
    assert read(message) == by_ccxt(listing.kind, message) is not None


@given(st.dictionaries(st.sampled_from(["a", "T", "p", "q"]), VALUES, min_size=1, max_size=2))
def test_what_is_read_of_an_odd_one_is_what_ccxt_reads(odd: dict[str, Any]) -> None:
    message = {**GOOD, **odd}
    assert read(message) in (None, by_ccxt("swap", message))


@pytest.mark.parametrize(("nq", "price"), [("0.000", False), ("0", False), ("0.001", True)])
def test_one_that_traded_only_with_orders_for_the_screen_is_no_price(nq: str, price: bool) -> None:
    trade = read({**GOOD, "nq": nq})
    assert trade == by_ccxt("swap", {**GOOD, "nq": nq})
    assert trade is not None
    assert trade.on_book is price


@pytest.mark.parametrize(
    "message",
    [
        None, [], "aggTrade", 5, {}, {"result": None, "id": 1}, {**GOOD, "e": "trade"}, {**GOOD, "s": "ETHUSDT"},
        {"stream": "btcusdt@aggTrade", "data": GOOD},
        *({name: value for name, value in GOOD.items() if name != missing} for missing in "esaTpq"),
    ],
    ids=repr,
)  # fmt: skip
def test_anything_else_is_left_to_ccxt(message: object) -> None:
    assert read(message) is None
