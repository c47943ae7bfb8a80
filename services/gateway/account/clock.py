"""Times as a person reads them."""

import time
from datetime import UTC, datetime


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def utc(at_ms: int) -> str:
    """To the second.

    >>> utc(1_763_985_600_000)
    '2025-11-24 12:00:00 UTC'
    """
    return f"{datetime.fromtimestamp(at_ms // 1_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
