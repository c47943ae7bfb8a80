"""Whether an order's id is known, mostly without asking the journal: that is a read on the order's way to the venue."""

from shared.journal.journal import Journal
from shared.journal.rows import OrderRow
from shared.messages import OrderIntent

MOST = 10_000


class RecentOrders:
    """The contents of the newest orders, by client id.

    `begin` has the time of the newest tick that any order in the journal comes from. An order of a later tick is known
    only if it was added since. When the newest are too many, the oldest goes, and that time moves up to its tick's.
    So what is not here and is later cannot be in the journal; all else is asked for.
    """

    def __init__(self, most: int = MOST) -> None:
        self._contents: dict[str, tuple[str, int]] = {}
        self._most = most
        self._asked_to_ns: int | None = None  # None: all are asked for
        self._doubted = False

    async def begin(self, journal: Journal) -> None:
        """Nobody but us writes orders from here on."""
        self._contents.clear()
        self._asked_to_ns = None if self._doubted else await journal.newest_tick_ns()

    def doubt(self) -> None:
        """The journal refused an order, e.g. an old id with a later tick: from `begin` on all are asked for."""
        self._doubted = True

    async def content(self, journal: Journal, intent: OrderIntent) -> str | None:
        """What the order of this id says (`content_of`); None for a new id."""
        held = self._contents.get(intent.client_order_id)
        if held is not None:
            return held[0]
        if self._asked_to_ns is not None and intent.ts_event > self._asked_to_ns:
            return None
        row = await journal.order(intent.client_order_id)
        return None if row is None else row.content

    def add(self, row: OrderRow) -> None:
        """An order that is about to be written."""
        self._contents[row.client_order_id] = (row.content, row.ts_event)
        if len(self._contents) > self._most:
            _, at_ns = self._contents.pop(next(iter(self._contents)))
            if self._asked_to_ns is not None:
                self._asked_to_ns = max(self._asked_to_ns, at_ns)
