"""A backoff says how long to wait before the next attempt; a budget, how often one may be made at all."""

import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

ATTEMPTS = 7
FIRST_ATTEMPTS = 4  # to reach the exchange at all
FIRST_S = 0.5
MOST_S = 30.0
SPREAD = 0.25  # of a pause, at most
LONGEST_S = 300.0  # an exchange that wants longer has banned us: say so instead of waiting


def wait_s(
    attempt: int, attempts: int, retry_after_s: float | None, first_s: float = FIRST_S, longest_s: float = LONGEST_S
) -> float | None:
    """Returns the seconds before the next attempt, after `attempt` (from 1) of `attempts` has failed; None: give up.

    >>> wait_s(1, 7, None), wait_s(3, 7, None), wait_s(3, 7, 20.0), wait_s(7, 7, None), wait_s(1, 7, 86_400.0)
    (0.5, 2.0, 20.0, None, None)
    """
    longer = max(min(first_s * 2 ** (attempt - 1), MOST_S), retry_after_s or 0.0)
    return None if attempt >= attempts or longer > longest_s else longer


def jittered(pause_s: float, dice: Callable[[], float] = random.random) -> float:
    """Returns the pause, up to a quarter longer: those that an exchange has cut off together must not return together.

    - dice: from 0 to 1.

    >>> jittered(8.0, lambda: 0.0), jittered(8.0, lambda: 0.5)
    (8.0, 9.0)
    """
    return pause_s * (1 + SPREAD * dice())


def retry_after_s(headers: Mapping[str, str] | None) -> float | None:
    """Returns what a `Retry-After` asks for, in seconds or as a date; None where there is none that can be read.

    >>> retry_after_s({"retry-after": "7"}), retry_after_s({"Content-Type": "text/html"})
    (7.0, None)
    """
    text = next((value for name, value in (headers or {}).items() if name.lower() == "retry-after"), "")
    try:
        return max(float(text), 0.0)
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except ValueError:
        return None


class Backoff:
    """A Backoff gives the pauses between attempts that never end: twice as long each time up to `most_s`, with jitter.

    >>> backoff = Backoff(first_s=1.0, most_s=3.0, dice=lambda: 0.0)
    >>> [backoff.next_s() for _ in range(3)], backoff.reset(), backoff.next_s(at_least_s=10.0)
    ([1.0, 2.0, 3.0], None, 10.0)
    """

    def __init__(
        self, first_s: float = FIRST_S, most_s: float = MOST_S, dice: Callable[[], float] = random.random
    ) -> None:
        self._first_s, self._most_s, self._dice = first_s, most_s, dice
        self._pause_s = first_s

    def next_s(self, at_least_s: float = 0.0) -> float:
        """Returns the next pause, s."""
        pause_s, self._pause_s = self._pause_s, min(2 * self._pause_s, self._most_s)
        return jittered(max(pause_s, at_least_s), self._dice)

    def reset(self) -> None:
        """Begins anew, after what was tried has worked."""
        self._pause_s = self._first_s


class Budget:
    """A Budget lets something be done at most `most` times in any `window_s`; most: 0 is no bound.

    >>> now = [0.0]
    >>> budget = Budget(2, window_s=60.0, clock=lambda: now[0])
    >>> [budget.take() for _ in range(3)], now.append(now.pop() + 60.0), budget.take()
    ([True, True, False], None, True)
    """

    def __init__(self, most: int, window_s: float = 60.0, clock: Callable[[], float] | None = None) -> None:
        self._most, self._window_s, self._clock = most, window_s, clock or time.monotonic
        self._taken: deque[float] = deque()

    def take(self) -> bool:
        """Says whether it may be done once more now; it counts as done then."""
        now = self._clock()
        while self._taken and now - self._taken[0] >= self._window_s:
            self._taken.popleft()
        if self._most and len(self._taken) >= self._most:
            return False
        self._taken.append(now)
        return True
