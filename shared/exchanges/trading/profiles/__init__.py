"""The exchanges of which more is known than what ccxt tells: one module each, and a line in PROFILES."""

from shared.exchanges.trading.profiles.binance import Binance
from shared.exchanges.trading.profiles.bybit import Bybit
from shared.exchanges.trading.profiles.okx import Okx
from shared.exchanges.trading.profiles.profile import ExchangeProfile

PROFILES: dict[str, type[ExchangeProfile]] = {profile.name: profile for profile in (Binance, Bybit, Okx)}


def profile_of(exchange: str, kind: str) -> ExchangeProfile:
    """The profile of an exchange for `swap` or `spot`; of one that is not listed, that of which nothing is known.

    >>> profile_of("okx", "spot").facts.client_id, profile_of("kraken", "spot").facts.client_id
    ('clOrdId', 'clientOrderId')
    """
    return PROFILES.get(exchange, ExchangeProfile)(kind)
