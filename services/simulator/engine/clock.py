"""The venue's time: this machine's, or one that runs as fast as clients take what has happened."""

import time

NS = 1_000_000


class Clock:
    """This machine's."""

    def now_ms(self) -> int:
        """Since 1970 UTC."""
        return time.time_ns() // NS

    def pass_on(self) -> bool:
        """Let time pass, if that is ours to do: whether it did."""
        return False


class FloodClock(Clock):
    """Stands until somebody has taken all that has happened, then goes on by `step_ms`: for benchmarks.

    until_ms: it ends there.
    """

    def __init__(self, start_ms: int, step_ms: int = 10, until_ms: int | None = None) -> None:
        self._now_ms, self._step_ms, self._until_ms = start_ms, step_ms, until_ms

    def now_ms(self) -> int:
        """Since 1970 UTC."""
        return self._now_ms

    def pass_on(self) -> bool:
        """Go on by one step."""
        if self._until_ms is not None and self._now_ms >= self._until_ms:
            return False
        self._now_ms += self._step_ms
        return True
