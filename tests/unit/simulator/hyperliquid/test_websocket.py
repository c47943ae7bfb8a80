"""What Hyperliquid's streams say at a subscription, as its pages and recordings have it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from services.simulator.engine.trade_history import FIRST_ID
from services.simulator.hyperliquid.orders import tid
from services.simulator.hyperliquid.websocket import REPLAYED, HyperliquidWebsocket
from services.simulator.simulator import Simulator, TradePlan, serving

TRADES = {"type": "trades", "coin": "BTC"}
CANDLE = {"type": "candle", "coin": "BTC", "interval": "1m"}
SLOW = TradePlan(rate=0.001)


@asynccontextmanager
async def socket(fake: Simulator) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{fake.url}/api.hyperliquid.xyz/ws") as connected,
    ):
        yield connected


async def asked(wire: aiohttp.ClientWebSocketResponse, text: str) -> Any:
    await wire.send_str(text)
    return await wire.receive_json(timeout=10)


async def called(wire: aiohttp.ClientWebSocketResponse, method: str, wanted: object) -> Any:
    return await asked(wire, json.dumps({"method": method, "subscription": wanted}))


async def test_a_second_subscription_is_an_error_that_changes_nothing() -> None:
    async with serving("hyperliquid", plan=SLOW) as fake, socket(fake) as wire:
        for method in ("subscribe", "unsubscribe", "subscribe"):
            told = await called(wire, method, CANDLE)
            assert told == {"channel": "subscriptionResponse", "data": {"method": method, "subscription": CANDLE}}
        again = await called(wire, "subscribe", CANDLE)
        assert again["channel"] == "error"
        assert again["data"].startswith("Already subscribed")


async def test_what_makes_no_sense_is_an_error_in_words() -> None:
    async with serving("hyperliquid", plan=SLOW) as fake, socket(fake) as wire:
        for wrong in ("{", "[]", '{"method": "sing"}', '{"method": "sing", "subscription": {"type": "trades"}}'):
            told = await asked(wire, wrong)
            assert (told["channel"], told["data"].startswith("Error parsing JSON")) == ("error", True)
        for unknown in ({"type": "trades", "coin": "NONE"}, CANDLE | {"interval": "7m"}, {"type": "songs"}):
            told = await called(wire, "subscribe", unknown)
            assert (told["channel"], told["data"].startswith("Invalid subscription")) == ("error", True)
        assert await asked(wire, '{"method": "ping"}') == {"channel": "pong"}


async def test_a_connection_on_which_nothing_is_said_is_torn(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving("hyperliquid", plan=SLOW) as fake, socket(fake) as wire:
        assert await asked(wire, '{"method": "ping"}') == {"channel": "pong"}
        monkeypatch.setattr(HyperliquidWebsocket, "quiet_s", 0.2)
        told = await wire.receive(30)
        assert (told.type, wire.close_code) == (aiohttp.WSMsgType.CLOSED, aiohttp.WSCloseCode.ABNORMAL_CLOSURE)


async def test_trades_that_were_before_come_with_the_subscription() -> None:
    plan = TradePlan(rate=200, past_ms=60_000, past_rate=2.0)
    async with serving("hyperliquid", plan=plan) as fake, socket(fake) as wire:
        await called(wire, "subscribe", TRADES)
        first, then = [await wire.receive_json(timeout=10) for _ in range(2)]
        assert {first["channel"], then["channel"]} == {"trades"}
        history = fake.histories["BTC"]
        numbers = {tid(FIRST_ID + index): index for index in range(history.upto(fake.state.now_ms()))}
        came = [numbers[row["tid"]] for row in [*first["data"], *then["data"]]]
        assert came == list(range(came[0], came[0] + len(came)))
        assert len(first["data"]) == REPLAYED
        assert len({row["time"] for row in then["data"]}) == 1
