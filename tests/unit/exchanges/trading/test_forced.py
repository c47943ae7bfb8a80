"""What an exchange has done by itself, by its own words in an order's or a trade's row."""

from typing import Any

import pytest

from shared.exchanges.registry import trading_profile
from shared.orders.answers import Forced

LIQUIDATION, ADL, SETTLEMENT = Forced.LIQUIDATION, Forced.ADL, Forced.SETTLEMENT


@pytest.mark.parametrize(
    ("exchange", "row", "why"),
    [
        ("binance", {"clientOrderId": "autoclose-1730203200123"}, LIQUIDATION),
        ("binance", {"clientOrderId": "adl_autoclose"}, ADL),
        ("binance", {"clientOrderId": "settlement_autoclose-17"}, SETTLEMENT),
        ("binance", {"clientOrderId": "web_x-autoclose-"}, None),
        ("binance", {"clientOrderId": ""}, None),
        ("binance", {}, None),
        *(("okx", {"category": word}, LIQUIDATION) for word in ("full_liquidation", "partial_liquidation")),
        ("okx", {"category": "adl"}, ADL),
        ("okx", {"category": "delivery"}, SETTLEMENT),
        *(("okx", {"category": word}, None) for word in ("normal", "twap", "ddh")),
        *(("okx", {"subType": word}, LIQUIDATION) for word in ("100", "104", "107")),
        *(("okx", {"subType": word}, ADL) for word in ("125", "128")),
        *(("okx", {"subType": word}, SETTLEMENT) for word in ("112", "113")),
        *(("okx", {"subType": word}, None) for word in ("1", "2", "3", "6", "108", "129")),
        ("bybit", {"execType": "BustTrade"}, LIQUIDATION),
        ("bybit", {"execType": "AdlTrade"}, ADL),
        *(("bybit", {"execType": word}, SETTLEMENT) for word in ("Delivery", "Settle")),
        ("bybit", {"execType": "Trade"}, None),
        *(("bybit", {"createType": word}, LIQUIDATION) for word in ("CreateByLiq", "CreateByTakeOver_PassThrough")),
        ("bybit", {"createType": "CreateByAdl_PassThrough"}, ADL),
        ("bybit", {"createType": "CreateBySettle"}, SETTLEMENT),
        ("hyperliquid", {"dir": "Auto-Deleveraging"}, ADL),
        ("hyperliquid", {"dir": "Settlement"}, SETTLEMENT),
        ("hyperliquid", {"dir": "Open Long"}, None),
        *(("bybit", {"createType": word}, None) for word in ("CreateByUser", "CreateByStopLoss")),
    ],
)
def test_what_is_the_exchanges_own(exchange: str, row: dict[str, Any], why: Forced | None) -> None:
    assert trading_profile(exchange, "swap").forced(row) is why
