"""What a person may do at the page: stop the account, and ask its gateway to cancel or to close. Nothing arms here.

Each act is a row in the account's journal, as the verbs write it, and is noted there. The monitor has no key: what
needs the exchange is asked of the gateway. Where nobody carries it out the answer is the command to type.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import structlog

from shared.config import Mode, Settings
from shared.control import arming, latches, requests
from shared.errors import TicklineError
from shared.extras import missing_extras, to_install
from shared.journal.journal import Journal
from shared.journal.rows import RequestRow
from shared.wall_time import age

BY: Final = "the page"
PATIENCE_S = 6.0  # for a gateway that has begun; what comes later stands in the journal
NS_PER_MS = 1_000_000

log = structlog.get_logger()


class Done(NamedTuple):
    """An act's answer: whether it is done, in a sentence, and what to type where it is not."""

    done: bool
    sentence: str
    command: str | None = None


class Act(NamedTuple):
    """An act of the page.

    - what: it does, in a sentence. verb: what is typed instead. names_account: the word typed is the account's name.
    """

    what: str
    verb: str
    names_account: bool = False


ACTS: Final = {
    "halt": Act("Nothing is sent any more, until `tickline resume HALT`. Positions stay.", "tickline halt"),
    "disarm": Act("Nothing that adds exposure is sent, until a person arms at a terminal.", "tickline disarm"),
    "reduce-only": Act(
        "Nothing that adds exposure is sent, until `tickline resume REDUCE_ONLY`; positions may be reduced.",
        "tickline disarm",
    ),
    "cancel-all": Act(
        "The account is halted, and its gateway cancels every open order; stops of positions stay.",
        requests.VERBS[requests.CANCEL_ALL],
        names_account=True,
    ),
    "flatten": Act(
        "The account is halted, and its gateway cancels every order and closes every position at the market.",
        requests.VERBS[requests.FLATTEN],
        names_account=True,
    ),
}


class PageActs:
    """The acts on the account of one config."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.why_not = _why_not(settings)

    def shown(self) -> dict[str, Any]:
        """Returns the acts as the view has them."""
        return {
            name: {
                "enabled": not self.why_not,
                "why_not": self.why_not or None,
                "confirm": self._word(name),
                "what": act.what,
            }
            for name, act in ACTS.items()
        }

    async def do(self, name: str, typed: str) -> tuple[int, dict[str, Any]]:
        """Does an act that a person has confirmed; returns the answer's status and the answer."""
        if name not in ACTS:
            return 404, Done(False, "There is no such act.")._asdict()
        if self.why_not:
            return 409, Done(False, f"Not done: {self.why_not}.")._asdict()
        if typed.strip() != self._word(name):
            return 400, Done(False, f"Not done: type {self._word(name)} to confirm it.")._asdict()
        own = self._settings
        log.warning("page: an act", act=name)
        try:
            async with await Journal.open(own.journal_url, own.gateway.account, durable=True, create=False) as journal:
                done = await _DO[name](own.gateway.account, journal)
        except TicklineError as error:
            return 503, Done(False, f"Not done: {error}.", ACTS[name].verb)._asdict()
        return 200, done._asdict()

    def _word(self, name: str) -> str:
        return self._settings.gateway.account if ACTS[name].names_account else name


def _why_not(settings: Settings) -> str:
    if settings.gateway.mode is Mode.PAPER:
        return "on paper nothing is sent to an exchange, so there is nothing to stop: Ctrl-C ends the run"
    if missing := missing_extras("journal"):
        return f"{missing} is missing here: {to_install('journal')}"
    return ""


async def _halt(account: str, journal: Journal) -> Done:
    await latches.halt(journal, BY, _now_ms(), at_work=False)
    return Done(True, f"{account} is halted: nothing is sent until `tickline resume HALT`.")


async def _disarm(account: str, journal: Journal) -> Done:
    was_armed = await arming.disarm(journal, BY, _now_ms())
    return Done(True, f"{account} is disarmed." if was_armed else f"{account} was not armed, and is not.")


async def _reduce_only(account: str, journal: Journal) -> Done:
    await latches.reduce_only(journal, BY, _now_ms())
    return Done(True, f"{account} may only reduce, until `tickline resume REDUCE_ONLY`.")


def _asking(kind: str) -> Callable[[str, Journal], Awaitable[Done]]:
    async def do(account: str, journal: Journal) -> Done:
        verb = requests.VERBS[kind]
        request = await requests.ask(journal, kind, BY, _now_ms())
        found = await requests.answered(journal, request, PATIENCE_S)
        if not found.taken_ms:
            return await _not_begun(account, journal, found, verb)
        begun = age((found.taken_ms - found.at_ms) * NS_PER_MS)
        if not found.done_ms:
            return Done(False, f"{account} is halted; its gateway began after {begun}, and is still at it.", verb)
        return Done(found.well, f"{account} is halted; its gateway: {found.answer}.", None if found.well else verb)

    return do


async def _not_begun(account: str, journal: Journal, request: RequestRow, verb: str) -> Done:
    """Says why nobody has begun it. A halt that is at work may have died, and a newer one takes the account from it."""
    holder = await journal.epoch()
    if latches.is_at_work(holder, _now_ms()):
        at_work = f"Not begun: a {holder.owner} is at work on {account}. Should that not end, type the command."
        return Done(False, at_work, verb)
    if request.answer != requests.NOBODY:
        return Done(False, f"Not begun: {request.answer}: type the command.", verb)
    return Done(False, f"{account} is halted, but no gateway is at work on it: type the command.", verb)


_DO: Final[dict[str, Callable[[str, Journal], Awaitable[Done]]]] = {
    "halt": _halt,
    "disarm": _disarm,
    "reduce-only": _reduce_only,
    "cancel-all": _asking(requests.CANCEL_ALL),
    "flatten": _asking(requests.FLATTEN),
}


def _now_ms() -> int:
    return time.time_ns() // NS_PER_MS
