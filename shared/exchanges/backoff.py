"""How long to wait before a question is asked again. Pure, apart from dice and the clock that an HTTP date needs."""

import random
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

ATTEMPTS = 7
FIRST_ATTEMPTS = 4  # to reach the exchange at all
FIRST_S = 0.5
MOST_S = 30.0
SPREAD = 0.25  # of a pause, at most
LONGEST_S = 300.0  # a venue that wants longer has banned us: say so instead of waiting


def wait_s(
    attempt: int, attempts: int, retry_after_s: float | None, first_s: float = FIRST_S, longest_s: float = LONGEST_S
) -> float | None:
    """Seconds before the next attempt, after `attempt` (from 1) of `attempts` has failed; None: give up.

    >>> wait_s(1, 7, None), wait_s(3, 7, None), wait_s(3, 7, 20.0), wait_s(7, 7, None), wait_s(1, 7, 86_400.0)
    (0.5, 2.0, 20.0, None, None)
    """
    longer = max(min(first_s * 2 ** (attempt - 1), MOST_S), retry_after_s or 0.0)
    return None if attempt >= attempts or longer > longest_s else longer


def jittered(pause_s: float, dice: Callable[[], float] = random.random) -> float:
    """The pause, up to a quarter longer: those that an exchange has cut off together do not come back together.

    dice: from 0 to 1.

    >>> jittered(8.0, lambda: 0.0), jittered(8.0, lambda: 0.5)
    (8.0, 9.0)
    """
    return pause_s * (1 + SPREAD * dice())


def retry_after_s(headers: Mapping[str, str] | None) -> float | None:
    """What a `Retry-After` asks for, in seconds or as a date; None where there is none that can be read.

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
