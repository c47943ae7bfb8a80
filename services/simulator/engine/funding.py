"""Funding rates of the simulator's swaps: settled at whole hours, the same whenever they are asked for."""

from decimal import Decimal
from typing import NamedTuple
from zlib import crc32

HOURS_8_MS = 28_800_000
MOST = 20_000  # of 1e-8: 0.02 %


class FundingRate(NamedTuple):
    """A rate and when it was settled."""

    at_ms: int
    rate: Decimal


def funding_rates(id_: str, start_ms: int, end_ms: int, every_ms: int = HOURS_8_MS) -> list[FundingRate]:
    """Returns a market's rates from `start_ms` to `end_ms`, both included, the newest last.

    - every_ms: how long it is from one to the next.

    >>> [rate.at_ms for rate in funding_rates("BTCUSDT", 1, 2 * HOURS_8_MS)]
    [28800000, 57600000]
    """
    first_ms = -(-start_ms // every_ms) * every_ms
    return [FundingRate(at_ms, _rate(id_, at_ms)) for at_ms in range(first_ms, end_ms + 1, every_ms)]


def _rate(id_: str, at_ms: int) -> Decimal:
    return Decimal(crc32(f"{id_}:{at_ms}".encode()) % (2 * MOST + 1) - MOST).scaleb(-8)
