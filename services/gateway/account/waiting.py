"""A halt that waits for an exchange says so, and on what, and waits longer and longer between two attempts."""

import asyncio
import time
from collections.abc import Callable

SAY_EVERY_S = 10.0
RETRY_S, RETRY_MAX_S = 0.5, 5.0


class WaitNotices:
    """Notices tell a person every ten seconds what a halt waits for.

    on: what that is, set by whoever waits. within_s: when it ends; None: it has no end.
    """

    def __init__(self, account: str, say: Callable[[str], None], within_s: float | None = None) -> None:
        self.on = "the exchange's answer"
        self._account, self._say = account, say
        self._ends = "Ctrl-C ends it" if within_s is None else f"it ends after {within_s:g} s"

    async def tell(self) -> None:
        """Says it until cancelled."""
        began_s = time.monotonic()
        while True:
            await asyncio.sleep(SAY_EVERY_S)
            self._say(
                f"{time.monotonic() - began_s:.0f} s: {self.on}: it goes on trying; {self._ends}, and {self._account} "
                "stays halted in any case"
            )


def longer(pause_s: float) -> float:
    """Returns the pause after one that was in vain: an exchange that asks for silence is not asked faster and faster.

    >>> longer(0.5), longer(4.0)
    (1.0, 5.0)
    """
    return min(2 * pause_s, RETRY_MAX_S)
