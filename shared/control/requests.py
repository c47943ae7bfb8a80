"""A person who has no keys asks the gateway that has the account to cancel, or to close all: by a row in the journal.

The row says until when it may be begun. A gateway that comes later does nothing of it: the person was told then what to
type instead, and the market is another one.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from shared.control.latches import AT_WORK, HALT
from shared.journal.database import Fenced
from shared.journal.rows import EventRow, LatchRow, RequestRow

if TYPE_CHECKING:
    from shared.journal.journal import Journal

CANCEL_ALL: Final = "CANCEL_ALL"
FLATTEN: Final = "FLATTEN"
BEGUN_MS = 5_000  # within which a gateway must begin it
POLL_S = 0.05  # a journal tells nobody that it has news
VERBS: Final = {CANCEL_ALL: "tickline halt --cancel", FLATTEN: "tickline halt --flatten"}
MOST = 2_000  # letters of an answer


async def ask(journal: "Journal", kind: str, by: str, at_ms: int) -> RequestRow:
    """Halts the account and asks its gateway, in one commit; returns the request.

    It fences nobody: the gateway that is at work reads latch and request together, and carries it out.
    """
    request = RequestRow(uuid4().hex, kind, by, at_ms, at_ms + BEGUN_MS)
    await journal.write_by_person(
        [
            LatchRow(HALT, f"a person's word, with {kind}", by, at_ms),
            request,
            EventRow(kind, "", "", f"asked for by {by}, request {request.request_id}", at_ms),
        ]
    )
    return request


async def answered(
    journal: "Journal", request: RequestRow, now_ms: Callable[[], int], patience_s: float
) -> RequestRow | None:
    """Returns the request as it stands once its gateway is done with it, or at the end of `patience_s`.

    None where nobody has begun it, and nobody may any more.
    """
    loop = asyncio.get_running_loop()
    until_s = loop.time() + patience_s
    while True:
        late = now_ms() > request.until_ms
        found = await journal.request(request.request_id)
        if found is not None and (found.done_ms or (found.taken_ms and loop.time() > until_s)):
            return found
        if late and (found is None or not found.taken_ms):
            return None
        await asyncio.sleep(POLL_S)


async def take(journal: "Journal", request: RequestRow, at_ms: int) -> int | None:
    """Begins a request for this process alone; returns the epoch under which it works, None where another was faster.

    While that epoch stands no gateway takes the account over.
    """
    epoch = await journal.raise_epoch(f"{AT_WORK} by {request.by}, at the page")
    now = await journal.request(request.request_id)
    if now is None or now.taken_ms:
        return None
    try:
        await journal.write([now._replace(taken_ms=at_ms)], epoch)
    except Fenced:
        return None
    return epoch


async def answer(journal: "Journal", request: RequestRow, text: str, taken_ms: int, at_ms: int, *, well: bool) -> None:
    """Writes what was done into the row, and gives the account back."""
    said = text[:MOST]
    done = request._replace(taken_ms=taken_ms, done_ms=at_ms, well=well, answer=said)
    event = EventRow(request.kind, "", "", f"request {request.request_id}: {said}", at_ms)
    await journal.raise_epoch(f"a person, {request.by}, after a halt", [done, event])
