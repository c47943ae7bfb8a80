"""An account, as its journal, the exchange and the streams tell of it, and where these contradict one another.

The journal is read by SQL, the exchange by HTTP. All that is compared at rest must be the same to the last digit; that
nothing goes out twice holds at every moment.
"""

import json
import sqlite3
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from tests.oracle.streams import Streams, fields_of

ZERO = Decimal(0)
UNENDED = ("INTENT", "SENT", "UNKNOWN")
REPORTED = ("client_order_id", "status", "last_qty", "last_px", "commission", "leg")  # what a report says of money
OTHER_BUS = "OTHER_BUS"


class JournalOrder(NamedTuple):
    """An order's row."""

    sym: str
    state: str
    filled: Decimal


class JournalSeen(NamedTuple):
    """What an account's journal says. reports: of each symbol, in the order of their numbers."""

    orders: Mapping[str, JournalOrder]
    reports: Mapping[str, Sequence[Mapping[str, Any]]]
    latches: Mapping[str, str]
    bus_id: str


class VenueOrder(NamedTuple):
    """An order as the exchange has it."""

    client_id: str
    sym: str
    reduce_only: bool
    created_ms: int


class VenueSeen(NamedTuple):
    """What the exchange says. asked: how often an order with our id came to it, taken or not."""

    orders: Sequence[VenueOrder]
    traded: Mapping[str, Decimal]
    held: Mapping[str, Decimal]
    asked: Mapping[str, int]


def read_journal(path: Path) -> JournalSeen:
    """Reads an account's journal, which may be in use."""
    with closing(sqlite3.connect(path, timeout=30)) as database:
        database.execute("PRAGMA query_only = ON")
        orders = {
            name: JournalOrder(sym, state, Decimal(filled))
            for name, sym, state, filled in database.execute(
                "SELECT client_order_id, sym, state, filled_qty FROM orders"
            )
        }
        reports: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for seq, report in database.execute("SELECT seq, report FROM executions ORDER BY book, seq"):
            said = fields_of(report)
            reports[said["sym"]].append({**said, "seq": seq})
        latches = dict(database.execute("SELECT name, reason FROM latches").fetchall())
        (bus_id,) = database.execute("SELECT bus_id FROM accounts").fetchone()
    return JournalSeen(orders, reports, latches, bus_id)


def read_venue(url: str) -> VenueSeen:
    """Reads a simulator's own ledger, and which orders it was asked to take."""
    ledger = _ask(url, "book", {})
    traded: dict[str, Decimal] = defaultdict(Decimal)
    for fill in ledger["fills"]:
        traded[fill["client_id"]] += Decimal(fill["qty"])
    return VenueSeen(
        [VenueOrder(one["client_id"], one["sym"], one["reduce_only"], one["created_ms"]) for one in ledger["orders"]],
        traded,
        {sym: Decimal(holding["qty"]) for sym, holding in ledger["positions"].items()},
        _ask(url, "asked", {"path": "/order", "method": "POST", "by": "client_id"})["by"],
    )


def _ask(url: str, name: str, content: Mapping[str, object]) -> Any:
    request = urllib.request.Request(f"{url}/_fake/{name}", json.dumps(content).encode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def sent_twice(venue: VenueSeen) -> list[str]:
    """Returns the orders that went out more than once, or stand at the exchange more than once: at any time."""
    found = [f"{name} was sent {times} times" for name, times in venue.asked.items() if name and times > 1]
    taken = Counter(order.client_id for order in venue.orders if order.client_id)
    return found + [f"{name} is on the venue {times} times" for name, times in taken.items() if times > 1]


def added_between(venue: VenueSeen, from_ms: int, until_ms: int) -> list[str]:
    """Returns the orders that may add exposure and that the exchange took in this time."""
    return [
        f"{order.client_id} of {order.sym} added exposure {(order.created_ms - from_ms) / 1_000:.1f} s after the fault"
        for order in venue.orders
        if from_ms <= order.created_ms <= until_ms and not order.reduce_only
    ]


def at_rest_faults(journal: JournalSeen, venue: VenueSeen, streams: Streams) -> list[str]:
    """Returns where journal, exchange and streams contradict one another when nothing is under way."""
    found = [f"{name} never ended: {row.state}" for name, row in journal.orders.items() if row.state in UNENDED]
    found += [
        f"{name} was asked for, and the journal lacks it"
        for (stream, _), entries in streams.items()
        if stream == "orders"
        for name in (fields_of(entry.d)["client_order_id"] for entry in entries)
        if name not in journal.orders
    ]
    found += [f"{name} is on the venue, and not in the journal" for name in venue.asked if name not in journal.orders]
    for name, row in journal.orders.items():
        if row.filled != venue.traded.get(name, ZERO):
            found.append(f"{name}: {venue.traded.get(name, ZERO)} on the venue, {row.filled} in the journal")
    for sym in journal.reports.keys() | {sym for stream, sym in streams if stream == "executions"}:
        found += _reports(sym, journal.reports.get(sym, ()), streams)
        position = sum((report["last_qty"] for report in journal.reports.get(sym, ())), ZERO)
        if position != venue.held.get(sym, ZERO):
            found.append(f"{sym}: {position} in the books, {venue.held.get(sym, ZERO)} on the venue")
    return found


def _reports(sym: str, journaled: Sequence[Mapping[str, Any]], streams: Streams) -> list[str]:
    """Returns where a symbol's reports in the journal are not numbered from 1, or are others than those on the bus."""
    found = []
    if [report["seq"] for report in journaled] != list(range(1, len(journaled) + 1)):
        found.append(f"{sym}: the journal's reports are not numbered from 1")
    streamed = {entry.n: fields_of(entry.d) for entry in streams.get(("executions", sym), ())}
    if len(streamed) != len(journaled):
        found.append(f"{sym}: {len(journaled)} reports in the journal, {len(streamed)} on the stream")
    for report in journaled:
        said = streamed.get(report["seq"])
        if said is not None and any(said.get(name) != report.get(name) for name in REPORTED):
            found.append(f"{sym}: report {report['seq']} in the journal is another one on the stream")
    return found + _books(sym, journaled, streams)


def _books(sym: str, journaled: Sequence[Mapping[str, Any]], streams: Streams) -> list[str]:
    """Returns the decisions that stood on another position than the journal's reports up to then add up to."""
    held = [ZERO]
    for report in journaled:
        held.append(held[-1] + report["last_qty"])
    found = []
    for entry in streams.get(("decisions", sym), ()):
        decided = fields_of(entry.d)
        booked_n, qty = decided["booked_n"], decided["signed_qty"]
        if booked_n >= len(held) or held[booked_n] != qty:
            found.append(
                f"{sym}: decision {entry.n} stood on {qty} after report {booked_n}, the journal says otherwise"
            )
    return found
