"""The venue that a config means."""

from typing import Literal

from pydantic import SecretStr

from shared.config import Mode, Settings
from shared.config.gateway import read_keys
from shared.errors import ConfigError
from shared.exchanges.trading.ccxt_venue import CcxtVenue
from shared.exchanges.trading.options import Credentials, VenueOptions
from shared.exchanges.trading.venue import Venue

FAKE_KEYS = Credentials(SecretStr("fake-key"), SecretStr("fake-secret"), SecretStr("fake-password"))
FAKE_EXCHANGE = "binance"


def make_venue(settings: Settings) -> Venue:
    """Not opened yet; nothing is asked here. Raises ConfigError or SafetyRefusal."""
    return CcxtVenue(venue_options(settings), _credentials(settings))


def venue_options(settings: Settings) -> VenueOptions:
    """What the config says of the venue; ConfigError in paper, which has none."""
    own = settings.gateway
    if own.mode is Mode.PAPER:
        raise ConfigError("config: gateway.mode is paper: there is no venue to speak to")
    fake = own.venue == "fake"
    mode: Literal["testnet", "live"] = "live" if own.mode is Mode.LIVE else "testnet"
    return VenueOptions(
        exchange=own.exchange or (FAKE_EXCHANGE if fake else ""),
        markets=own.markets,
        mode=mode,
        leverage=own.leverage,
        allow_unlisted=own.allow_unlisted,
        base_url=own.fake_url if fake else "",
        timeout_s=own.timeout_s,
        throttled=not fake,
    )


def _credentials(settings: Settings) -> Credentials:
    own = settings.gateway
    if own.venue == "fake" and own.keys_dir is None and not own.api_key:
        return FAKE_KEYS
    keys = read_keys(own)
    return Credentials(keys.api_key, keys.api_secret, keys.api_password if keys.api_password else None)
