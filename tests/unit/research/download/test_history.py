"""Trades of an exchange's answers as rows: in which order, and which of them are prices."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

from services.research.download.history import History, PublicExchange
from services.research.download.kinds import KINDS, HistoryRow, KindName
from shared.exchanges.registry import market_data_profile

LOCAL = {"options": {"adjustForTimeDifference": False}}


class Answering:
    """A venue whose trades are these, as Bybit has them; ccxt puts those of one time in the order of their ids."""

    name = "bybit"
    profile = market_data_profile("bybit")

    def __init__(self, raw: list[dict[str, Any]]) -> None:
        rows = [
            {"timestamp": one["time"], "id": one["execId"], "price": "1", "amount": "2", "side": "buy", "info": one}
            for one in raw
        ]
        self._rows = sorted(rows, key=lambda row: (row["timestamp"], row["id"]))
        self.ccxt = SimpleNamespace(
            has={"fetchTrades": True}, fetch_trades=self._trades, feature_value=lambda *asked: None
        )

    def market(self, symbol: str) -> dict[str, Any]:
        return {"swap": True, "type": "swap"}

    async def ask(self, call: Callable[[], Awaitable[Any]]) -> Any:
        return await call()

    async def _trades(self, *asked: Any) -> list[dict[str, Any]]:
        return self._rows


def trade(time: int, seq: int, id_: str, *, block: bool = False) -> dict[str, Any]:
    """P: bybit-exchange.github.io/docs/v5/market/recent-trade; the ids of swaps are random."""
    return {"time": time, "seq": str(seq), "execId": id_, "isBlockTrade": block, "isRPITrade": False}


async def read(*raw: dict[str, Any]) -> list[HistoryRow]:
    history = History(cast(PublicExchange, Answering(list(raw))), "BTC/USDT:USDT", KINDS[KindName.TRADES], "")
    return await history.since(0, 1_000)


async def test_trades_of_one_millisecond_are_in_the_exchanges_order_and_not_in_that_of_random_ids() -> None:
    found = await read(trade(5, 12, "a3f0"), trade(5, 11, "e771"), trade(4, 10, "ffff"), trade(5, 13, "0c1d"))
    assert [row.id for row in found] == ["ffff", "e771", "a3f0", "0c1d"]


async def test_a_block_trade_is_no_price() -> None:
    found = await read(trade(5, 11, "a"), trade(6, 12, "b", block=True))
    assert [row.on_book for row in found] == [True, False]


async def test_markets_that_ccxt_builds_from_the_currencies_are_there() -> None:
    """C: latoken.fetch_markets leaves out each market whose currencies were not asked for."""
    exchange = PublicExchange("latoken", base_url="http://127.0.0.1:9", options=LOCAL)
    names = {"base": "BTC", "quote": "USDT"}

    async def currencies(params: object = None) -> dict[str, Any]:
        return {name: {"id": id_, "code": name, "info": {"tag": name}} for id_, name in names.items()}

    async def pairs(params: object = None) -> list[dict[str, Any]]:
        pair = {"id": "pair", "baseCurrency": "base", "quoteCurrency": "quote", "status": "PAIR_STATUS_ACTIVE"}
        return [pair | {"priceTick": "0.1", "quantityTick": "0.1", "minOrderQuantity": "0.1"}]

    exchange.ccxt.fetch_currencies, exchange.ccxt.publicGetPair = currencies, pairs
    async with exchange:
        assert exchange.market("BTC/USDT")["id"] == "pair"
