"""All that a trade has cost, as the exchanges tell it, through ccxt's own parser and ours."""

from decimal import Decimal
from typing import Any

import pytest

from shared.exchanges.trading import parse
from tests.unit.exchanges.trading.raw import Raw

TAX = {"feeCoin": "USDT", "feeType": "GST", "subFeeType": "IND_GST", "feeRate": "0.0000675", "fee": "0.006403779"}


def bybit(**changes: Any) -> dict[str, Any]:
    """A row of /v5/execution/list."""
    return {
        "symbol": "BTCUSDT", "execId": "t", "orderId": "o", "orderLinkId": "c", "side": "Buy", "execPrice": "100",
        "execQty": "1", "execValue": "100", "execFee": "0.06", "execTime": "5000", "execType": "Trade",
        "feeCurrency": "", "feeRate": "0.0006", "isMaker": False, "extraFees": "", **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "row", "fees"),
    [
        ("swap", bybit(), {"USDT": "0.06"}),
        ("swap", bybit(extraFees=[]), {"USDT": "0.06"}),
        ("swap", bybit(extraFees=[TAX]), {"USDT": "0.066403779"}),
        ("swap", bybit(extraFees='[{"feeCoin": "USDT", "fee": "0.01"}]'), {"USDT": "0.07"}),
        ("spot", bybit(execFee="0.001", feeCurrency="BTC"), {"BTC": "0.001"}),
        ("spot", bybit(execFee="0.3", feeCurrency="MNT"), {"MNT": "0.3"}),  # ccxt guesses BTC
        ("spot", bybit(execFee="-0.01", feeCurrency="USDT", isMaker=True), {"USDT": "-0.01"}),
        ("spot", bybit(execFee="0.001", feeCurrency="BTC", extraFees=[TAX]), {"BTC": "0.001", "USDT": "0.006403779"}),
    ],
)
def test_bybit(kind: str, row: dict[str, Any], fees: dict[str, str]) -> None:
    raw = Raw("bybit", kind, {})
    trade = raw.client.parse_trade(row, raw.client.markets[raw.markets[0]])
    fill = parse.fill(raw.profile, raw.rules(raw.markets[0]), "S", trade)
    assert dict(fill.fees) == {coin: Decimal(cost) for coin, cost in fees.items()}
