"""What the lanes of a desk share."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from services.gateway.execution.fenced_journal import FencedJournal
from services.gateway.execution.outbox import Outbox
from services.gateway.execution.recent_orders import RecentOrders
from services.gateway.execution.risk_context import RiskContext
from shared.control.books import Books
from shared.exchanges.trading.venue import Venue
from shared.journal.journal import Journal

NS_PER_MS = 1_000_000


class Timeouts(NamedTuple):
    """validity_ms: of a request. grace_ms: after it, before what is not told twice is believed. poll_s ... poll_max_s:
    between two looks at an order, longer each time. unknown_alarm_s: after so long a person is called."""

    validity_ms: int
    grace_ms: int
    poll_s: float = 0.1
    poll_max_s: float = 2.0
    unknown_alarm_s: float = 60.0


class SessionContext(NamedTuple):
    """spawn: runs something beside the lanes, as long as the desk is attached. leased: whether our leases are good.

    markets_in_doubt: set when something speaks for other rules of a market than those that are known.
    """

    journal: Journal
    pen: FencedJournal
    venue: Venue
    clearance: RiskContext
    books: Books
    outbox: Outbox
    known: RecentOrders
    pace: Timeouts
    spawn: Callable[[Coroutine[Any, Any, None]], None]
    leased: Callable[[], bool]
    markets_in_doubt: asyncio.Event


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // NS_PER_MS
