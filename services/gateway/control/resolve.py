"""`tickline resolve`: a person decides what cannot be asked."""

from collections.abc import Iterator
from decimal import Decimal

import typer

from services.gateway.control.clock import now_ms, utc
from services.gateway.control.ending import Ending
from services.gateway.control.opened import journal_of, settings_of_account
from services.gateway.control.resolution import Said, resolution
from services.gateway.control.terminal import confirm, need_terminal, person
from shared.errors import ConfigError
from shared.journal.journal import Journal
from shared.journal.rows import EventRow, ExternalRow, OrderRow
from shared.messages.reasons import OrderState


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
            if qty is not None or price is not None:
                raise ConfigError("--as external: a difference is adopted as it is, without --qty and --price")
            return await _adopt(journal, settings.gateway.account, what)
        row = await journal.order(what)
        if row is None:
            raise ConfigError(f"order {what[:40]!r} is unknown; `tickline resolve` lists what waits")
        seq = await journal.last_seq(row.book) + 1
        fills = await journal.fills(client_order_id=what)
        by, now = person(), now_ms()
        said = Said(OrderState(ending.upper()), qty, price, by, now)
        changes = resolution(row, fills, said, seq, settings.gateway)
        typer.echo(_order_line(row))
        typer.echo(changes.shown)
        confirm(settings.gateway.account, "resolve")
        epoch = await journal.raise_epoch(f"resolve by {by}")  # the gateway reads anew what it had open
        event = EventRow("RESOLVED", row.sym, what, f"{changes.shown} by {by}", now)
        await journal.write([changes.row._replace(epoch=epoch), changes.execution, event], epoch)
    return iter([f"{what} is {ending}"])


async def _adopt(journal: Journal, account: str, what: str) -> Iterator[str]:
    found = [row for row in await journal.externals(adopted=False) if _name(row) == what]
    if not found:
        raise ConfigError(f"difference {what[:80]!r} is unknown or adopted; `tickline resolve` lists what waits")
    typer.echo(_difference_line(found[0]))
    confirm(account, "adopt it")
    by = person()
    event = EventRow("ADOPTED", found[0].sym, "", f"{what} by {by}: {found[0].text}", now_ms())
    await journal.write_by_person([found[0]._replace(adopted_by=by), event])
    return iter([f"{what} is adopted"])


def _order_line(row: OrderRow) -> str:
    filled = f", filled {row.filled_qty}" if row.filled_qty else ""
    return f"order {row.client_order_id}: {row.state} {row.signed_qty} {row.sym} sent {utc(row.at_ms)}{filled}"


def _difference_line(row: ExternalRow) -> str:
    return f"difference {_name(row)} since {utc(row.at_ms)}: {row.text}"


def _name(row: ExternalRow) -> str:
    return f"{row.kind}/{row.sym}/{row.key}"
