"""The exchanges of which more is known than what ccxt tells: one module each, and a line in PROFILES."""

from shared.exchanges.binance import BinanceProfile
from shared.exchanges.bybit import BybitProfile
from shared.exchanges.okx import OkxProfile
from shared.exchanges.trading.profile import TradingProfile

PROFILES: dict[str, type[TradingProfile]] = {
    profile.name: profile for profile in (BinanceProfile, BybitProfile, OkxProfile)
}


def profile_of(exchange: str, kind: str) -> TradingProfile:
    """The profile of an exchange for `swap` or `spot`; of one that is not listed, that of which nothing is known.

    >>> profile_of("okx", "spot").facts.client_id, profile_of("kraken", "spot").facts.client_id
    ('clOrdId', 'clientOrderId')
    """
    return PROFILES.get(exchange, TradingProfile)(kind)
