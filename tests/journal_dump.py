"""Dumps all that a journal holds, by name and as texts, as any version: `python -m tests.journal_dump URL WHO`."""

import asyncio
import json
import sys
from collections.abc import Iterable
from typing import Any

from services.gateway.execution import baseline
from services.gateway.execution.account_session import BEGAN, Began
from services.gateway.execution.watches import CONTRACT
from services.gateway.risk import marks
from shared.control import capital, whereabouts
from shared.control.books import execution_row, reports_of
from shared.exchanges.trading.venue import Contract
from shared.journal.journal import Journal
from shared.journal.rows import Change, EventRow
from shared.messages import ExecutionReport, OrderPhase
from shared.messages.codec import kept
from shared.record import Record
from tests.fixtures.journal import rows
from tests.next_version import FIELD, TEXT

Told = dict[str, dict[str, dict[str, str]]]  # kind -> key -> field -> value

LIMITS: dict[str, type[Record]] = {
    marks.EQUITY_MARKS: marks.Marks,
    marks.FUNDING_MARKS: marks.FundingMarks,
    marks.ORDER_RATE: marks.SentOrders,
    baseline.BALANCE_BESIDE: baseline.Beside,
    baseline.ELSEWHERE: baseline.PaidElsewhere,
    baseline.MINE: baseline.Mine,
    whereabouts.LIMIT: whereabouts.Whereabouts,
    capital.BEGUN: capital.Begun,
    BEGAN: Began,
    CONTRACT: Contract,
}


async def told(journal: Journal) -> Told:
    """Returns all that a journal holds, through the readers of the running version."""
    said: Told = {"orders": {}, "reports": {}, "limits": {}, "rows": {}}
    for order in await journal.orders(open_only=False):
        said["orders"][order.client_order_id] = _texts(order._asdict())
    for book in await journal.last_seqs():
        async for report in reports_of(journal, book):
            said["reports"][f"{book} {report.n}"] = _texts(report.content())
    for name, value in (await journal.limits()).items():
        said["limits"][name] = _texts(kept(limit_of(name), value).written())
    others = (
        *await journal.fills(), *await journal.funding(), *(await journal.latches()).values(), await journal.arming(),
        *await journal.externals(), *await journal.events(1000),
    )  # fmt: skip
    for number, row in enumerate(others):
        assert row is not None
        said["rows"][f"{number} {type(row).__name__}"] = _texts(row._asdict())
    epoch = await journal.epoch()
    said["rows"]["account"] = {"owner": epoch.owner, "bus_id": str(await journal.bus_id())}
    return said


def limit_of(name: str) -> type[Record]:
    """Returns the record of a limit of this name; several have a book's or a symbol's name at the end."""
    return LIMITS[name if name in LIMITS else name[: name.index(":") + 1]]


def _texts(fields: dict[str, Any]) -> dict[str, str]:
    return {name: repr(value) for name, value in fields.items()}


async def work(journal: Journal, who: str) -> None:
    """Ends one open order with its report, and touches the others and some limits, as this version does."""
    epoch = await journal.raise_epoch(who)
    first, *others = [row for row in await journal.orders() if row.venue_order_id]
    seq = await journal.last_seq(first.book) + 1
    fields = rows.REPORTS[first.sym][0].content() | {"n": seq, "client_order_id": first.client_order_id}
    limits = await journal.limits()
    changes: list[Change] = [
        first._replace(state=OrderPhase.FILLED, updated_ms=first.updated_ms + 1),
        execution_row(first.book, ExecutionReport(**(fields | _new(ExecutionReport.model_fields))), 1),
        marks.one_more(limits, rows.T_MS),
        EventRow("WORK", "", "", who, 1),
        *(row._replace(updated_ms=row.updated_ms + 1, **_new(row._fields)) for row in others),
    ]
    if _new(marks.Marks.model_fields):
        before = marks.marks_in(limits)
        assert before is not None
        changes.append(marks.Marks(**{**before.written(), **_new(marks.Marks.model_fields)}).row())
    await journal.write(changes, epoch)


def _new(fields: Iterable[str]) -> dict[str, Any]:
    """Returns what only the next version writes."""
    return {FIELD: TEXT} if FIELD in fields else {}


async def main(url: str, who: str) -> None:
    """Works in the journal as `who`, if that is given, and prints the dump as JSON."""
    async with await Journal.open(url, rows.ACCOUNT, durable=True, create=False) as journal:
        if who:
            await work(journal, who)
        print(json.dumps(await told(journal)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
