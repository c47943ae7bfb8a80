"""The fingerprint stands for everything that an arming covers, so that another config is not armed."""

import hashlib
import json
from decimal import Decimal
from pathlib import Path

from shared.config.gateway import SECRETS
from shared.config.settings import Settings

# Every other setting of the gateway counts, so that a new one counts without a change here.
NOT_ARMED = {*SECRETS, "keys_dir", "journal", "fake_url", "timeout_s", "reconcile_s", "markets_s", "markets_pause_s"}
LIVE_DATA = {"exchange", "markets", "price", "stream", "base_url"}


def config_hash(settings: Settings) -> str:
    """Returns the sha256, in hex, of what a config says about which orders go where; it covers no secret and no folder.

    Who decides, with model and code, is not in it: each order carries that.

    >>> a, b = Settings(), Settings(interval="5m")
    >>> config_hash(a) == config_hash(a) != config_hash(b)
    True
    """
    armed = {
        "version": 2,
        "interval": settings.interval,
        "symbols": sorted(settings.symbols),
        "source": settings.ingestor.source,
        "strategy": settings.strategy.model_dump(),
        "gateway": settings.gateway.model_dump(exclude=NOT_ARMED),
    }
    if settings.ingestor.source == "ccxt":
        own = settings.ingestor
        venues = {name: venue.model_dump(include=LIVE_DATA) for name, venue in own.venues.items()}
        armed["data"] = venues or own.model_dump(include=LIVE_DATA)
    return hashlib.sha256(json.dumps(armed, sort_keys=True, default=_plain).encode()).hexdigest()


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no plain form: exclude it, or say here how it is written")
