"""Websockets and history of OKX and Bybit, as the fakes speak them, through unmodified ccxt.pro."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

import aiohttp
import pytest

from services.simulator.bybit.rest import exec_id
from services.simulator.simulator import Simulator, TradePlan, serving
from services.simulator.websocket.faults import SubscriptionFault, SubscriptionTrouble
from shared.exchanges.client import exchange_class, load_ccxt, redirect

MINUTE_MS = 60_000
PLAN = TradePlan(rate=400, past_ms=10 * MINUTE_MS, past_rate=1.0)
QUIET = TradePlan(rate=0.001)


class Dialect(NamedTuple):
    """fake: the venue's name. path, topic, subscribe: of its websocket for trades."""

    fake: str
    exchange: str
    symbol: str
    id: str
    path: str
    topic: str
    subscribe: str


DIALECTS = [
    Dialect(
        "okx", "okx", "BTC/USDT:USDT", "BTC-USDT-SWAP", "ws.okx.com:443/ws/v5/public", "trades:BTC-USDT-SWAP",
        '{"op":"subscribe","args":[{"channel":"trades","instId":"BTC-USDT-SWAP"}]}',
    ),
    Dialect(
        "bybit", "bybit", "BTC/USDT:USDT", "BTCUSDT", "stream.bybit.com/v5/public/linear", "publicTrade.BTCUSDT",
        '{"op":"subscribe","req_id":"7","args":["publicTrade.BTCUSDT"]}',
    ),
    Dialect(
        "bybit-spot", "bybit", "BTC/USDT", "BTCUSDT", "stream.bybit.com/v5/public/spot", "publicTrade.BTCUSDT",
        '{"op":"subscribe","req_id":"7","args":["publicTrade.BTCUSDT"]}',
    ),
]  # fmt: skip
REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "okx": (
        '{"op":"subscribe","args":[{"channel":"trades","instId":"NO-COIN"}]}',
        {"event": "error", "code": "60018"},
    ),
    "bybit": (
        '{"op":"subscribe","args":["publicTrade.BTCUSDT","publicTrade.NOCOIN"]}',
        {"success": False, "ret_msg": "error:handler not found,topic:publicTrade.NOCOIN", "op": "subscribe"},
    ),
}
REFUSED["bybit-spot"] = REFUSED["bybit"]
TAKEN: dict[str, dict[str, Any]] = {
    "okx": {"event": "subscribe", "arg": {"channel": "trades", "instId": "BTC-USDT-SWAP"}},
    "bybit": {"success": True, "ret_msg": "", "op": "subscribe", "req_id": "7"},
    "bybit-spot": {"success": True, "ret_msg": "subscribe", "op": "subscribe", "req_id": "7"},
}


@pytest.fixture(params=DIALECTS, ids=lambda dialect: dialect.fake)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    found: Dialect = request.param
    return found


@asynccontextmanager
async def client(fake: Simulator, dialect: Dialect) -> AsyncIterator[Any]:
    kind = exchange_class(load_ccxt(websockets=True), dialect.exchange, websockets=True)
    made = kind({"options": {"fetchMarkets": {"types": ["swap", "spot"]}}})
    if dialect.exchange == "bybit":
        made.options["fetchMarkets"] = {"types": ["linear", "spot"]}
    redirect(made, fake.url)
    made.number, made.newUpdates = str, True
    try:
        await made.load_markets()
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def socket(fake: Simulator, dialect: Dialect) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{fake.url}/{dialect.path}") as connected:
        yield connected


def trade_id(dialect: Dialect, id_: int) -> str:
    if dialect.exchange == "okx":
        return str(id_)
    return exec_id(id_, "spot" if dialect.fake == "bybit-spot" else "swap")


def size(dialect: Dialect) -> Decimal:
    return Decimal("0.01") if dialect.fake == "okx" else Decimal(1)


async def test_trades_are_those_of_the_tape_in_its_order(dialect: Dialect) -> None:
    async with serving(dialect.fake, plan=PLAN) as fake, client(fake, dialect) as ccxt:
        rows: list[Any] = []
        while len(rows) < 60:
            rows += await ccxt.watch_trades(dialect.symbol)
        history = fake.histories[dialect.id]
        whole = [trade_id(dialect, trade.id) for trade in history.trades(0, history.upto(fake.state.now_ms()))]
        first = whole.index(rows[0]["id"])
        assert [row["id"] for row in rows] == whole[first : first + len(rows)]
        for row, trade in zip(rows, history.trades(first, first + len(rows)), strict=True):
            told = Decimal(row["price"]), Decimal(row["amount"]) * size(dialect), row["timestamp"], row["side"]
            assert told == (trade.price, trade.amount, trade.at_ms, trade.side)


