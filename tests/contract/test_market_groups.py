"""The contract of the groups on each dialect, each with 1, 2 and 30 markets: live and history give the same bits.

Live ticks, the bars that a later start fetches, and a download in a file: all have what the venue's trades add up to,
and of a swap the funding rate that was known. Best bids and asks have no history: live alone has them.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from services.ingestor.replay import ReplaySource
from services.ingestor.source import Quote
from services.research.download.download import Download
from services.research.download.history import PublicExchange
from services.research.download.job import make_job
from services.research.download.kinds import KindName
from services.simulator.dialects import markets
from services.simulator.engine.funding import HOURS_8_MS, funding_rates
from services.simulator.engine.listing import Listing
from services.simulator.engine.trade_history import TradeHistory
from services.simulator.hyperliquid.dialect import told_ms
from services.simulator.simulator import Simulator, TradePlan, serving
from shared.exchanges.market_data.offers import with_stream
from shared.exchanges.market_data.options import LiveOptions
from shared.messages import Gap, MarketTick
from shared.messages.market import BarGroup, FundingGroup, Group, QuoteGroup
from tests.integration.ingestor.line import BTC, OPTIONS, S_NS, ingesting_of, new_bus, ticks, told, until_ticks
from tests.simulator_venues import BINANCE_SPOT, HYPERLIQUID, SPOTS, SWAPS, Place, named
from tests.virtual_time import run_with_sockets

BARS, WARM, MINUTE_MS = 3, 4, 60_000
COUNTS = (1, 2, 30)
PLAN = TradePlan(rate=0.5, past_ms=10 * MINUTE_MS, past_rate=0.2)
TELLS_TRADES, TELLS_TAKERS = ("binance", "hyperliquid"), ("binance",)
HOURLY = [HYPERLIQUID]


def perfect(history: TradeHistory, end_ns: int, fake: Simulator, place: Place) -> BarGroup:
    """What the venue's trades add up to, as far as this exchange tells it."""
    bar, *_ = history.bar(end_ns // 1_000_000 - MINUTE_MS, MINUTE_MS, fake.state.now_ms())
    return BarGroup(
        open=float(bar.open), high=float(bar.high), low=float(bar.low), volume=float(bar.volume),
        quote_volume=None if place is HYPERLIQUID else float(bar.turnover),
        trades=bar.trades if place.exchange in TELLS_TRADES else None,
        taker_volume=float(bar.taken) if place.exchange in TELLS_TAKERS else None,
    )  # fmt: skip


async def ingested(place: Place, count: int, folder: Path) -> None:
    """Some bars of so many markets, heard; then the same out of history."""
    listings = {f"{one.base}USDT": one for one in markets(named(place), count)}
    names = {sym: place.market_of(one.base) for sym, one in listings.items()}
    async with serving(place.fake or place.exchange, plan=PLAN, listings=tuple(listings.values())) as fake:
        options: LiveOptions = replace(
            OPTIONS, exchange=place.exchange, markets=names, base_url=fake.url, interval="1m", grace_ns=3 * S_NS,
            warm_bars=WARM, groups=frozenset({Group.BAR, *([Group.FUNDING] if place.kind == "swap" else [])}),
        )  # fmt: skip
        options = with_stream(options)
        assert options.stream == "candles"
        heard = await heard_bars(options, listings, WARM + BARS)
        for sym, listing in listings.items():
            wanted = [perfect(fake.histories[listing.id], tick.ts_event, fake, place) for tick in heard[sym]]
            assert [tick.bar for tick in heard[sym]] == wanted
            known = [rate_known_at(place, listing, tick.ts_event) for tick in heard[sym]]
            assert [tick.funding for tick in heard[sym]] == (known if place.kind == "swap" else [None] * len(known))
        again = await heard_bars(replace(options, warm_bars=2 * (WARM + BARS)), listings, WARM + BARS)
        for sym in listings:
            fetched = {tick.ts_event: (tick.price, tick.bar, tick.funding) for tick in again[sym]}
            both = [tick for tick in heard[sym] if tick.ts_event in fetched]
            assert len(both) > BARS
            assert [(tick.price, tick.bar, tick.funding) for tick in both] == [fetched[tick.ts_event] for tick in both]
        if count == 1:
            await downloaded(fake, place, names[BTC], folder, {tick.ts_event: tick for tick in heard[BTC]})


def rate_known_at(place: Place, listing: Listing, end_ns: int) -> FundingGroup:
    """The last rate that was settled a minute before: at Hyperliquid, some ms behind its hour, of each rate others."""
    end_ms = end_ns // 1_000_000 - MINUTE_MS
    every_ms = HOURS_8_MS // 8 if place in HOURLY else HOURS_8_MS
    rates = funding_rates(listing.id, end_ms - 2 * every_ms, end_ms, every_ms)
    rate = [one for one in rates if place not in HOURLY or told_ms(listing.id, one.at_ms) <= end_ms][-1].rate
    return FundingGroup(rate=float(rate), interval_h=every_ms * 8 // HOURS_8_MS)


async def heard_bars(options: LiveOptions, listings: Mapping[str, Listing], count: int) -> dict[str, list[MarketTick]]:
    bus = new_bus(lease_s=60.0)
    async with ingesting_of(bus, options):
        for sym in listings:
            await until_ticks(bus, count, sym, within_s=600, every_s=1.0)
    for sym in listings:
        assert not [message for message in told(bus, sym) if isinstance(message, Gap)]
    return {sym: ticks(bus, sym) for sym in listings}


async def downloaded(fake: Simulator, place: Place, market: str, folder: Path, live: dict[int, MarketTick]) -> None:
    """The same bars out of the file that the download verb writes, through the source of a replay."""
    since = min(live) // S_NS - 60
    job = make_job(place.exchange, market, BTC, KindName.OHLCV, "1m", str(since), None, folder)
    kinds = {BINANCE_SPOT: ["spot"], HYPERLIQUID: ["swap"]}.get(place)
    loads = {"options": {"fetchMarkets": {"types": kinds}}} if kinds else None
    async with PublicExchange(place.exchange, base_url=fake.url, options=loads) as exchange:
        result = await Download(job, exchange).run()
    found: dict[int, Quote] = {}
    for path in result.files:
        source = ReplaySource({BTC: path}, "1m", wanted={Group.BAR})
        assert source.groups == {Group.BAR}
        found |= {quote.ts_event: quote for quote in source.open(BTC, 0).take(10_000) if isinstance(quote, Quote)}
    assert {end: (quote.price, quote.bar) for end, quote in found.items() if end in live} == {
        end: (tick.price, tick.bar) for end, tick in live.items()
    }


@pytest.mark.long
@pytest.mark.parametrize("place", SWAPS + SPOTS, ids=named)
def test_bars_of_live_and_of_history_are_the_same(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All at the same time."""

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as tasks:
            for count in COUNTS if place in SWAPS else (1,):
                tasks.create_task(ingested(place, min(count, 10) if place is HYPERLIQUID else count, tmp_path))

    run_with_sockets(all_of_them(), monkeypatch, clocks=True)


def best_before(history: TradeHistory, end_ns: int, fake: Simulator) -> QuoteGroup:
    """A tick below and above the last trade before then, with its quantity in base units."""
    count = history.before(end_ns // 1_000_000, fake.state.now_ms())
    (last,) = history.trades(count - 1, count)
    tick, qty = history.listing.tick, float(last.amount)
    return QuoteGroup(bid=float(last.price - tick), ask=float(last.price + tick), bid_qty=qty, ask_qty=qty)


async def quoted(place: Place) -> None:
    listings = {f"{one.base}USDT": one for one in markets(named(place), 2)}
    names = {sym: f"{one.base}/USDT:USDT" for sym, one in listings.items()}
    bus, plan = new_bus(lease_s=30.0), TradePlan(rate=15, past_ms=MINUTE_MS, past_rate=3)
    async with serving(place.fake or place.exchange, plan=plan, listings=tuple(listings.values())) as fake:
        options: LiveOptions = replace(
            OPTIONS, exchange=place.exchange, markets=names, base_url=fake.url, grace_ns=3 * S_NS,
            groups=frozenset({Group.QUOTE}),
        )  # fmt: skip
        async with ingesting_of(bus, options):
            for sym in listings:
                await until_ticks(bus, 6, sym, within_s=60)
        for sym, listing in listings.items():
            found = [(tick.ts_event, tick.quote) for tick in ticks(bus, sym)]
            heard = [(end, quote) for end, quote in found if quote is not None]
            assert len(heard) >= 4
            assert heard == found[-len(heard) :]  # before the first was heard there is none
            assert heard == [(end, best_before(fake.histories[listing.id], end, fake)) for end, _ in heard]


@pytest.mark.parametrize("place", [place for place in SWAPS if place is not HYPERLIQUID], ids=named)
def test_quotes_are_the_best_before_the_bars_end(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    run_with_sockets(quoted(place), monkeypatch, clocks=True)
