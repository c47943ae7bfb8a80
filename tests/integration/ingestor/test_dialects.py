"""Each exchange's way of speaking: what it acknowledges, what it refuses; a silence from the start is noticed."""

from typing import Any

import pytest

from services.simulator.simulator import TradePlan
from services.simulator.websocket.faults import SubscriptionFault, SubscriptionTrouble
from shared.bus.memory_bus import MemoryBus
from shared.exchanges.registry import PROFILES
from shared.messages import Gap
from tests.integration.ingestor.line import BTC, S_NS, ingesting, new_bus, ticks, told, until_ticks
from tests.memory_wire import WiredSimulator, wired
from tests.until import until
from tests.virtual_time import virtually

PLAN = TradePlan(rate=8, past_ms=60_000, past_rate=3)
SWAP, SPOT = "BTC/USDT:USDT", "BTC/USDT"
# The simulator, ccxt's name of the exchange and the market, the exchange's own of the market.
EACH = [
    ("binance", "binance", SWAP, "BTCUSDT"),
    ("binance-spot", "binance", SPOT, "BTCUSDT"),
    ("okx", "okx", SWAP, "BTC-USDT-SWAP"),
    ("okx", "okx", SPOT, "BTC-USDT"),
    ("bybit", "bybit", SWAP, "BTCUSDT"),
    ("bybit-spot", "bybit", SPOT, "BTCUSDT"),
]
pytestmark = [
    pytest.mark.usefixtures("wires"),
    pytest.mark.parametrize(("venue", "exchange", "market", "id_"), EACH, ids=lambda value: value.replace("/", "")),
]


def listening(bus: MemoryBus, fake: WiredSimulator, exchange: str, market: str, **changed: Any) -> Any:
    """Each trade is a tick: then they come soon."""
    return ingesting(bus, fake.url, exchange=exchange, markets={BTC: market}, interval="trade", **changed)


async def check(bus: MemoryBus, fake: WiredSimulator, id_: str) -> None:
    """The next ticks are the history's trades, none is missing."""
    found = await until_ticks(bus, len(ticks(bus)) + 20, every_s=0.1)
    history, now_ms = fake.histories[id_], fake.state.now_ms()
    first = history.before(found[0].ts_event // 1_000_000, now_ms)
    trades = history.trades(first, history.upto(now_ms))
    at = next(at for at, trade in enumerate(trades) if trade.price == found[0].price)
    assert [tick.price for tick in found] == [trade.price for trade in trades[at : at + len(found)]]
    assert not [message for message in told(bus) if isinstance(message, Gap)]


@virtually()
async def test_ticks_are_the_bars_of_the_tape(venue: str, exchange: str, market: str, id_: str) -> None:
    bus = new_bus()
    async with wired(venue, plan=PLAN) as fake, listening(bus, fake, exchange, market) as ingestor:
        await until_ticks(bus, 20, every_s=0.1)
        await check(bus, fake, id_)
        assert ingestor.venue.troubles.said == []


def known_of(exchange: str, monkeypatch: pytest.MonkeyPatch, **changes: None) -> None:
    """Less is known of how an exchange's prices are read."""
    profile = PROFILES[exchange]
    less = profile.market_data._replace(**changes)
    monkeypatch.setitem(PROFILES, exchange, profile._replace(market_data=less))


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("what", [SubscriptionTrouble.MUTE, SubscriptionTrouble.UNANSWERED])
@virtually()
async def test_a_connection_that_is_silent_from_the_start_is_made_anew(
    venue: str,
    exchange: str,
    market: str,
    id_: str,
    what: SubscriptionTrouble,
    known: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """known: whether we can read the exchange's acknowledgements."""
    if not known:
        known_of(exchange, monkeypatch, acknowledged=None)
    bus = new_bus()
    async with wired(venue, plan=PLAN) as fake, listening(bus, fake, exchange, market, silence_ns=4 * S_NS) as ingestor:
        fake.websockets.subscription_faults.append(SubscriptionFault(what))
        await until_ticks(bus, 20, every_s=0.1)
        await check(bus, fake, id_)
        (said,) = ingestor.venue.troubles.said
        unheard = (
            "no data came over it" if what is SubscriptionTrouble.MUTE or not known else "not acknowledged within 2 s"
        )
        assert said == f"BTCUSDT connection: {unheard}: it is made anew"
        first_s, again_s, *_ = (at_s for at_s, path in fake.asked_s if "/ws" in path or "/public" in path)
        assert again_s - first_s < 10.0


@virtually()
async def test_candles_that_do_not_come_from_the_start_are_noticed(
    venue: str, exchange: str, market: str, id_: str
) -> None:
    bus = new_bus()
    options = {
        "markets": {BTC: market},
        "exchange": exchange,
        "interval": "1m",
        "stream": "candles",
        "silence_ns": S_NS,
    }
    async with wired(venue, plan=PLAN) as fake, ingesting(bus, fake.url, **options) as ingestor:
        fake.websockets.subscription_faults.append(SubscriptionFault(SubscriptionTrouble.MUTE))
        await until(lambda: fake.websockets.subscribed.total() == 2, within_s=300.0, every_s=0.5)
        assert ingestor.venue.troubles.said == ["BTCUSDT connection: no data came over it: it is made anew"]


@virtually()
async def test_a_refused_subscription_is_said_and_tried_again(venue: str, exchange: str, market: str, id_: str) -> None:
    bus = new_bus()
    async with wired(venue, plan=PLAN) as fake, listening(bus, fake, exchange, market) as ingestor:
        fake.websockets.subscription_faults.append(SubscriptionFault(SubscriptionTrouble.REFUSED))
        await until_ticks(bus, 20, every_s=0.1)
        await check(bus, fake, id_)
        (said,) = ingestor.venue.troubles.said
        assert said.startswith("BTCUSDT connection: ")
        assert "not acknowledged" not in said


@virtually()
async def test_what_ccxt_itself_raises_while_it_reads_ends_the_connection(
    venue: str, exchange: str, market: str, id_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_of(exchange, monkeypatch, trade=None)  # so that ccxt reads the trades
    bus, raised = new_bus(), list[int]()
    async with wired(venue, plan=PLAN) as fake, listening(bus, fake, exchange, market) as ingestor:
        ours, listener = ingestor.venue, ingestor.venue.listener

        def listening_badly(hooks: Any) -> Any:
            made = listener(hooks)
            parse = made.safe_trade

            def once(trade: Any, market: Any = None) -> Any:
                if not raised:
                    raised.append(1)
                    raise ours.ccxt.BadSymbol("a market that nobody knows")
                return parse(trade, market)

            made.safe_trade = once
            return made

        monkeypatch.setattr(ours, "listener", listening_badly)
        await until_ticks(bus, 20, every_s=0.1)
        await check(bus, fake, id_)
        assert raised
        assert ours.troubles.said == ["BTCUSDT connection: BadSymbol a market that nobody knows: it is made anew"]
