import pytest

from services.gateway.venues.ccxt_venue import CcxtVenue
from services.gateway.venues.options import VenueOptions
from shared.errors import ConfigError
from tests.venues import KEYS


def test_an_account_holds_one_kind() -> None:
    markets = {"BTCUSDT": "BTC/USDT:USDT", "ETHUSDT": "ETH/USDT"}
    with pytest.raises(ConfigError, match="swaps and spot markets: an account here holds one kind"):
        CcxtVenue(VenueOptions("bybit", markets), KEYS)
