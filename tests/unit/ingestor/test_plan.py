"""From the config to the venues' options, and each symbol's stage by those of its venue."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.ingestor.plan import live_options, live_spec, make_source, require_live
from shared.config import Settings, load_settings
from shared.errors import ConfigError
from shared.exchanges.market_data.events import Clock, Connected, Trade
from shared.messages import MarketTick
from shared.messages.market import BarGroup, Group

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


def settled(**changed: Any) -> Settings:
    return load_settings(symbols=list(BTC), interval="1m", run_id="r", signal={"model": "none"}, **changed)


def live(**ingestor: Any) -> Any:
    settings = settled(ingestor={"source": "ccxt", "exchange": "binance", "markets": BTC, **ingestor})
    return require_live(settings, live_options(settings))


def test_the_bar_group_is_of_candles_and_of_trades_where_there_are_none() -> None:
    (prices,) = live()
    assert (prices.stream, prices.groups) == ("trades", frozenset())
    (bars,) = live(groups=["bar"])
    assert (bars.stream, bars.groups) == ("candles", {Group.BAR})
    swap = {"BTCUSDT": "BTC/USDT:USDT"}
    settings = settled(ingestor={"source": "ccxt", "exchange": "binance", "markets": swap, "groups": ["bar"]})
    own = live_options(settings.model_copy(update={"interval": "1s"}))
    assert require_live(settings, own)[0].stream == "trades", "ccxt lists 1s, and Binance's futures do not have it"
    (odd,) = require_live(settings, live_options(settings.model_copy(update={"interval": "90s"})))
    assert odd.stream == "trades"


@pytest.mark.parametrize(
    ("ingestor", "said"),
    [
        (
            {"groups": ["funding"], "markets": {"BTCUSDT": "BTC/USDT"}},
            "ingestor.groups names funding, which source ccxt of binance does not give",
        ),
        ({"groups": ["bar"], "price": "mid"}, "names bar, which source ccxt of binance"),
        ({"groups": ["quote"], "websocket": False}, "names quote, which source ccxt of binance"),
    ],
)
def test_what_an_exchange_does_not_give_is_refused_by_name(ingestor: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        live(**ingestor)


def test_who_took_is_told_by_candles_of_binance_alone(tmp_path: Path) -> None:
    """What a source does not tell of a bar is refused at the start, by name, whether it is an exchange or a file."""
    card = {
        "name": "taken", "model": "LinearModel", "features": ["taker_imbalance(1)"], "no_features": 1, "needs": ["bar"],
        "fields": ["taker_volume"], "symbols": ["*"], "interval": "1m", "sha256": "0" * 64, "origin": "a test",
    }  # fmt: skip
    (tmp_path / "taken.json").write_text(json.dumps(card))

    def of(**more: Any) -> Settings:
        given: dict[str, Any] = {
            "signal": {"model": str(tmp_path / "taken.json")},
            "symbols": list(BTC),
            "run_id": "r",
        } | more
        ingestor = {"source": "ccxt", "exchange": "binance", "markets": BTC} | given.pop("ingestor", {})
        return load_settings(**{"interval": "1m", **given, "ingestor": ingestor})

    def refused(settings: Settings) -> str:
        with pytest.raises(ConfigError) as caught:
            require_live(settings, live_options(settings))
        return str(caught.value)

    assert require_live(of(), live_options(of()))[0].stream == "candles"
    for exchange in ("bybit", "okx"):
        said = refused(of(ingestor={"exchange": exchange}))
        assert f"taken needs taker_volume of each bar, but source ccxt of {exchange} tells volume and quote_vol" in said
    assert "binance tells volume and quote_volume and trades only" in refused(of(interval="30s"))
    (tmp_path / "bars.csv").write_text("datetime,open,high,low,close,volume\n2024-10-29T00:00,2,5,1,4,9\n")
    with pytest.raises(ConfigError, match=r"but replay of .*bars\.csv tells volume only: take a source that tells it"):
        make_source(of(ingestor={"source": "replay", "files": {"BTCUSDT": tmp_path / "bars.csv"}}))


def test_single_trades_have_no_groups() -> None:
    settings = settled(ingestor={"source": "ccxt", "exchange": "binance", "markets": BTC, "groups": ["bar"]})
    with pytest.raises(ConfigError, match=r"ingestor.groups names bar, which source ccxt of binance does not give"):
        require_live(settings, live_options(settings.model_copy(update={"interval": "trade"})))


def test_what_a_file_or_a_simulated_market_does_not_have_is_refused_by_name(tmp_path: Path) -> None:
    bars, prices = tmp_path / "bars.csv", tmp_path / "prices.csv"
    bars.write_text("datetime,open,high,low,close,volume\n2024-10-29,2,5,1,4,9\n2024-10-30,2,5,1,4,9\n")
    prices.write_text("datetime,price\n2024-10-29,2\n2024-10-30,2\n")

    def source(**ingestor: Any) -> Any:
        return make_source(settled(ingestor={"source": "replay", "groups": ["bar"], **ingestor}))

    (quote, _) = source(files={"BTCUSDT": bars}).open("BTCUSDT", 0).take(2)
    assert quote.bar == BarGroup(open=2.0, high=5.0, low=1.0, volume=9.0)
    with pytest.raises(ConfigError, match=r"names bar, which replay of .*prices.csv does not give: leave it out"):
        source(files={"BTCUSDT": prices})
    with pytest.raises(ConfigError, match="names quote, which replay of"):
        source(files={"BTCUSDT": bars}, groups=["quote"])
    for name in ("simulated", "fake"):
        with pytest.raises(ConfigError, match=f"names bar, which source {name} does not give"):
            source(source=name)


def test_what_a_card_needs_a_source_must_give(tmp_path: Path) -> None:
    prices = tmp_path / "prices.csv"
    prices.write_text("datetime,price\n2024-10-29T00:00,2\n2024-10-29T12:00,2\n")
    card = json.loads(Path("weights/btcusdt_12h_linear.json").read_text())
    (tmp_path / "mine.json").write_text(json.dumps({**card, "needs": ["bar"]}))
    own = {"source": "replay", "files": {"BTCUSDT": prices}}
    settings = load_settings(
        symbols=["BTCUSDT"], interval="12h", run_id="r", ingestor=own, signal={"model": str(tmp_path / "mine.json")}
    )
    with pytest.raises(ConfigError, match=r"needs bar, but replay of .*prices.csv gives the price only"):
        make_source(settings)
