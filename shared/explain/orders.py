"""Orders and differences in sentences: how orders ended and why, what waits for a person, what stays open. Pure."""

from collections.abc import Mapping
from decimal import Decimal

from shared.explain.account import NS_PER_MS
from shared.journal.rows import ExternalRow, OrderRow
from shared.orders.reconcile import DifferenceKind
from shared.plural import plural
from shared.wall_time import UTC_TIME, WallTime


def order_line(row: OrderRow, wall: WallTime = UTC_TIME) -> str:
    """Returns an order, its state and what is known to be filled of it."""
    filled = f", filled {row.filled_qty}" if row.filled_qty else ""
    sent = wall.second(row.at_ms * NS_PER_MS)
    return f"order {row.client_order_id}: {row.state} {row.signed_qty} {row.sym} sent {sent}{filled}"


def difference_name(row: ExternalRow) -> str:
    """Returns what a person types to mean a difference."""
    return f"{row.kind}/{row.sym}/{row.key}"


def difference_line(row: ExternalRow, *, spot: bool, wall: WallTime = UTC_TIME) -> str:
    """Returns a difference, and whose a position of it can be. spot: its symbol is traded on a spot market."""
    line = f"difference {difference_name(row)} since {wall.second(row.at_ms * NS_PER_MS)}: {row.text}"
    if row.kind != DifferenceKind.POSITION:
        return line
    return f"{line}: the bot's (--as bot){' or yours (--as mine)' if spot else ''}"


def not_filled(refusals: Mapping[str, int], before: Mapping[str, int]) -> str:
    """Returns why orders were not filled, by reason: those that were not among the ones before.

    >>> not_filled({"DUST": 2, "NOT_ARMED": 7}, {"DUST": 2, "NOT_ARMED": 4}), not_filled({}, {})
    ('; not filled: 3 NOT_ARMED', '')
    """
    newly = {reason: count - before.get(reason, 0) for reason, count in sorted(refusals.items())}
    shown = ", ".join(f"{count} {reason}" for reason, count in newly.items() if count > 0)
    return f"; not filled: {shown}" if shown else ""


def open_line(positions: Mapping[str, Decimal], in_flight: Mapping[str, int], flatten: str, first: str = "") -> str:
    """Returns what a person must know of open positions, and of orders that may become some; empty without any.

    - first: what must be done before `flatten` can close them.

    >>> open_line({"BTCUSDT": Decimal("0.50"), "ETHUSDT": Decimal(-2)}, {}, "tickline halt --flatten")
    'open at the exchange, with nobody trading: BTCUSDT 0.5, ETHUSDT -2: `tickline halt --flatten` closes them'
    >>> open_line({}, {"ETHUSDT": 1}, "tickline halt")
    'open at the exchange, with nobody trading: what becomes of 1 order in ETHUSDT: `tickline halt` closes them'
    >>> open_line({"ETHUSDT": Decimal(1)}, {}, "tickline halt", "put it back")
    'open at the exchange, with nobody trading: ETHUSDT 1: put it back, then `tickline halt` closes them'
    """
    held = [f"{sym} {qty.normalize():f}" for sym, qty in positions.items()]
    held += [f"what becomes of {plural(count, 'order')} in {sym}" for sym, count in in_flight.items()]
    if not held:
        return ""
    before = f"{first}, then " * bool(first)
    return f"open at the exchange, with nobody trading: {', '.join(held)}: {before}`{flatten}` closes them"
