"""Unmodified ccxt.pro on a simulator's websockets, and the trades that it should hear."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from services.simulator.engine.trade_history import TradeHistory
from services.simulator.simulator import Simulator
from shared.exchanges.client import exchange_class, load_ccxt, redirect

BTC = "BTC/USDT:USDT"
Row = tuple[int, int, Decimal, Decimal]


@asynccontextmanager
async def client(fake: Simulator, kind: str = "linear", **options: Any) -> AsyncIterator[Any]:
    """Opens a client with its markets loaded. newUpdates is as ccxt has it: what is new comes, once."""
    binance = exchange_class(load_ccxt(websockets=True), "binance", websockets=True)
    made = binance({"options": {"fetchMarkets": {"types": [kind]}, **options}})
    redirect(made, fake.url)
    made.number = str
    try:
        await made.load_markets()
        yield made
    finally:
        await made.close()


def row(trade: dict[str, Any]) -> Row:
    """Returns id, time, price and quantity of ccxt's trade."""
    return int(trade["id"]), trade["timestamp"], Decimal(trade["price"]), Decimal(trade["amount"])


def perfect(history: TradeHistory, first_id: int, count: int) -> list[Row]:
    """Returns the same of a history's trades."""
    first = history.index(first_id)
    return [(trade.id, trade.at_ms, trade.price, trade.amount) for trade in history.trades(first, first + count)]


async def heard(client: Any, count: int, symbol: str = BTC, **params: Any) -> list[Row]:
    """Returns the next trades as they come, at least so many."""
    rows: list[Row] = []
    while len(rows) < count:
        rows += [row(trade) for trade in await client.watch_trades(symbol, params=params)]
    return rows
