"""The registry names the exchanges of which more is known than what ccxt tells. To add one: its folder, and its line.

Exchanges of which only the prints are known stand here, without a module. The letters are explained in profile.py.
"""

from collections.abc import Mapping
from typing import Any

from shared.exchanges.profile import ExchangeProfile, MarketDataProfile
from shared.exchanges.trading.profile import TradingProfile
from shared.exchanges.trading.stop_profile import StopProfile
from shared.registry import Registry

PROFILES = Registry[ExchangeProfile](
    {
        "binance": "shared.exchanges.binance.profile:BINANCE",
        "binanceusdm": "shared.exchanges.binance.profile:BINANCE_USD_M",
        "binancecoinm": "shared.exchanges.binance.profile:BINANCE_COIN_M",
        "binanceus": "shared.exchanges.binance.profile:BINANCE_US",
        "bybit": "shared.exchanges.bybit.profile:BYBIT",
        "okx": "shared.exchanges.okx.profile:OKX",
        "hyperliquid": "shared.exchanges.hyperliquid.profile:HYPERLIQUID",
        "gate": "shared.exchanges.registry:GATE",
        "deribit": "shared.exchanges.registry:DERIBIT",
        "krakenfutures": "shared.exchanges.registry:KRAKEN_FUTURES",
    }
)

# Of swaps; an exchange without a line has no stops here, and neither has spot.
STOP_PROFILES = Registry[type[StopProfile]](
    {
        "binance": "shared.exchanges.binance.stops:BinanceStops",
        "bybit": "shared.exchanges.bybit.stops:BybitStops",
        "hyperliquid": "shared.exchanges.hyperliquid.stops:HyperliquidStops",
        "okx": "shared.exchanges.okx.stops:OkxStops",
    }
)


def _gate_off_book(raw: Mapping[str, Any]) -> bool:
    """P: futures trades: is_internal, the insurance fund or ADL, is not in the candles either."""
    return raw.get("is_internal") is True


def _deribit_off_book(raw: Mapping[str, Any]) -> bool:
    """P: public/get_last_trades_by_instrument: block_trade_id and combos' legs stand beside the book."""
    return raw.get("block_trade_id") is not None


def _kraken_futures_off_book(raw: Mapping[str, Any]) -> bool:
    """C: krakenfutures.parse_trade: fill, liquidation, assignment, termination; P: block, too."""
    return raw.get("type") in ("assignment", "termination", "block")


GATE = ExchangeProfile("gate", MarketDataProfile(off_book=_gate_off_book))
DERIBIT = ExchangeProfile("deribit", MarketDataProfile(off_book=_deribit_off_book))
KRAKEN_FUTURES = ExchangeProfile("krakenfutures", MarketDataProfile(off_book=_kraken_futures_off_book))


def profile_of(exchange: str) -> ExchangeProfile:
    """Returns what is known of an exchange; of one that is not listed, that ccxt makes the same for all."""
    return PROFILES[exchange] if exchange in PROFILES else ExchangeProfile(exchange)


def market_data_profile(exchange: str) -> MarketDataProfile:
    """Returns how an exchange's prices are read.

    >>> market_data_profile("binance").consecutive, market_data_profile("kraken").consecutive
    (True, False)
    """
    return profile_of(exchange).market_data


def trading_profile(exchange: str, kind: str) -> TradingProfile:
    """Returns how `swap` or `spot` is traded at an exchange; where that is not known, what ccxt has for all.

    >>> trading_profile("okx", "spot").facts.client_id, trading_profile("kraken", "spot").facts.client_id
    ('clOrdId', 'clientOrderId')
    """
    return trading_class(exchange)(kind)


def trading_class(exchange: str) -> type[TradingProfile]:
    """Returns the trading half of an exchange's profile; where there is none, what ccxt has for all."""
    return profile_of(exchange).trading or TradingProfile


def stop_profile(exchange: str, kind: str) -> StopProfile:
    """Returns what a stop is at an exchange, of `swap` or `spot`.

    >>> stop_profile("okx", "swap").form.told_id, len(stop_profile("okx", "spot").form.kinds)
    (True, 0)
    """
    made = STOP_PROFILES[exchange] if kind == "swap" and exchange in STOP_PROFILES else StopProfile
    return made(trading_profile(exchange, kind).facts)


def traded() -> list[str]:
    """Returns the exchanges of which it is known how they are traded.

    >>> traded()
    ['binance', 'bybit', 'okx', 'hyperliquid']
    """
    return [name for name, profile in PROFILES.items() if profile.trading is not None]
