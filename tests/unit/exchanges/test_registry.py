"""What is known of exchanges, each in its own fields."""

from typing import Any

import pytest

from shared.exchanges.registry import market_data_profile


@pytest.mark.parametrize(
    ("exchange", "raw", "price"),
    [
        ("binance", {"e": "trade", "p": "1", "X": "MARKET"}, True),
        ("binance", {"e": "trade", "p": "1", "X": "INSURANCE_FUND"}, False),
        ("binanceusdm", {"e": "trade", "p": "0", "X": "NA"}, False),
        ("binancecoinm", {"e": "trade", "p": "1", "X": "ADL"}, False),
        ("binanceusdm", {"e": "aggTrade", "p": "1", "q": "3", "nq": "0"}, False),
        ("binanceusdm", {"e": "aggTrade", "p": "1", "q": "3", "nq": "1"}, True),
        ("binanceusdm", {"id": 28457, "price": "4", "isRPITrade": True}, False),
        ("bybit", {"i": "a", "BT": False, "RPI": False}, True),
        ("bybit", {"i": "a", "BT": True}, False),
        ("bybit", {"i": "a", "BT": False, "RPI": True}, False),
        ("bybit", {"execId": "a", "isBlockTrade": True, "isRPITrade": False}, False),
        ("bybit", {"execId": "a", "isBlockTrade": False, "isRPITrade": True}, False),
        ("okx", {"tradeId": "1", "px": "1"}, True),
        ("okx", {"tradeId": "1", "px": "1", "source": "0"}, True),
        ("okx", {"tradeId": "1", "px": "1", "source": "1"}, False),
        ("gate", {"id": 1, "is_internal": True}, False),
        ("gate", {"id": 1, "is_internal": False}, True),
        ("deribit", {"trade_id": "1", "block_trade_id": "154"}, False),
        ("krakenfutures", {"uid": "1", "type": "liquidation"}, True),
        ("krakenfutures", {"uid": "1", "type": "assignment"}, False),
        ("unheard-of", {"BT": True}, True),
        ("bybit", None, True),
    ],
)
def test_what_is_a_price(exchange: str, raw: Any, price: bool) -> None:
    assert market_data_profile(exchange).on_book(raw) is price
