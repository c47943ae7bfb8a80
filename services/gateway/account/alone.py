"""A person's change that needs to look first: what was seen still holds when it is written."""

from collections.abc import Awaitable, Callable, Sequence

from shared.errors import SafetyRefusal
from shared.journal.database import Fenced
from shared.journal.journal import Journal
from shared.journal.rows import Change

TIMES = 20


async def write_alone(journal: Journal, owner: str, make: Callable[[int], Awaitable[Sequence[Change]]]) -> None:
    """Take the epoch, so that nobody else writes; look, and write what `make(epoch)` gives.

    A gateway that is at work takes the epoch back as soon as it can. Where it was faster nothing is written, and it is
    looked at anew. SafetyRefusal where that goes on and on.
    """
    for _ in range(TIMES):
        epoch = await journal.raise_epoch(owner)
        changes = await make(epoch)
        try:
            await journal.write(changes, epoch)
        except Fenced:
            continue
        return
    raise SafetyRefusal("another process keeps taking the journal's epoch: stop the gateway, and do this again")
