"""How many orders were sent within the last minute, counted by the second."""

from collections.abc import Mapping

from shared.journal.rows import LimitRow
from shared.messages.codec import keep, kept
from shared.record import Record, unvalidated

LIMIT = "orders_per_minute"
WINDOW_S = 60


class SentOrders(Record):
    """seconds: since 1970, in their order. orders: how many were sent in each."""

    seconds: list[int]
    orders: list[int]


_sent = unvalidated(SentOrders)  # an order waits for it


def sent(limits: Mapping[str, bytes], now_ms: int) -> int:
    """Orders whose second began at most 60 s before the present one, or lies ahead of it: never too few."""
    return sum(count for _, count in _counts(limits, now_ms))


def one_more(limits: Mapping[str, bytes], now_ms: int) -> LimitRow:
    """The counts with one order more, sent now. At most 62 seconds are kept."""
    counts = dict(_counts(limits, now_ms))
    second = now_ms // 1_000
    counts[second] = counts.get(second, 0) + 1
    seconds = sorted(counts)
    return LimitRow(LIMIT, keep(_sent(seconds=seconds, orders=[counts[at] for at in seconds])))


def _counts(limits: Mapping[str, bytes], now_ms: int) -> list[tuple[int, int]]:
    if LIMIT not in limits:
        return []
    first = now_ms // 1_000 - WINDOW_S
    saved = kept(SentOrders, limits[LIMIT])
    return [(at, count) for at, count in zip(saved.seconds, saved.orders, strict=True) if at >= first]
