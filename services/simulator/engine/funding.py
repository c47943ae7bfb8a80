"""Funding rates of the simulator's swaps: settled every eight hours, the same whenever they are asked for."""

from decimal import Decimal
from typing import NamedTuple
from zlib import crc32

HOURS_8_MS = 28_800_000
MOST = 20_000  # of 1e-8: 0.02 %


class FundingRate(NamedTuple):
    """A rate and when it was settled."""

    at_ms: int
    rate: Decimal


def funding_rates(id_: str, start_ms: int, end_ms: int) -> list[FundingRate]:
    """Returns a market's rates from `start_ms` to `end_ms`, both included, the newest last.

    >>> [rate.at_ms for rate in funding_rates("BTCUSDT", 1, 2 * HOURS_8_MS)]
    [28800000, 57600000]
    """
    first_ms = -(-start_ms // HOURS_8_MS) * HOURS_8_MS
    return [FundingRate(at_ms, _rate(id_, at_ms)) for at_ms in range(first_ms, end_ms + 1, HOURS_8_MS)]


def _rate(id_: str, at_ms: int) -> Decimal:
    return Decimal(crc32(f"{id_}:{at_ms}".encode()) % (2 * MOST + 1) - MOST).scaleb(-8)
