import pytest

from shared.errors import ConfigError
from shared.exchanges.trading.ccxt_venue import CcxtVenue
from shared.exchanges.trading.options import VenueOptions
from tests.venues import KEYS


def test_an_account_holds_one_kind() -> None:
    markets = {"BTCUSDT": "BTC/USDT:USDT", "ETHUSDT": "ETH/USDT"}
    with pytest.raises(ConfigError, match="swaps and spot markets: an account here holds one kind"):
        CcxtVenue(VenueOptions("bybit", markets), KEYS)
