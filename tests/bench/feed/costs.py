"""What each part of the way of a trade costs by itself, without a socket, a loop and a bus: µs of CPU."""

import asyncio
from collections.abc import Callable, Sequence
from time import process_time
from typing import Any

from ccxt.async_support.base.ws.client import json_parser

from services.ingestor.plan import live_stage
from services.simulator.binance.dialect import swap
from services.simulator.binance.websocket import agg_trade
from services.simulator.engine.trade_history import TradeHistory
from shared.exchanges.binance.profile import MARKET_DATA
from shared.exchanges.client import RateLimit, load_ccxt
from shared.exchanges.market_data.client import WebsocketHooks, make_market_data_client
from shared.exchanges.market_data.events import Clock, Connected, Event
from shared.exchanges.market_data.options import LiveOptions
from tests.bench.feed.reader_task import RATE, START_MS, ReaderTask

COUNT, ROUNDS, US = 50_000, 3, 1e6
MS = 1_000_000
MARKET, ID = "BTC/USDT:USDT", "BTCUSDT"


async def costs(given: ReaderTask) -> dict[str, Any]:
    """By part. The last is what `read` and the queue replace."""
    rows = TradeHistory(swap(), start_ms=START_MS, rate=RATE, count=COUNT).rows(0, COUNT)
    texts = [agg_trade(swap())(*row) for row in zip(*rows, strict=True)]
    messages = [json_parser.loads(text) for text in texts]
    options = LiveOptions("binance", {ID: MARKET}, "1s")
    events: list[Event] = []
    read = MARKET_DATA.trade
    assert read is not None
    ours = make_market_data_client(
        load_ccxt(),
        options,
        RateLimit(),
        WebsocketHooks(print, print, events.append, lambda message: read(message, ID)),
    )
    theirs = make_market_data_client(load_ccxt(), options, RateLimit())
    market = {"id": ID, "symbol": MARKET, "base": "BTC", "quote": "USDT", "type": "swap", "option": False}
    market |= {"spot": False, "contract": True, "linear": True, "inverse": False, "settle": "USDT"}
    theirs.set_markets([market])
    heard = theirs.client("ws://127.0.0.1/ws/btcusdt@aggTrade")
    found = {
        "JSON": _us(json_parser.loads, texts),
        "the message a trade, into the queue": _us(lambda message: ours.handle_message(None, message), messages),
    }
    stage_us = []
    for _ in range(ROUNDS):
        stage = live_stage(options, ID)
        stage.on_tick(Clock(START_MS * MS))
        stage.on_tick(Connected())
        stage_us.append(_once(stage.on_tick, events[:COUNT]))
    found["continuity, sampler, stage"] = min(stage_us)
    found["ccxt's handling of the message"] = _us(lambda message: theirs.handle_message(heard, message), messages)
    await asyncio.gather(ours.close(), theirs.close())
    return found


def _us(do: Callable[[Any], object], values: Sequence[Any]) -> float:
    return min(_once(do, values) for _ in range(ROUNDS))


def _once(do: Callable[[Any], object], values: Sequence[Any]) -> float:
    start = process_time()
    for value in values:
        do(value)
    return (process_time() - start) / len(values) * US
