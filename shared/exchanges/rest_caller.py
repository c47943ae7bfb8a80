"""Questions to an exchange over REST: asked again within bounds; what fails in the end is one line, without keys."""

import asyncio
from collections.abc import Awaitable, Callable, Set
from decimal import localcontext
from typing import Any, NamedTuple

from shared.errors import VenueError
from shared.exchanges.backoff import FIRST_S, LONGEST_S, jittered, retry_after_s, wait_s
from shared.exchanges.client import UNREADABLE, RateLimit, Reply, codes_in, listening
from shared.exchanges.log_once import LogOnce
from shared.plural import plural

PATIENCE_S = 30.0  # a longer silence is an error to whoever is not patient
SILENCE = "silence"
SHOWN = 300


def one_line(text: str, longest: int = SHOWN) -> str:
    """Returns a text in one line, no longer than a person reads.

    >>> one_line("GET  https://x/y\\n failed", longest=12)
    'GET https://'
    """
    return " ".join(text.split())[:longest]


class CallRules(NamedTuple):
    """The rules say how a caller repeats a question.

    - attempts: of one question
    - first_s: the first pause; each further one is twice as long, and all have jitter
    - longest_s: a question that had to wait longer is given up
    - sits_out: a silence that the exchange asks for (418, 429) is no failure, and passes, however long, before the next
      attempt; without it that silence is the pause
    - says_types: errors are shown with the name of their type
    """

    attempts: int
    first_s: float = FIRST_S
    longest_s: float = LONGEST_S
    sits_out: bool = False
    says_types: bool = False


class NotThere(VenueError):
    """The exchange does not know the order that was asked for."""


class Refusing(VenueError):
    """The exchange has answered, and does not do it. codes: of its answer."""

    def __init__(self, message: str, codes: Set[str] = frozenset()) -> None:
        super().__init__(message)
        self.codes = frozenset(codes)


class NoAnswer(VenueError):
    """The exchange has not answered so often. trouble: the last attempt's. wanted_s: the silence that it asked for."""

    def __init__(self, exchange: str, attempts: int, trouble: str, wanted_s: float | None) -> None:
        super().__init__(f"{exchange} does not answer, {plural(attempts, 'time')} asked: {trouble}")
        self.trouble, self.wanted_s = trouble, wanted_s


class RestCaller:
    """A RestCaller asks one exchange. Never through it goes an order: that is sent once, by an OrderSender.

    - client: the ccxt instance
    - limit: the silence that the exchange asks for
    - unknown: the codes for "no such order"
    - redact: makes a text one line that can be shown
    - troubles: hears of each attempt, and writes what lasts
    - say: takes a line for each attempt that failed and is followed by another
    """

    def __init__(
        self,
        ccxt: Any,
        client: Any,
        rules: CallRules,
        limit: RateLimit,
        *,
        unknown: Set[str] = frozenset(),
        redact: Callable[[str], str] = one_line,
        troubles: LogOnce | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.client, self.limit, self.redact = client, limit, redact
        self._ccxt, self._rules, self._unknown = ccxt, rules, unknown
        self._troubles, self._say = troubles, say

    async def ask(
        self,
        call: Callable[..., Awaitable[Any]],
        *given: Any,
        attempts: int = 0,
        patient: bool = True,
        tolerated: Set[str] = frozenset(),
        read: Callable[[Any], Any] = lambda answer: answer,
    ) -> Any:
        """Returns what `read` makes of the answer. What cannot be read is asked again.

        - attempts: instead of the rules'
        - patient: a long silence is sat out, where the rules do so at all; else it is a VenueError
        - tolerated: codes of errors for which the answer is None

        Raises NotThere for an order that the exchange does not know, Refusing, NoAnswer, or another VenueError.
        """
        attempt, most, rules = 0, attempts or self._rules.attempts, self._rules
        while True:
            attempt += 1
            await self.keep_silence(patient)
            reply, codes = Reply(), set[str]()
            if self._troubles is not None:
                self._troubles.silence.asked()
            try:
                with listening(reply), localcontext():  # ccxt writes to the Decimal context that it finds
                    answer = await call(*given)
                if self._troubles is not None:
                    self._troubles.silence.heard()
                return read(answer)
            except self._ccxt.BaseError as error:
                codes = {code for code, _ in codes_in(reply.body)}
                if codes & tolerated:
                    return None
                if codes & self._unknown or isinstance(error, self._ccxt.OrderNotFound):
                    raise NotThere(f"{self.client.id} does not know it: {self._shown(error)}") from None
                trouble, passing = self._shown(error), self._passing(error)
            except UNREADABLE as error:
                told = self.redact(with_cause(error))
                trouble, passing = f"ccxt cannot read the answer ({type(error).__name__}: {told})", True
            sits_out = rules.sits_out and self.limit.silence_s > 0
            if self._troubles is not None and sits_out:
                self._troubles.silence.heard()  # it has answered: with a wish for silence
            elif self._troubles is not None:
                self._troubles.silence.failed(trouble)
            if not passing and not sits_out:
                raise Refusing(f"{self.client.id} refuses: {trouble}", codes)
            wanted_s = None if rules.sits_out else retry_after_s(reply.headers)
            pause_s = wait_s(attempt, most, wanted_s, rules.first_s, rules.longest_s)
            if pause_s is None:
                raise NoAnswer(self.client.id, attempt, trouble, wanted_s)
            self._say(f"{self.client.id}: {trouble}: attempt {attempt + 1} in {pause_s:g} s")
            if not sits_out:
                await asyncio.sleep(jittered(pause_s))

    async def again(self, attempt: int) -> bool:
        """Waits before a question whose answer was not enough is asked again; False: it was asked often enough."""
        pause_s = wait_s(attempt, self._rules.attempts, None, self._rules.first_s)
        if pause_s is not None:
            await asyncio.sleep(jittered(pause_s))
        return pause_s is not None

    async def keep_silence(self, patient: bool = True) -> None:
        """Waits for as long as the exchange wants to hear nothing."""
        said = False
        while (silence_s := self.limit.silence_s) > 0:
            limit = self.limit
            line = f"{self.client.id} answered {limit.status} and wants {limit.wanted_s:.0f} s of silence"
            if silence_s > PATIENCE_S and not (patient and self._rules.sits_out):
                raise VenueError(f"{line}: wait, and ask less often")
            if self._troubles is not None and not said:
                self._troubles.say(SILENCE, f"{line}: it is asked nothing until then")
            said = True
            await asyncio.sleep(silence_s)
        if self._troubles is not None and said:
            self._troubles.over(SILENCE)

    def _passing(self, error: Exception) -> bool:
        """Network, time-outs, limits, 5xx; and a connection lost within an answer, which ccxt has no name for."""
        from aiohttp import ClientError

        return isinstance(error, self._ccxt.OperationFailed) or isinstance(error.__cause__, ClientError)

    def _shown(self, error: BaseException) -> str:
        return self.redact(with_type(error) if self._rules.says_types else with_cause(error))


def with_cause(error: BaseException) -> str:
    """Returns an error's text, with the cause that ccxt keeps for itself."""
    cause = f" ({error.__cause__})" if error.__cause__ is not None and str(error.__cause__) else ""
    return f"{error}{cause}"


def with_type(error: BaseException) -> str:
    """Returns the same behind the name of the error's type."""
    return f"{type(error).__name__} {with_cause(error)}".strip()
