"""What an answer about the venue's time says of its clock. Pure."""

SLOW_MS = 1_000


def ahead_ms(before_ms: int, told_ms: int, after_ms: int, known_ms: int | None) -> int:
    """How far the venue's clock is ahead of ours. before_ms, after_ms: ours, around the answer. known_ms: until now.

    Half the way is taken off:

    >>> ahead_ms(1_000, 3_020, 1_040, 5)
    2000

    An answer that took long may have waited anywhere on the way: what was known stays, as far as the answer allows it.

    >>> ahead_ms(1_000, 8_010, 8_020, 5), ahead_ms(1_000, 8_010, 8_020, -700)
    (5, -10)
    """
    if known_ms is None or after_ms - before_ms <= SLOW_MS:
        return told_ms - (before_ms + after_ms) // 2
    return min(max(known_ms, told_ms - after_ms), told_ms - before_ms)
