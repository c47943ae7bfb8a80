"""ccxt's own class with our seams."""

from typing import Any

import pytest

from shared.exchanges.client import RateLimit, load_ccxt
from shared.exchanges.market_data.client import make_market_data_client
from shared.exchanges.market_data.options import LiveOptions


def trade(time: int, id_: str) -> dict[str, Any]:
    """P: https://bybit-exchange.github.io/docs/v5/market/recent-trade."""
    return {
        "execId": id_, "symbol": "BTCUSDT", "price": "1", "size": "1", "side": "Buy", "time": str(time),
        "isBlockTrade": False, "isRPITrade": False,
    }  # fmt: skip


@pytest.mark.parametrize("newest_first", [True, False])
def test_fetched_trades_of_one_millisecond_are_not_put_in_the_order_of_random_ids(newest_first: bool) -> None:
    client = make_market_data_client(load_ccxt(), LiveOptions("bybit", {"BTCUSDT": "BTC/USDT:USDT"}, "1s"), RateLimit())
    happened = [trade(4, "d"), trade(5, "z"), trade(5, "a"), trade(5, "m"), trade(7, "b")]
    answer = happened[::-1] if newest_first else happened
    assert [row["id"] for row in client.parse_trades(answer)] == ["d", "z", "a", "m", "b"]
