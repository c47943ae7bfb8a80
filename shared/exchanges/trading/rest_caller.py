"""Questions to a venue through ccxt: asked again within bounds, and what fails in the end is one line without keys."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Set
from decimal import localcontext
from typing import Any

from shared.errors import VenueError
from shared.exchanges.backoff import jittered, retry_after_s, wait_s
from shared.exchanges.trading.options import Credentials
from shared.exchanges.trading.parse import Unreadable
from shared.exchanges.trading.reply import Reply, codes_in, listening
from shared.plural import plural

FIRST_S = 0.2
LONGEST_S = 30.0
LIMITS = frozenset({418, 429})
# A broken answer makes ccxt's parsers raise any of these.
UNREADABLE = (Unreadable, ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError)


class NotThere(VenueError):
    """The venue said that it does not know the order that was asked for."""


class Refusing(VenueError):
    """The venue has answered, and does not do it. codes: of its answer."""

    def __init__(self, message: str, codes: Set[str] = frozenset()) -> None:
        super().__init__(message)
        self.codes = frozenset(codes)


class RestCaller:
    """ccxt: the exchange instance. unknown: the codes for "no such order". attempts: of one question.

    silent_until_s: monotonic; the venue asked for silence until then (429, 418).
    """

    def __init__(
        self, ccxt: Any, client: Any, credentials: Credentials, unknown: frozenset[str], attempts: int
    ) -> None:
        self.client = client
        self._ccxt, self._credentials, self._unknown, self._attempts = ccxt, credentials, unknown, attempts
        self._silent_until_s = 0.0

    def redact(self, text: str) -> str:
        """Without keys and signatures."""
        return self._credentials.redact(text)

    @property
    def silence_s(self) -> float:
        """How much longer the venue wants to hear nothing."""
        return max(self._silent_until_s - time.monotonic(), 0.0)

    def heard(self, reply: Reply) -> None:
        """Keep in mind what a limit asks for."""
        if reply.status in LIMITS:
            self._silent_until_s = time.monotonic() + (retry_after_s(reply.headers) or 0.0)

    async def ask(
        self,
        call: Callable[..., Awaitable[Any]],
        *given: Any,
        tolerated: Set[str] = frozenset(),
        read: Callable[[Any], Any] = lambda answer: answer,
    ) -> Any:
        """What `read` makes of the answer; None for an error that is `tolerated`. What cannot be read is asked again.

        NotThere: the venue does not know it. Else VenueError.
        """
        attempt = 0
        while True:
            attempt += 1
            if self.silence_s > LONGEST_S:
                raise VenueError(f"{self.client.id} wants {self.silence_s:.0f} s of silence: wait, and ask less often")
            await asyncio.sleep(self.silence_s)
            reply = Reply()
            try:
                with listening(reply), localcontext():  # ccxt writes to the Decimal context that it finds
                    answer = await call(*given)
                return read(answer)
            except self._ccxt.BaseError as error:
                codes = {code for code, _ in codes_in(reply.body)}
                if codes & tolerated:
                    return None
                if codes & self._unknown or isinstance(error, self._ccxt.OrderNotFound):
                    raise NotThere(f"{self.client.id} does not know it: {self._shown(error)}") from None
                trouble, passing = self._shown(error), self._passing(error)
            except UNREADABLE as error:
                codes = set()
                trouble, passing = f"ccxt cannot read the answer ({type(error).__name__}: {self._shown(error)})", True
            self.heard(reply)
            pause_s = wait_s(attempt, self._attempts, retry_after_s(reply.headers), FIRST_S, LONGEST_S)
            if not passing:
                raise Refusing(f"{self.client.id} refuses: {trouble}", codes) from None
            if pause_s is None:
                raise VenueError(
                    f"{self.client.id} does not answer, {plural(attempt, 'time')} asked: {trouble}"
                ) from None
            await asyncio.sleep(jittered(pause_s))

    def _passing(self, error: Exception) -> bool:
        """Network, time-outs, limits, 5xx; and a connection lost within an answer, which ccxt has no name for."""
        from aiohttp import ClientError

        return isinstance(error, self._ccxt.OperationFailed) or isinstance(error.__cause__, ClientError)

    def _shown(self, error: Exception) -> str:
        cause = f" ({error.__cause__})" if error.__cause__ is not None and str(error.__cause__) else ""
        return self.redact(f"{error}{cause}")
