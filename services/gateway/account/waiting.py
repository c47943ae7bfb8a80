"""A halt that waits for its exchange says so, and on what, and waits longer and longer where there is no answer."""

import asyncio
import time

from shared.control.accounts import Say
from shared.errors import SafetyRefusal, VenueError

SAY_EVERY_S = 10.0
POLL_S = 0.2  # between two looks at an exchange that answers
RETRY_S, RETRY_MAX_S = 0.5, 5.0


class Overtaken(SafetyRefusal):
    """Another halt has taken the account over since, and closes what is left: two at once would close it twice."""


class VenueWait:
    """A halt waits for the venue, and tells a person every ten seconds what for.

    - on: what that is, set by whoever waits.
    - within_s: when the halt ends; None: it has no end.
    """

    def __init__(self, account: str, say: Say, within_s: float | None = None) -> None:
        self.on = "the exchange's answer"
        self._account, self._say = account, say
        self._ends = "Ctrl-C ends it" if within_s is None else f"it ends after {within_s:g} s"
        self._pause_s = POLL_S

    async def tell(self) -> None:
        """Says it until cancelled."""
        began_s = time.monotonic()
        while True:
            await asyncio.sleep(SAY_EVERY_S)
            self._say(
                f"{time.monotonic() - began_s:.0f} s: {self.on}: it goes on trying; {self._ends}, and {self._account} "
                "stays halted in any case"
            )

    async def pause(self, until: float, on: str, *, trouble: bool) -> None:
        """Waits before the next look, since a venue tells only when it is asked; longer and longer while in trouble.

        Raises VenueError, with what is waited on, after `until` (monotonic; inf: without end).
        """
        if time.monotonic() > until:
            raise VenueError(on)
        self.on = on
        self._pause_s = longer(self._pause_s) if trouble else POLL_S
        await asyncio.sleep(self._pause_s)


def longer(pause_s: float) -> float:
    """Returns the pause after one that was in vain: an exchange that asks for silence is not asked faster and faster.

    >>> longer(0.5), longer(4.0)
    (1.0, 5.0)
    """
    return min(2 * pause_s, RETRY_MAX_S)
