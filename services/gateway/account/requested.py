"""The gateway carries out what a person at the page has asked for: its session is over then, as behind a halt's verb.

It cancels and closes as `tickline halt` does, with the venue that it has open, and answers in the request's row. Then
it takes the account over again, still halted, and settles what was sent.
"""

import asyncio
import time
from collections.abc import Sequence

import structlog

from services.gateway.account.flatten import Flatten
from services.gateway.account.resting import Resting, stops_of
from services.gateway.account.waiting import Overtaken, VenueWait
from shared.config import Settings
from shared.control.accounts import AccountToStop
from shared.control.books import book_of
from shared.control.latches import AtWork
from shared.control.requests import FLATTEN, VERBS, answer, left_amid, stopped, take
from shared.control.whereabouts import Whereabouts
from shared.errors import JournalUnwritable
from shared.exchanges.trading.venue import Venue
from shared.journal.journal import Journal
from shared.journal.rows import RequestRow
from shared.side_by_side import to_its_end

WITHIN_S = 20.0  # shorter than a halt may hold the account
LATE_S = 1.0
LINES = 12  # of an answer: the last ones

log = structlog.get_logger()


async def carry_out_requests(settings: Settings, journal: Journal, venue: Venue) -> None:
    """Carries out what is asked for and not too late; raises JournalUnwritable."""
    await left_amid(journal, _now_ms())
    for request in await journal.requests(_now_ms()):
        taken_ms = _now_ms()
        epoch = await take(journal, request, taken_ms)
        if epoch is not None:
            own = AtWork(journal, epoch, request.by, flatten=request.kind == FLATTEN)
            await _carry_out(settings, journal, venue, request, own, taken_ms)


async def _carry_out(
    settings: Settings, journal: Journal, venue: Venue, request: RequestRow, own: AtWork, taken_ms: int
) -> None:
    log.warning("a person's request", kind=request.kind, by=request.by, request=request.request_id)
    said: list[str] = []
    well, verb = False, VERBS[request.kind]
    try:
        async with asyncio.timeout(WITHIN_S + LATE_S):
            left = await _leave(settings, journal, venue, request, own, said)
        well = not left
        end = f"not looked at: {', '.join(left)}: type `{verb}`" if left else "done"
    except JournalUnwritable:
        raise
    except Overtaken as error:
        end = f"not all is done: {error}"
    except asyncio.CancelledError:
        end = stopped(request)
        await to_its_end(answer(journal, request, end, taken_ms, _now_ms(), epoch=own.epoch, well=False))
        raise
    except Exception as error:  # noqa: BLE001  (whatever it is, who asked must hear of it)
        end = f"not all is done: {str(error) or 'the exchange does not answer in time'}: type `{verb}`"
    text = "; ".join([*said[-LINES:], end])
    log.warning("a person's request is over", request=request.request_id, well=well, what=text)
    await answer(journal, request, text, taken_ms, _now_ms(), epoch=own.epoch, well=well)


async def _leave(
    settings: Settings, journal: Journal, venue: Venue, request: RequestRow, own: AtWork, said: list[str]
) -> Sequence[str]:
    """Cancels and, where that is asked for, closes; returns the symbols of books that this venue does not reach.

    Raises SafetyRefusal, or ConfigError, where no session would begin on this account either.
    """
    account, markets = settings.gateway.account, settings.gateway.markets
    here, before = Whereabouts.of(settings), Whereabouts.known(await journal.limits())
    seqs = await journal.last_seqs()
    here.check(before, [sym for sym in settings.symbols if book_of(settings, sym) in seqs])
    here.of_account(venue, before, account)
    waiting, until = VenueWait(account, said.append, WITHIN_S), time.monotonic() + WITHIN_S
    reached = [sym for sym in markets if sym not in venue.out_of_reach]
    resting = Resting(venue, reached, said.append, await stops_of(journal))
    try:
        if request.kind == FLATTEN:
            await resting.cancel_beside()  # before the books are read, which may take a while
        else:
            await resting.cancel_all(until, waiting)
        async with own.renewed():
            way = await AccountToStop(account, journal, settings, None).way_out(said.append)
        left = sorted({*way.unplaced, *(way.settings.gateway.markets.keys() - markets.keys())})
        if request.kind == FLATTEN:
            flatten = Flatten(
                settings, journal, venue, own, said.append, left, way.traded, way.booked, waiting, resting
            )
            await flatten.flatten(until)
    finally:
        await resting.end()
    return left


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
