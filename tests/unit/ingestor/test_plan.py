"""From the config to the venues' options, and each symbol's stage by those of its venue."""

from decimal import Decimal
from typing import Any

import pytest

from services.ingestor.plan import live_options, live_spec
from shared.config import load_settings
from shared.exchanges.market_data.events import Clock, Connected, Trade
from shared.messages import MarketTick

S_NS = 1_000_000_000
START = 1_730_203_200 * S_NS
BTC, ETH = {"BTCUSDT": "BTC/USDT:USDT"}, {"ETHUSDT": "ETH/USDT"}


def options(**ingestor: Any) -> Any:
    symbols = [sym for own in (ingestor, *ingestor.get("venues", {}).values()) for sym in own.get("markets", ())]
    return live_options(load_settings(symbols=symbols, ingestor={"source": "ccxt", "warm_bars": 0, **ingestor}))


def test_one_venue_is_called_by_its_exchange() -> None:
    (own,) = options(exchange="binance", markets=BTC, grace_s=0.5)
    assert (own.venue, own.section, own.markets, own.grace_ns) == ("binance", "[ingestor]", BTC, S_NS // 2)


def test_venues_are_asked_for_an_interval_as_they_write_it() -> None:
    for given, asked in (("60s", "1m"), ("720m", "12h"), ("24h", "1d"), ("90m", "90m"), ("trade", "trade")):
        ingestor = {"source": "ccxt", "exchange": "binance", "markets": BTC}
        (own,) = live_options(load_settings(symbols=list(BTC), interval=given, ingestor=ingestor))
        assert own.interval == asked


def test_several_are_called_by_their_names() -> None:
    perp, okx = options(venues={"perp": {"exchange": "binance", "markets": BTC}, "okx": {"markets": ETH}})
    assert (perp.venue, perp.exchange, perp.section) == ("perp", "binance", "[ingestor.venues.perp]")
    assert (okx.venue, okx.exchange, okx.markets) == ("okx", "okx", ETH)


def test_a_symbol_is_by_the_rules_of_its_venue() -> None:
    """The bar closes when a trade is past its end by the grace of the venue."""
    perp = {"exchange": "binance", "markets": BTC, "grace_s": 0}
    plan = live_spec(options(venues={"perp": perp, "okx": {"markets": ETH, "grace_s": 5, "silence_s": 0}}), "ingestor")
    came: dict[str, list[MarketTick]] = {}
    for sym in ("BTCUSDT", "ETHUSDT"):
        stage: Any = plan.make_stage(sym)
        events = [Clock(START), Connected()]
        events += [Trade(i, START + i * S_NS // 2, Decimal(100 + i), Decimal(1)) for i in range(8)]
        came[sym] = [message for event in events for message in stage.on_tick(event) or []]
    assert [tick.venue for tick in came["BTCUSDT"]] == ["perp"] * 3
    assert came["ETHUSDT"] == []


def test_a_symbol_does_not_go_on_with_another_series() -> None:
    """Its features would be made of both."""

    def stage(interval: str, market: str) -> Any:
        own = {"source": "ccxt", "exchange": "binance", "markets": {"BTCUSDT": market}}
        settings = load_settings(symbols=["BTCUSDT"], interval=interval, ingestor=own)
        return live_spec(live_options(settings), "ingestor").make_stage("BTCUSDT")

    state = stage("60s", "BTC/USDT").state()
    stage("1m", "BTC/USDT").restore(state)
    for interval, market in (("5m", "BTC/USDT"), ("1m", "BTC/USDT:USDT")):
        line = f"its series is of 1m of BTC/USDT at binance, not of {interval} of {market} at binance"
        with pytest.raises(ValueError, match=line):
            stage(interval, market).restore(state)
