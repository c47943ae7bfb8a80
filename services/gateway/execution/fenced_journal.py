"""Writes to the journal under the epoch of this attach. What cannot be written ends the attach."""

from collections.abc import Callable, Sequence

from shared.errors import JournalUnwritable
from shared.journal.database import Fenced, WriteRefused
from shared.journal.journal import Journal
from shared.journal.rows import Change, OrderRow
from shared.runner.external_store import ExternalStoreLost


class FencedJournal:
    """`broken`: why nothing can be written any more; empty while it can. `refused`: what was to be written is why."""

    def __init__(self, journal: Journal, epoch: int) -> None:
        self.epoch = epoch
        self.broken = ""
        self.refused = False
        self._journal = journal

    async def write(self, changes: Sequence[Change], meanwhile: Callable[[], None] | None = None) -> None:
        """All or nothing; when this returns it is on the disk. Raises ExternalStoreLost, and from then on always.

        meanwhile: what may be done while the disk is at work, whether or not it succeeds; perhaps it is never called.
        """
        if self.broken:
            raise ExternalStoreLost(self.broken)
        try:
            await self._journal.write(_newest(changes), self.epoch, meanwhile)
        except Fenced as fenced:
            self.broken = acted(fenced.holder) if fenced.holder else str(fenced)
            raise ExternalStoreLost(self.broken) from fenced
        except (WriteRefused, JournalUnwritable) as error:
            self.broken, self.refused = str(error), isinstance(error, WriteRefused)
            raise ExternalStoreLost(self.broken) from error


def acted(holder: str) -> str:
    """Why a desk stops when the account was taken from it: no fault of its own, found by its look or its next write."""
    return f"{holder} acted on the account: what it has changed is read, and the desk goes on"


def _newest(changes: Sequence[Change]) -> list[Change]:
    """Of several rows of one order only the last: the ones before would be seen by nobody."""
    last = {change.client_order_id: change for change in changes if isinstance(change, OrderRow)}
    return [change for change in changes if not isinstance(change, OrderRow) or change is last[change.client_order_id]]
