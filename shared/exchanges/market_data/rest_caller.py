"""Questions to a venue over REST: asked again within bounds; what fails in the end is one line."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import localcontext
from typing import Any

from shared.errors import VenueError
from shared.exchanges.backoff import jittered, wait_s
from shared.exchanges.log_once import LogOnce
from shared.exchanges.market_data.client import UNREADABLE, Limit
from shared.plural import plural

LONGEST_S = 30.0
SILENCE = "silence"


class RestCaller:
    """client: the exchange instance. attempts: of one question."""

    def __init__(self, ccxt: Any, client: Any, limit: Limit, complaints: LogOnce, attempts: int) -> None:
        self.client = client
        self._ccxt, self._limit, self._complaints, self._attempts = ccxt, limit, complaints, attempts

    async def ask(
        self, call: Callable[..., Awaitable[Any]], *given: Any, attempts: int = 0, patient: bool = True
    ) -> Any:
        """The answer. VenueError when the venue refuses, or does not answer so often.

        patient: a long silence that the venue asks for is kept; without it, that is a VenueError too.
        """
        attempt = 0
        while True:
            attempt += 1
            await self.keep_silence(patient)
            silence = self._complaints.silence
            silence.asked()
            try:
                with localcontext():  # ccxt writes to the Decimal context that it finds
                    answer = await call(*given)
                silence.heard()
                return answer
            except self._ccxt.BaseError as error:
                trouble, passing = shown(error), isinstance(error, self._ccxt.OperationFailed)
            except UNREADABLE as error:
                trouble, passing = f"ccxt cannot read the answer ({type(error).__name__}: {error})", True
            if self._limit.silence_s:
                silence.heard()  # it has answered: with a wish for silence
            else:
                silence.failed(trouble)
            if not passing and not self._limit.silence_s:
                raise VenueError(f"{self.client.id} refuses: {trouble}")
            pause_s = wait_s(attempt, attempts or self._attempts, None)
            if pause_s is None:
                raise VenueError(f"{self.client.id} does not answer, {plural(attempt, 'time')} asked: {trouble}")
            if not self._limit.silence_s:
                await asyncio.sleep(jittered(pause_s))

    async def again(self, attempt: int) -> bool:
        """Wait before a question whose answer was not enough is asked again; False: it was asked often enough."""
        pause_s = wait_s(attempt, self._attempts, None)
        if pause_s is not None:
            await asyncio.sleep(jittered(pause_s))
        return pause_s is not None

    async def keep_silence(self, patient: bool = True) -> None:
        """Wait for as long as the venue wants to hear nothing."""
        asked = False
        while (silence_s := self._limit.silence_s) > 0:
            line = f"{self.client.id} answered {self._limit.status} and wants {self._limit.wanted_s:.0f} s of silence"
            if silence_s > LONGEST_S and not patient:
                raise VenueError(f"{line}: wait, and ask less often")
            if not asked:
                self._complaints.say(SILENCE, f"{line}: it is asked nothing until then")
            asked = True
            await asyncio.sleep(silence_s)
        if asked:
            self._complaints.over(SILENCE)


def shown(error: BaseException) -> str:
    """In one line, with the cause that ccxt keeps for itself."""
    cause = f" ({error.__cause__})" if error.__cause__ is not None and str(error.__cause__) else ""
    return " ".join(f"{type(error).__name__} {error}{cause}".split())[:300]
