"""The exchanges of which more is known than what ccxt tells: a module and a line in PROFILES each.

Those of which only one thing is known stand here, without a module. The letters are explained in profile.py.
"""

from collections.abc import Mapping
from typing import Any

from shared.exchanges.binance import BINANCE, BINANCE_COIN_M, BINANCE_US, BINANCE_USD_M
from shared.exchanges.bybit import BYBIT
from shared.exchanges.okx import OKX
from shared.exchanges.profile import ExchangeProfile, MarketDataProfile
from shared.exchanges.trading.profile import TradingProfile


def _gate_off_book(raw: Mapping[str, Any]) -> bool:
    """P: futures trades: is_internal, the insurance fund or ADL, is not in the candles either."""
    return raw.get("is_internal") is True


def _deribit_off_book(raw: Mapping[str, Any]) -> bool:
    """P: public/get_last_trades_by_instrument: block_trade_id and combos' legs stand beside the book."""
    return raw.get("block_trade_id") is not None


def _kraken_futures_off_book(raw: Mapping[str, Any]) -> bool:
    """C: krakenfutures.parse_trade: fill, liquidation, assignment, termination; P: block, too."""
    return raw.get("type") in ("assignment", "termination", "block")


PROFILES: dict[str, ExchangeProfile] = {
    profile.exchange: profile
    for profile in (
        BINANCE,
        BINANCE_USD_M,
        BINANCE_COIN_M,
        BINANCE_US,
        BYBIT,
        OKX,
        ExchangeProfile("gate", MarketDataProfile(off_book=_gate_off_book)),
        ExchangeProfile("deribit", MarketDataProfile(off_book=_deribit_off_book)),
        ExchangeProfile("krakenfutures", MarketDataProfile(off_book=_kraken_futures_off_book)),
    )
}
TRADED = {profile.exchange: profile.trading for profile in PROFILES.values() if profile.trading is not None}


def market_data_profile(exchange: str) -> MarketDataProfile:
    """Returns how an exchange's prices are read; of one without a profile, what ccxt makes the same for all.

    >>> market_data_profile("binance").consecutive, market_data_profile("kraken").consecutive
    (True, False)
    """
    return PROFILES.get(exchange, ExchangeProfile(exchange)).market_data


def trading_profile(exchange: str, kind: str) -> TradingProfile:
    """Returns how `swap` or `spot` is traded at an exchange; at one that is not in TRADED, what ccxt has for all.

    >>> trading_profile("okx", "spot").facts.client_id, trading_profile("kraken", "spot").facts.client_id
    ('clOrdId', 'clientOrderId')
    """
    return TRADED.get(exchange, TradingProfile)(kind)
