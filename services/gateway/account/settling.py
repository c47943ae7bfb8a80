"""The end of an order whose book no gateway trades: as its lane would write it, out of what the venue tells."""

import time

from services.gateway.execution.account_reader import base_held, trades_of
from services.gateway.execution.baseline import elsewhere_row
from services.gateway.execution.records import NS_PER_MS, fill_row, following, open_order_of, report_of
from shared.control.books import execution_row
from shared.exchanges.trading.venue import Venue
from shared.journal.journal import Journal
from shared.journal.rows import Change, OrderRow
from shared.orders import Answer, OrderStatusReport
from shared.orders.outcome import outcome
from shared.orders.transitions import on_event


async def settled(journal: Journal, venue: Venue, row: OrderRow, grace_ms: int) -> list[Change]:
    """What ends the order; nothing while the venue does not tell how it ended, or not all of its trades."""
    asked_ms = venue.now_ms()
    found = await venue.find(row.sym, row.client_order_id, row.at_ms)
    event = Answer(asked_ms, found, venue.now_ms()) if isinstance(found, OrderStatusReport) else found
    state = on_event(open_order_of(row).state, event, grace_ms).state
    if not state.ended:
        return []
    rules, trades = venue.rules(row.sym), await trades_of(venue, row.sym, state, last=True)
    booked = outcome(state, trades.fills, rules.quote, base_held(rules), trades.prices)
    if booked is None:
        return []
    now_ms = time.time_ns() // NS_PER_MS
    ended = following(row, state, row.epoch, now_ms, booked.commission)
    report = report_of(ended, await journal.last_seq(row.book) + 1, booked, now_ms)
    fills = (fill_row(fill, row.client_order_id) for fill in trades.fills)
    changes: list[Change] = [ended, *fills, execution_row(row.book, report, now_ms)]
    if elsewhere := trades.elsewhere():
        changes.append(elsewhere_row(await journal.limits(), elsewhere))
    return changes
