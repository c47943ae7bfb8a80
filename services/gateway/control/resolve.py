"""`tickline resolve`: a person decides what cannot be asked."""

from collections.abc import Iterator
from decimal import Decimal

import typer

from services.gateway.control.clock import now_ms, utc
from services.gateway.control.ending import Ending
from services.gateway.control.opened import journal_of, settings_of_account
from services.gateway.control.resolution import Said, adoption, resolution
from services.gateway.control.terminal import confirm, need_terminal, person
from services.gateway.desk.rules import book_of
from shared.config import Settings
from shared.errors import ConfigError, SafetyRefusal
from shared.journal.journal import Journal
from shared.journal.rows import EventRow, ExternalRow, OrderRow
from shared.messages.reasons import OrderState
from shared.orders.difference import DifferenceKind


async def listed() -> Iterator[str]:
    """What waits for a person: orders without an end, differences that nobody has adopted."""
    settings = settings_of_account()
    async with journal_of(settings) as journal:
        orders = [row for row in await journal.orders() if row.state is not OrderState.INTENT]
        differences = await journal.externals(adopted=False)
    lines = [*map(_order_line, orders), *map(_difference_line, differences)]
    return iter(lines or [f"nothing of {settings.gateway.account} waits for a person"])


async def resolve(what: str, ending: Ending, qty: Decimal | None, price: Decimal | None) -> Iterator[str]:
    """End an order as the person says, or adopt a difference."""
    need_terminal("resolve")
    settings = settings_of_account()
    async with journal_of(settings) as journal:
        if ending is Ending.EXTERNAL:
            await _adopt(settings, journal, what, qty, price)
            return iter([f"{what} is adopted"])
        row = await journal.order(what)
        if row is None:
            raise ConfigError(f"order {what[:40]!r} is unknown; `tickline resolve` lists what waits")
        fills = await journal.fills(client_order_id=what)
        by = person()
        said = Said(OrderState(ending.upper()), qty, price, by, now_ms())
        typer.echo(_order_line(row))
        typer.echo(resolution(row, fills, said, 1, settings.gateway).shown)
        confirm(settings.gateway.account, "resolve")
        epoch = await journal.raise_epoch(f"resolve by {by}")  # from here on nobody else writes
        if await journal.order(what) != row:
            raise SafetyRefusal(f"order {what} has changed meanwhile: look at it again")
        changes = resolution(row, fills, said, await journal.last_seq(row.book) + 1, settings.gateway)
        event = EventRow("RESOLVED", row.sym, what, f"{changes.shown} by {by}", said.at_ms)
        await journal.write([changes.row._replace(epoch=epoch), changes.execution, event], epoch)
    return iter([f"{what} is {ending}"])


async def _adopt(settings: Settings, journal: Journal, what: str, qty: Decimal | None, price: Decimal | None) -> None:
    """Take note of a difference; one of the position is booked, so that book and venue agree again."""
    found = next((row for row in await journal.externals(adopted=False) if _name(row) == what), None)
    if found is None:
        raise ConfigError(f"difference {what[:80]!r} is unknown or adopted; `tickline resolve` lists what waits")
    books = found.kind == DifferenceKind.POSITION
    if books and (not qty or price is None or price <= 0):
        raise ConfigError("--qty and --price: say what the venue holds more (+) or less (-) than the book, at a price")
    if not books and (qty, price) != (None, None):
        raise ConfigError(f"--qty and --price: a difference of kind {found.kind} is taken note of, not booked")
    typer.echo(_difference_line(found))
    if books:
        typer.echo(f"will be booked: {qty} {found.sym} at {price}, without an order of ours")
    confirm(settings.gateway.account, "adopt it")
    by, now = person(), now_ms()
    row = found._replace(adopted_by=by)
    event = EventRow("ADOPTED", found.sym, "", f"{what} by {by}, booked {qty or 0}: {found.text}", now)
    if qty is None or price is None:
        await journal.write_by_person([row, event])
        return
    epoch = await journal.raise_epoch(f"adopt by {by}")  # the gateway loads its books anew
    book = book_of(settings, found.sym)
    seq = await journal.last_seq(book) + 1
    await journal.write([adoption(found, qty, price, book, seq, (by, now)), row, event], epoch)


def _order_line(row: OrderRow) -> str:
    filled = f", filled {row.filled_qty}" if row.filled_qty else ""
    return f"order {row.client_order_id}: {row.state} {row.signed_qty} {row.sym} sent {utc(row.at_ms)}{filled}"


def _difference_line(row: ExternalRow) -> str:
    return f"difference {_name(row)} since {utc(row.at_ms)}: {row.text}"


def _name(row: ExternalRow) -> str:
    return f"{row.kind}/{row.sym}/{row.key}"
