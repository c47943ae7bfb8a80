"""Websockets and history of the simulator, through unmodified ccxt.pro."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from services.simulator.dialects import markets
from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.engine.trade_history import BEHIND, FIRST_ID
from services.simulator.simulator import Simulator, TradePlan, serving
from services.simulator.websocket.faults import MessageFault, Trouble
from shared.exchanges.client import load_ccxt
from tests.unit.simulator.websocket.ccxt_client import BTC, Row, client, heard, perfect, row
from tests.until import until

SYM = "BTCUSDT"
TRADES = "btcusdt@trade"
FAST = TradePlan(rate=400)
S_MS = 1000
SPOT = "BTC/USDT"
AGGREGATE = {"name": "aggTrade"}


def ids(rows: list[Row]) -> list[int]:
    return [id_ for id_, *_ in rows]


@asynccontextmanager
async def socket(fake: Simulator, path: str = "ws", **options: Any) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{fake.url}/fstream.binance.com/{path}", **options) as connected,
    ):
        yield connected


def number(trade: dict[str, Any]) -> int:
    """-1 where it came as something else."""
    return int(trade["id"]) if str(trade["id"]).isdigit() else -1


async def struck(plan: TradePlan, fault: MessageFault, count: int = 100) -> tuple[list[Row], Simulator]:
    """What ccxt hears when this befalls a message."""
    async with serving("binance", plan=plan) as fake, client(fake) as ccxt:
        fake.websockets.message_faults.switched.append(fault)
        return await heard(ccxt, count), fake


async def test_trades_are_those_of_the_tape() -> None:
    async with serving("binance", plan=FAST) as fake, client(fake) as ccxt:
        rows = await heard(ccxt, 100)
        assert rows == perfect(fake.histories[SYM], rows[0][0], len(rows))


async def test_aggregate_trades_are_numbered_by_themselves_as_in_rest() -> None:
    async with serving("binance", plan=FAST) as fake, client(fake) as ccxt:
        rows = await heard(ccxt, 100, name="aggTrade")
        told = await ccxt.fetch_trades(BTC, params={"fromId": rows[0][0]}, limit=len(rows))
        assert [int(trade["id"]) for trade in told] == ids(rows)
        assert all(row[0] < 5_000_000 for row in rows)
        single = await ccxt.fetch_trades(BTC, limit=1000, params={"fetchTradesMethod": "fapiPublicGetTrades"})
        assert int(single[-1]["id"]) > 5_000_000


async def test_the_spot_market_has_streams_and_history_of_its_own() -> None:
    async with serving("binance-spot", plan=FAST) as fake, client(fake, "spot") as ccxt:
        rows = await heard(ccxt, 50, SPOT)
        assert rows == perfect(fake.histories[SYM], rows[0][0], len(rows))
        assert (await ccxt.watch_bids_asks([SPOT]))[SPOT]["bid"] is not None
        assert len(await ccxt.fetch_trades(SPOT, limit=20)) == 20


async def test_a_combined_url_names_the_stream_of_each_message() -> None:
    async with (
        serving("binance", plan=FAST) as fake,
        socket(fake, f"stream?streams={TRADES}/ethusdt@bookTicker") as wire,
    ):
        told = [await wire.receive_json() for _ in range(50)]
        assert {message["stream"] for message in told} == {TRADES, "ethusdt@bookTicker"}
        assert {message["data"]["e"] for message in told} == {"trade", "bookTicker"}


async def test_requests_are_answered_with_their_number() -> None:
    async with serving("binance", plan=TradePlan(rate=0.001)) as fake, socket(fake) as wire:

        async def asked(text: str) -> Any:
            await wire.send_str(text)
            return await wire.receive_json()

        async def called(method: str, number: int, *params: str) -> Any:
            return await asked(json.dumps({"method": method, "params": params, "id": number}))

        assert await called("SUBSCRIBE", 1, TRADES) == {"result": None, "id": 1}
        assert await called("SUBSCRIBE", 2, "nocoin@trade") == {"result": None, "id": 2}
        assert await called("LIST_SUBSCRIPTIONS", 3) == {"result": [TRADES, "nocoin@trade"], "id": 3}
        assert await called("UNSUBSCRIBE", 4, "nocoin@trade") == {"result": None, "id": 4}
        assert await called("LIST_SUBSCRIPTIONS", 5) == {"result": [TRADES], "id": 5}
        for wrong in ("{", "[]", '{"method": "SING"}', '{"method": "SUBSCRIBE", "params": ["btcusdt@news"]}'):
            assert (await asked(wrong))["error"]["code"] == 2


async def test_a_client_that_pings_is_answered() -> None:
    async with serving("binance", plan=TradePlan(rate=0.001)) as fake, socket(fake, autoping=False) as wire:
        await wire.ping(b"here")
        message = await wire.receive(5)
        assert (message.type, bytes(message.data)) == (aiohttp.WSMsgType.PONG, b"here")


async def test_candles_over_rest_end_with_an_unfinished_one() -> None:
    plan = TradePlan(rate=200, past_ms=600 * S_MS, past_rate=2.0)
    async with serving("binance", plan=plan) as fake, client(fake) as ccxt:
        rows = await ccxt.fetch_ohlcv(BTC, "1m", limit=5)
        now_ms = fake.state.now_ms()
        assert rows[-1][0] + 60 * S_MS > now_ms - S_MS
        assert [later[0] - row[0] for row, later in pairwise(rows)] == [60 * S_MS] * 4
        bars = fake.histories[SYM].bars(60 * S_MS, rows[0][0], rows[-1][0], now_ms)
        shown = [[Decimal(value) for value in row[1:]] for row in rows[:-1]]
        assert shown == [[bar.open, bar.high, bar.low, bar.close, bar.volume] for bar in bars]


async def test_candles_over_the_websocket_end_as_those_of_the_tape() -> None:
    async with serving("binance", plan=TradePlan(rate=200, past_ms=5000)) as fake, client(fake) as ccxt:
        seen: dict[int, list[Any]] = {}
        while len(seen) < 3:
            for row in await ccxt.watch_ohlcv(BTC, "1s"):
                seen[row[0]] = row
        at_ms = sorted(seen)[1]
        bar, *_ = fake.histories[SYM].bar(at_ms, S_MS, fake.state.now_ms())
        assert [Decimal(str(value)) for value in seen[at_ms][1:5]] == [bar.open, bar.high, bar.low, bar.close]


async def test_the_best_prices_stand_around_the_last_trade_also_over_rest() -> None:
    async with serving("binance", plan=FAST) as fake, client(fake) as ccxt:
        ticker = (await ccxt.watch_bids_asks([BTC]))[BTC]
        at_ms = ticker["timestamp"]
        trades = fake.histories[SYM].trades(0, fake.histories[SYM].upto(fake.state.now_ms()))
        assert Decimal(ticker["ask"]) - Decimal(ticker["bid"]) == Decimal("0.20")
        assert Decimal(ticker["bid"]) + Decimal("0.10") in {trade.price for trade in trades if trade.at_ms == at_ms}
        rest = (await ccxt.fetch_bids_asks([BTC]))[BTC]
        assert abs(Decimal(rest["bid"]) - Decimal(ticker["bid"])) < 100


async def test_a_gap_is_in_rest() -> None:
    async with serving("binance", plan=FAST) as fake, client(fake) as ccxt:
        fake.websockets.message_faults.switched.append(MessageFault(Trouble.GAP, "btcusdt@aggTrade", skip=20, size=7))
        rows = await heard(ccxt, 100, name="aggTrade")
        missing = sorted(set(range(rows[0][0], rows[-1][0])) - set(ids(rows)))
        assert missing == list(range(rows[0][0] + 20, rows[0][0] + 27))
        told = await ccxt.fetch_trades(BTC, params={"fromId": missing[0]}, limit=7)
        assert [int(trade["id"]) for trade in told] == missing


async def test_trades_come_twice() -> None:
    rows, _ = await struck(FAST, MessageFault(Trouble.DUPLICATE, skip=20, size=3))
    first = rows[0][0]
    assert ids(rows)[:26] == [*range(first, first + 21), *range(first + 18, first + 21), first + 21, first + 22]


async def test_a_trade_comes_after_those_behind_it() -> None:
    rows, _ = await struck(FAST, MessageFault(Trouble.REORDER, skip=20, size=3, ms=60_000))
    first = rows[0][0]
    assert ids(rows)[19:26] == [first + number for number in (19, 21, 22, 23, 20, 24, 25)]


async def test_a_trade_comes_late() -> None:
    async with serving("binance", plan=FAST) as fake, client(fake) as ccxt:
        fake.websockets.message_faults.switched.append(MessageFault(Trouble.LATE, skip=20, ms=300))
        rows: list[Row] = []
        came_ms: list[int] = []
        while len(rows) < 250:
            rows += [row(trade) for trade in await ccxt.watch_trades(BTC)]
            came_ms += [time.time_ns() // 10**6] * (len(rows) - len(came_ms))
        late = next(at for at, (before, later) in enumerate(pairwise(rows)) if later[0] < before[0]) + 1
        assert rows[late][0] == rows[0][0] + 20
        assert came_ms[late] >= rows[late][1] + 300
        assert sorted(rows) == perfect(fake.histories[SYM], rows[0][0], len(rows))


async def test_a_message_of_megabytes_is_a_trade_like_any_other() -> None:
    rows, fake = await struck(FAST, MessageFault(Trouble.HUGE, skip=20, size=4_000_000))
    assert rows == perfect(fake.histories[SYM], rows[0][0], len(rows))


async def test_one_of_more_than_ten_megabytes_breaks_the_connection() -> None:
    with pytest.raises(load_ccxt().NetworkError):
        await struck(FAST, MessageFault(Trouble.HUGE, skip=20, size=11_000_000))


@pytest.mark.parametrize("torn", [False, True])
async def test_a_lost_connection_is_an_error_and_the_next_watch_makes_a_new_one(torn: bool) -> None:
    async with serving("binance", plan=FAST) as fake, client(fake) as ccxt:
        fake.websockets.message_faults.switched.append(MessageFault(Trouble.DISCONNECT, skip=20, torn=torn))
        with pytest.raises(load_ccxt().NetworkError):
            await heard(ccxt, 10_000)
        again = await heard(ccxt, 50)
        assert again[-50:] == perfect(fake.histories[SYM], again[-50][0], 50)
        assert fake.websockets.subscribed[TRADES] == 2


async def test_a_silent_connection_stands_and_goes_on_later() -> None:
    async with serving("binance", plan=FAST) as fake, client(fake) as ccxt:
        fake.websockets.message_faults.switched.append(MessageFault(Trouble.SILENCE, skip=20, ms=400))
        rows = await heard(ccxt, 60)
        assert any(behind[0] > before[0] + 1 for before, behind in pairwise(rows)), "what came meanwhile is lost"
        assert fake.websockets.subscribed[TRADES] == 1


async def test_a_field_of_another_type_never_reads_as_another_trade() -> None:
    async with serving("binance", plan=FAST) as fake:
        fake.websockets.message_faults.switched.append(MessageFault(Trouble.WRONG_TYPE, times=60))
        async with socket(fake, f"ws/{TRADES}") as wire:
            told = [await wire.receive_json() for _ in range(60)]
        first = next(message["t"] for message in told if isinstance(message["t"], int))
        types: dict[str, type] = {"E": int, "T": int, "s": str, "t": int, "p": str, "q": str, "m": bool, "X": str}
        for message in told:
            wrong = [name for name, kind in types.items() if type(message[name]) is not kind]
            assert len(wrong) == 1
        assert len({type(message["p"]) for message in told}) > 1
        assert {message["t"] for message in told if isinstance(message["t"], int)} <= set(range(first - 60, first + 60))


async def test_the_venues_clock_jumps_and_comes_back() -> None:
    async with serving("binance", plan=TradePlan(rate=50)) as fake, client(fake) as ccxt:
        rows = await heard(ccxt, 5)
        before_ms = await ccxt.fetch_time()
        fake.websockets.jump(10 * S_MS, 2 * S_MS)
        assert await ccxt.fetch_time() >= before_ms + 10 * S_MS
        jumped = await heard(ccxt, 100)
        assert jumped == perfect(fake.histories[SYM], jumped[0][0], len(jumped))
        assert jumped[-1][1] >= rows[-1][1] + 5 * S_MS
        await until(lambda: fake.state.skew_ms == 0)


async def test_a_flood_gives_all_of_many_markets_in_order_of_time() -> None:
    plan = TradePlan(rate=100, count=300, flood=True)
    listings = markets("binance", 20)
    names = "/".join(f"{listing.id.lower()}@trade" for listing in listings)
    async with (
        serving("binance", plan=plan, listings=listings) as fake,
        socket(fake, f"stream?streams={names}") as wire,
    ):
        told = [(await wire.receive_json())["data"] for _ in range(20 * 300)]
        assert all(later["T"] >= trade["T"] - 10 for trade, later in pairwise(told))
        for sym, history in fake.histories.items():
            assert [t["t"] for t in told if t["s"] == sym] == [trade.id for trade in history.trades(0, 300)]


async def test_a_flood_waits_until_all_have_subscribed() -> None:
    plan = TradePlan(rate=100, count=50, flood=True, waits_for=2)
    async with serving("binance", plan=plan) as fake, socket(fake, f"ws/{TRADES}") as first:
        await until(lambda: fake.websockets.subscribed.total() == 1)
        assert fake.histories[SYM].upto(fake.state.now_ms()) == 0
        async with socket(fake, "ws/ethusdt@trade") as second:
            for wire in (first, second):
                assert [(await wire.receive_json())["t"] - FIRST_ID for _ in range(50)] == list(range(50))


async def test_what_is_not_watched_any_more_can_be_watched_again() -> None:
    async with serving("binance", plan=FAST) as fake, client(fake) as ccxt:
        await heard(ccxt, 10)
        await ccxt.un_watch_trades(BTC)
        again = await heard(ccxt, 10)
        assert again == perfect(fake.histories[SYM], again[0][0], len(again))
        assert fake.websockets.subscribed[TRADES] == 2


async def test_the_same_seed_gives_the_same_troubles() -> None:
    chances = dict.fromkeys(("gap", "duplicate", "reorder", "wrong_type", "late"), 0.01)

    async def told(seed: int) -> list[str]:
        plan = TradePlan(rate=1000, count=2000, flood=True, start_ms=1_700_000_000_000)
        async with serving("binance", plan=plan, seed=seed) as fake:
            fake.websockets.message_faults.change(chances=chances)
            async with socket(fake, f"ws/{TRADES}") as wire:
                messages = [await wire.receive_str() for _ in range(1500)]
            assert set(fake.websockets.message_faults.struck) == set(chances)
            return messages

    first, second, other = await told(3), await told(3), await told(4)
    assert first == second
    assert first != other


async def test_the_handshake_fails_by_the_same_switches_as_any_request() -> None:
    async with serving("binance", Fault(FaultMode.STATUS, "/ws/", status=429), plan=FAST) as fake, client(fake) as ccxt:
        with pytest.raises(load_ccxt().NetworkError):
            await heard(ccxt, 1)
        assert fake.websockets.subscribed[TRADES] == 0


async def test_a_client_that_went_is_forgotten() -> None:
    async with serving("binance", plan=FAST) as fake:
        async with client(fake) as ccxt:
            await heard(ccxt, 10)
            assert len(fake.websockets.open) == 1
        await until(lambda: not fake.websockets.open)


async def test_under_all_troubles_socket_and_rest_together_give_the_tape() -> None:
    plan = TradePlan(rate=2000)
    async with serving("binance", plan=plan) as fake:
        quick = {"late_ms": 50, "silence_ms": 20, "jump_ms": 50, "jump_for_ms": 20, "huge_bytes": 100_000}
        fake.websockets.message_faults.change(chances=dict.fromkeys(Trouble, 0.002), **quick)
        told: dict[int, Row] = {}
        while set(fake.websockets.message_faults.struck) != set(Trouble) or len(told) < 1000:
            async with client(fake) as ccxt:
                with suppress(TimeoutError, load_ccxt().NetworkError):
                    while True:  # until it is cut off, or ccxt has died of a wrong type
                        for trade in await asyncio.wait_for(ccxt.watch_trades(BTC, params=AGGREGATE), 0.5):
                            if None not in (trade["price"], trade["amount"], trade["timestamp"]):
                                told[number(trade)] = row({**trade, "id": number(trade)})
        told.pop(-1, None)
        first, last = min(told), max(told)
        expected = [
            (id_ - BEHIND, *rest) for id_, *rest in perfect(fake.histories[SYM], first + BEHIND, last - first + 1)
        ]
        async with client(fake) as ccxt:
            for missing in (id_ for id_ in range(first, last + 1) if id_ not in told):
                if missing not in told:
                    page = await ccxt.fetch_trades(BTC, limit=1000, params={"fromId": missing})
                    told |= {number(trade): row(trade) for trade in page if number(trade) not in told}
        assert [told[id_] for id_ in range(first, last + 1)] == expected
