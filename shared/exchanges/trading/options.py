"""Which account of which venue, and how it is used."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class VenueOptions:
    """exchange: ccxt's name. markets: symbol -> ccxt's market, e.g. {"BTCUSDT": "BTC/USDT:USDT"}.

    leverage: of every swap, isolated. allow_unlisted: an exchange that facts.py does not know. base_url: instead of the
    exchange's hosts. timeout_s: of one request. attempts: of a read. throttled: reads are
    spaced as ccxt knows the venue wants it; orders never are.
    """

    exchange: str
    markets: Mapping[str, str]
    mode: Literal["testnet", "live"] = "testnet"
    leverage: int = 1
    allow_unlisted: bool = False
    base_url: str = ""
    timeout_s: float = 10.0
    attempts: int = 5
    throttled: bool = True
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def kinds(self) -> frozenset[str]:
        """What its markets are, `swap` or `spot`.

        >>> sorted(VenueOptions("okx", {"A": "A/USDT", "B": "B/USDT:USDT"}).kinds)
        ['spot', 'swap']
        """
        return frozenset("swap" if ":" in market else "spot" for market in self.markets.values())
