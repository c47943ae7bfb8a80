"""The kinds of history: their columns, and how ccxt's answers become rows. Pure."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from services.research.download.rows import Row, digits
from shared.errors import VenueError

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class KindName(StrEnum):
    """As written on the command line."""

    OHLCV = "ohlcv"
    TRADES = "trades"
    FUNDING = "funding"


class Kind(NamedTuple):
    """has: ccxt's name of the method. columns: of a row's values; `id` follows them where rows have one.

    limit: rows to ask for at once. cut_from: a page of at least so many may have been cut off by the venue.
    step_ms: how far to go on where the venue has nothing. late_ms: rows younger than this may still be incomplete.
    """

    name: KindName
    has: str
    columns: tuple[str, ...]
    has_id: bool
    limit: int
    cut_from: int
    step_ms: int
    late_ms: int
    row: Callable[[Any], Row | None]


def _bar(answer: Sequence[Any]) -> Row | None:
    values = tuple(digits(value) for value in answer[1:6])
    return None if None in values[:4] else Row(int(answer[0]), "", values)  # a bar without prices is a gap


def _trade(answer: Mapping[str, Any]) -> Row | None:
    if answer["id"] is None:
        raise VenueError("the exchange gives its trades no id, so repeated ones cannot be told: take another exchange")
    values = digits(answer["price"]), digits(answer["amount"]), answer["side"]
    return Row(int(answer["timestamp"]), str(answer["id"]), values)


def _rate(answer: Mapping[str, Any]) -> Row | None:
    rate = digits(answer["fundingRate"])
    return None if rate is None else Row(int(answer["timestamp"]), "", (rate,))


KINDS: Mapping[KindName, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            KindName.OHLCV, "fetchOHLCV", ("open", "high", "low", "close", "volume"), has_id=False,
            limit=500, cut_from=100, step_ms=0, late_ms=0, row=_bar,
        ),
        Kind(
            KindName.TRADES, "fetchTrades", ("price", "amount", "side"), has_id=True,
            limit=1000, cut_from=1, step_ms=HOUR_MS, late_ms=60_000, row=_trade,
        ),
        Kind(
            KindName.FUNDING, "fetchFundingRateHistory", ("rate",), has_id=False,
            limit=100, cut_from=100, step_ms=30 * DAY_MS, late_ms=0, row=_rate,
        ),
    )
}  # fmt: skip
