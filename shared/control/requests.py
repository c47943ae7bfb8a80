"""A person who has no keys asks the gateway that has the account to cancel, or to close all: by a row in the journal.

    ask ─┬─▶ take ─▶ answer         by the gateway that is at work
         ├─▶ take_back              by who asked, where none has begun it in time
         └─▶ take ─▶ left_amid      by the next gateway, where that one has died amid it

The row says until when it may be begun. A gateway that comes later does nothing of it: the person was told then what to
type instead, and the market is another one. The journal lets one alone begin a request, and end it.
"""

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from shared.control.latches import AT_WORK_MS, HALT, after_halt, is_at_work, owner_at_work
from shared.errors import printable
from shared.journal.database import Fenced, WriteRefused
from shared.journal.rows import EventRow, LatchRow, RequestRow
from shared.side_by_side import to_its_end

if TYPE_CHECKING:
    from shared.journal.journal import Journal

CANCEL_ALL: Final = "CANCEL_ALL"
FLATTEN: Final = "FLATTEN"
BEGUN_MS = 5_000  # within which a gateway must begin it
POLL_S = 0.05  # a journal tells nobody that it has news
VERBS: Final = {CANCEL_ALL: "tickline halt --cancel", FLATTEN: "tickline halt --flatten"}
MOST = 2_000  # letters of an answer
NOBODY: Final = "no gateway has begun it in time"
LIFTED: Final = "its halt was lifted before it was begun"
OTHER_CLOCK: Final = "it was asked for by a clock that is ahead of the gateway's"
UNKNOWN_KIND: Final = "its gateway is of a version that does not know it"
ALARM: Final = "ALARM"  # an event's kind: a person is told


async def ask(journal: "Journal", kind: str, by: str, at_ms: int) -> RequestRow:
    """Halts the account and asks its gateway, in one commit; returns the request.

    As any halt it fences the gateway that is at work: what that reads then is latch and request, and it carries it out.
    A halt that is at work goes on.
    """
    request = RequestRow(uuid4().hex, kind, by, at_ms, at_ms + BEGUN_MS)
    asked = EventRow(kind, "", "", f"asked for by {by}, request {request.request_id}", at_ms)
    latch = LatchRow(HALT, f"a person's word, with {kind}", by, at_ms)
    while True:
        holder = await journal.epoch()
        if is_at_work(holder, at_ms):
            await journal.write_by_person([latch, request, asked])
            return request
        with suppress(Fenced):  # somebody has acted since: it is looked at again
            await journal.raise_epoch(f"a person, {by}", [latch, request, asked], after=holder.epoch or None)
            return request


async def answered(journal: "Journal", request: RequestRow, patience_s: float) -> RequestRow:
    """Returns the request as it stands once its gateway is done with it, or at the end of `patience_s`.

    One that nobody has begun in time is taken back: nobody may any more. No clock that is set changes that time.
    """
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    while True:
        waited_s = loop.time() - began_s
        found = await journal.request(request.request_id) or request
        if found.done_ms or (found.taken_ms and waited_s > patience_s):
            return found
        if not found.taken_ms and waited_s * 1_000 > BEGUN_MS:
            await take_back(journal, request, NOBODY)
        else:
            await asyncio.sleep(POLL_S)


async def take(journal: "Journal", request: RequestRow, at_ms: int) -> int | None:
    """Begins a request for this process alone; returns the epoch under which it works, None where it does not begin.

    While that epoch stands no gateway takes the account over, and no other request is begun.
    """
    holder = await journal.epoch()
    if at_ms > request.until_ms or is_at_work(holder, at_ms):
        return None
    if request.until_ms > at_ms + 2 * BEGUN_MS:  # it would be begun when this clock is there, too
        await take_back(journal, request, OTHER_CLOCK)
        return None
    if request.kind not in VERBS:
        await take_back(journal, request, UNKNOWN_KIND)
        return None
    begun = list[int]()
    try:
        return await to_its_end(_begin(journal, request, at_ms, holder.epoch, begun))
    except asyncio.CancelledError:
        for epoch in begun:
            text = stopped(request)
            await to_its_end(answer(journal, request, text, at_ms, at_ms, epoch=epoch, well=False))
        raise


def stopped(request: RequestRow) -> str:
    """Returns the answer to a request amid which its gateway was stopped."""
    return f"the gateway was stopped: type `{VERBS[request.kind]}`"


async def _begin(journal: "Journal", request: RequestRow, at_ms: int, after: int, begun: list[int]) -> int | None:
    """Raises the epoch for the request, which it returns and puts into `begun`."""
    owner = owner_at_work(request.by, flatten=request.kind == FLATTEN)
    try:
        epoch = await journal.raise_epoch(owner, [request._replace(taken_ms=at_ms)], after=after)
    except (Fenced, WriteRefused):  # another was faster
        return None
    if HALT not in await journal.latches():  # asked now that it is begun: a halt that is lifted later is lifted amid it
        await answer(journal, request, LIFTED, at_ms, at_ms, epoch=epoch, well=False)
        return None
    begun.append(epoch)
    return epoch


async def answer(
    journal: "Journal", request: RequestRow, text: str, taken_ms: int, at_ms: int, *, epoch: int, well: bool
) -> None:
    """Writes what was done into the row, and gives the account back; a person is told of what was not done.

    - epoch: under which it was done. Where that is not the newest any more, the account is another's by now.
    """
    changes = _over(request._replace(taken_ms=taken_ms), text, at_ms, well=well)
    owner = after_halt(request.by)
    try:
        await journal.raise_epoch(owner, changes, after=epoch)
    except Fenced:
        with suppress(WriteRefused):
            await journal.write_by_person(changes)
    except WriteRefused:  # it was taken for one that nobody works on any more
        with suppress(Fenced):
            await journal.raise_epoch(owner, after=epoch)


async def left_amid(journal: "Journal", at_ms: int) -> None:
    """Ends the requests whose gateway has died amid them: nobody does them again, and a person is told."""
    for request in await journal.begun_requests():
        if abs(at_ms - request.taken_ms) >= AT_WORK_MS:
            verb = VERBS.get(request.kind, "tickline halt")
            text = f"the gateway that began it has ended amid it: type `{verb}`"
            await _end(journal, request, text, at_ms)


async def take_back(journal: "Journal", request: RequestRow, why: str) -> None:
    """Ends a request that nobody has begun; nothing where somebody has."""
    await _end(journal, request._replace(taken_ms=0), why, time.time_ns() // 1_000_000)


async def _end(journal: "Journal", request: RequestRow, text: str, at_ms: int) -> None:
    try:
        await journal.write_by_person(_over(request, text, at_ms, well=False))
    except WriteRefused:  # somebody was faster
        return


def _over(request: RequestRow, text: str, at_ms: int, *, well: bool) -> list[RequestRow | EventRow]:
    """Returns the row of a request that is over, and the note of it."""
    said = printable(text[:MOST])
    done = request._replace(done_ms=at_ms, well=well, answer=said)
    kind, what = (request.kind, "") if well else (ALARM, f"{request.kind} is not done: ")
    return [done, EventRow(kind, "", "", f"{what}request {request.request_id}: {said}", at_ms)]
