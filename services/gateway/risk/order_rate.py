"""How many orders were sent within the last minute, counted by the second."""

from collections.abc import Mapping

from shared.journal.rows import LimitRow
from shared.messages.codec import pack, unpack

LIMIT = "orders_per_minute"
WINDOW_S = 60


def sent(limits: Mapping[str, bytes], now_ms: int) -> int:
    """Orders whose second began at most 60 s before the present one, or lies ahead of it: never too few."""
    return sum(count for _, count in _counts(limits, now_ms))


def one_more(limits: Mapping[str, bytes], now_ms: int) -> LimitRow:
    """The counts with one order more, sent now. At most 62 seconds are kept."""
    counts = dict(_counts(limits, now_ms))
    second = now_ms // 1_000
    counts[second] = counts.get(second, 0) + 1
    return LimitRow(LIMIT, pack([[at, count] for at, count in sorted(counts.items())]))


def _counts(limits: Mapping[str, bytes], now_ms: int) -> list[tuple[int, int]]:
    if LIMIT not in limits:
        return []
    first = now_ms // 1_000 - WINDOW_S
    saved = unpack(limits[LIMIT])
    if not isinstance(saved, list):
        raise ValueError(f"the limit {LIMIT} is no list of counts: {saved!r:.80}")
    return [(at, count) for at, count in saved if at >= first]