async def test_recent_trades_and_bars_of_rest_are_the_tapes(dialect: Dialect) -> None:
    async with serving(dialect.fake, plan=PLAN) as fake, client(fake, dialect) as ccxt:
        history = fake.histories[dialect.id]
        trades = await ccxt.fetch_trades(dialect.symbol, limit=20)
        assert {trade_id(dialect, trade.id) for trade in history.trades(0, history.upto(fake.state.now_ms()))} >= {
            trade["id"] for trade in trades
        }
        bars = await ccxt.fetch_ohlcv(dialect.symbol, "1m", limit=5)
        assert [later[0] - row[0] for row, later in pairwise(bars)] == [MINUTE_MS] * 4
        held = history.bars(MINUTE_MS, bars[0][0], bars[-1][0], fake.state.now_ms())
        assert [[Decimal(value) for value in row[1:5]] for row in bars[:-1]] == [
            [bar.open, bar.high, bar.low, bar.close] for bar in held
        ]
        since = await ccxt.fetch_ohlcv(dialect.symbol, "1m", bars[0][0], 3)
        assert [row[0] for row in since] == [row[0] for row in bars[:3]]
        assert abs(await ccxt.fetch_time() - fake.state.now_ms()) < 1000


async def test_best_prices_and_candles_come_over_the_websocket(dialect: Dialect) -> None:
    async with serving(dialect.fake, plan=PLAN) as fake, client(fake, dialect) as ccxt:
        history = fake.histories[dialect.id]
        for _ in range(5):
            ticker = (await ccxt.watch_bids_asks([dialect.symbol]))[dialect.symbol]
            assert Decimal(ticker["ask"]) - Decimal(ticker["bid"]) == 2 * history.listing.tick
        begun_ms = fake.state.now_ms()
        (row, *_), now_ms = await ccxt.watch_ohlcv(dialect.symbol, "1m"), fake.state.now_ms()
        assert begun_ms // MINUTE_MS * MINUTE_MS <= row[0] <= now_ms // MINUTE_MS * MINUTE_MS
        assert row[0] % MINUTE_MS == 0
        ticker = await ccxt.watch_ticker(dialect.symbol)
        assert Decimal(ticker["last"]) in {
            trade.price for trade in history.trades(0, history.upto(fake.state.now_ms()))
        }


async def test_a_subscription_is_acknowledged_or_refused_in_its_own_words(dialect: Dialect) -> None:
    wrong, words = REFUSED[dialect.fake]
    async with serving(dialect.fake, plan=QUIET) as fake, socket(fake, dialect) as wire:
        await wire.send_str(dialect.subscribe)
        assert TAKEN[dialect.fake].items() <= (await wire.receive_json()).items()
        await wire.send_str(wrong)
        assert words.items() <= (await wire.receive_json()).items()
        await wire.send_str('{"op":"sing"}')
        told = await wire.receive_json()
        assert told.get("code") == "60012" or told["success"] is False


async def test_a_client_that_pings_is_answered(dialect: Dialect) -> None:
    async with serving(dialect.fake, plan=QUIET) as fake, socket(fake, dialect) as wire:
        await wire.send_str("ping" if dialect.fake == "okx" else '{"op":"ping","req_id":"3"}')
        told = await wire.receive_str()
        assert told == "pong" or json.loads(told)["ret_msg"] == "pong"


async def test_a_subscription_may_be_acknowledged_and_then_silent_or_not_answered_at_all(dialect: Dialect) -> None:
    async with serving(dialect.fake, plan=PLAN) as fake:
        fake.websockets.subscription_faults += [
            SubscriptionFault(SubscriptionTrouble.MUTE, dialect.topic),
            SubscriptionFault(SubscriptionTrouble.UNANSWERED, dialect.topic),
        ]
        for answered in (True, False):
            async with socket(fake, dialect) as wire:
                await wire.send_str(dialect.subscribe)
                await wire.send_str("ping" if dialect.fake == "okx" else '{"op":"ping"}')
                told = [await wire.receive_str() for _ in range(1 + answered)]
                assert "pong" in told[-1]
                assert fake.histories[dialect.id].upto(fake.state.now_ms()) > 0
        async with socket(fake, dialect) as wire:
            await wire.send_str(dialect.subscribe)
            assert "pong" not in "".join([await wire.receive_str() for _ in range(5)])


async def test_okx_lets_three_connections_in_in_a_second() -> None:
    """https://www.okx.com/docs-v5/en/#overview-websocket-connect"""
    okx = DIALECTS[0]
    async with serving("okx", plan=QUIET) as fake:
        for _ in range(3):
            async with socket(fake, okx):
                pass
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with socket(fake, okx):
                pass
        assert (caught.value.status, fake.websockets.turned_away) == (429, 1)


async def test_block_trades_are_told_beside_the_others_far_from_the_price() -> None:
    bybit = DIALECTS[1]
    async with serving("bybit", plan=PLAN) as fake, socket(fake, bybit) as wire:
        fake.engine.set("block_trades", "3")
        await wire.send_str(bybit.subscribe)
        assert (await wire.receive_json())["success"]
        rows: list[Any] = []
        while sum(row["BT"] for row in rows) < 2:
            rows += (await wire.receive_json())["data"]
        for before, row in pairwise(rows):
            if row["BT"]:
                assert Decimal(row["p"]) < Decimal("0.95") * Decimal(before["p"])
