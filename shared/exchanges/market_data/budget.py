"""How often something may be done."""

import time
from collections import deque
from collections.abc import Callable


class Budget:
    """At most so many times in any `window_s`; most: 0 is no bound.

    >>> now = [0.0]
    >>> budget = Budget(2, window_s=60.0, clock=lambda: now[0])
    >>> [budget.take() for _ in range(3)], now.append(now.pop() + 60.0), budget.take()
    ([True, True, False], None, True)
    """

    def __init__(self, most: int, window_s: float = 60.0, clock: Callable[[], float] | None = None) -> None:
        self._most, self._window_s, self._clock = most, window_s, clock or time.monotonic
        self._taken: deque[float] = deque()

    def take(self) -> bool:
        """Whether it may be done once more now; it counts as done then."""
        now = self._clock()
        while self._taken and now - self._taken[0] >= self._window_s:
            self._taken.popleft()
        if self._most and len(self._taken) >= self._most:
            return False
        self._taken.append(now)
        return True
