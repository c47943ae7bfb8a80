"""`tickline resolve`: a person decides what cannot be asked."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

import typer

from services.gateway.account.adoption import Adopted, Market, adopted, written
from services.gateway.account.adoption import Said as Word
from services.gateway.account.alone import write_alone
from services.gateway.account.opened import journal_of, settings_of_account
from services.gateway.account.resolution import OF_DIFFERENCES, Ending, Said, resolution
from services.gateway.account.terminal import confirm, need_terminal, now_ms, person, utc
from shared.config import Settings
from shared.control.books import book_of, booked
from shared.errors import ConfigError, SafetyRefusal
from shared.exchanges.trading.amounts import plain
from shared.journal.journal import Journal
from shared.journal.rows import Change, EventRow, ExternalRow, OrderRow
from shared.messages.reasons import OrderPhase
from shared.orders.reconcile import DifferenceKind


async def listed() -> Iterator[str]:
    """What waits for a person: orders without an end, differences that nobody has adopted."""
    settings = settings_of_account()
    async with journal_of(settings) as journal:
        orders = [row for row in await journal.orders() if row.state is not OrderPhase.INTENT]
        differences = await journal.externals(adopted=False)
    lines = [*map(_order_line, orders), *(_difference_line(row, settings) for row in differences)]
    return iter(lines or [f"nothing of {settings.gateway.account} waits for a person"])


async def resolve(
    what: Sequence[str], ending: Ending, qty: Decimal | None, price: Decimal | None, fee: Decimal | None
) -> Iterator[str]:
    """End an order as the person says, or adopt differences."""
    need_terminal("resolve")
    settings = settings_of_account()
    async with journal_of(settings) as journal:
        if ending in OF_DIFFERENCES:
            await adopt(settings, journal, what, Word(ending, qty, price, fee, person(), now_ms()))
            return iter([f"{one} is adopted" for one in what])
        if len(what) > 1 or fee is not None:
            raise ConfigError(f"--as {ending}: of one order at a time, whose fees the exchange tells")
        name = what[0]
        row = await journal.order(name)
        if row is None:
            raise ConfigError(f"order {name[:40]!r} is unknown; `tickline resolve` lists what waits")
        fills = await journal.fills(client_order_id=name)
        by = person()
        said = Said(OrderPhase(ending.upper()), qty, price, by, now_ms())
        typer.echo(_order_line(row))
        typer.echo(resolution(row, fills, said, 1, settings.gateway).shown)
        confirm(settings.gateway.account, "resolve")

        async def resolved(epoch: int) -> list[Change]:
            if await journal.order(name) != row:
                raise SafetyRefusal(f"order {name} has changed meanwhile: look at it again")
            changes = resolution(row, fills, said, await journal.last_seq(row.book) + 1, settings.gateway)
            event = EventRow("RESOLVED", row.sym, name, f"{changes.shown} by {by}", said.at_ms)
            return [changes.row._replace(epoch=epoch), changes.execution, event]

        await write_alone(journal, f"resolve by {by}", resolved)
    return iter([f"{name} is {ending}"])


async def adopt(settings: Settings, journal: Journal, names: Sequence[str], said: Word) -> None:
    """Show what adopting these differences means, let the person type the account's name, and write it."""
    made = await made_of(settings, journal, names, said)
    for one in made:
        typer.echo(_difference_line(one.row, settings))
        typer.echo(f"  {one.shown}")
    confirm(settings.gateway.account, "adopt it" if len(made) == 1 else "adopt them")
    await write_adopted(settings, journal, made, names, said)


async def write_adopted(
    settings: Settings, journal: Journal, made: Sequence[Adopted], names: Sequence[str], said: Word
) -> None:
    """As it was shown, or SafetyRefusal where it is another thing by now."""
    if not any(one.booking or one.mine is not None for one in made):
        await journal.write_by_person(
            [
                change
                for one in made
                for change in written(one, said, "", 0)
                if isinstance(change, ExternalRow | EventRow)
            ]
        )
        return
    books = {book_of(settings, one.row.sym) for one in made if one.booking is not None or one.mine is not None}
    before = {book: await booked(journal, book) for book in books}

    async def adopted(_: int) -> list[Change]:
        if await made_of(settings, journal, names, said) != made:
            raise SafetyRefusal("a difference has changed meanwhile: look at it again: `tickline resolve`")
        changes: list[Change] = []
        for one in made:
            book = book_of(settings, one.row.sym)
            if one.booking is not None or one.mine is not None:
                held = (await booked(journal, book, before[book])).qty
                if one.row.expected is not None and held != Decimal(one.row.expected):
                    raise SafetyRefusal(
                        f"{one.row.sym}: its book holds {plain(held)} by now, not {one.row.expected}: the gateway "
                        "compares anew when it is at work; then look again: `tickline resolve`"
                    )
            changes += written(one, said, book, await journal.last_seq(book) + 1, await journal.limits())
        return changes

    await write_alone(journal, f"adopt by {said.by}", adopted)  # the gateway loads its books anew


async def made_of(settings: Settings, journal: Journal, names: Sequence[str], said: Word) -> list[Adopted]:
    """What adopting these differences would mean now; ConfigError or SafetyRefusal where it cannot be."""
    waiting = await journal.externals(adopted=False)
    by_name = {_name(row): row for row in waiting}
    for name in names:
        if name not in by_name:
            raise ConfigError(f"difference {name[:80]!r} is unknown or adopted; `tickline resolve` lists what waits")
    markets = {sym: Market.of(market) for sym, market in settings.gateway.markets.items()}
    return adopted([by_name[name] for name in dict.fromkeys(names)], waiting, said, markets, await journal.limits())


def _order_line(row: OrderRow) -> str:
    filled = f", filled {row.filled_qty}" if row.filled_qty else ""
    return f"order {row.client_order_id}: {row.state} {row.signed_qty} {row.sym} sent {utc(row.at_ms)}{filled}"


def _difference_line(row: ExternalRow, settings: Settings) -> str:
    line = f"difference {_name(row)} since {utc(row.at_ms)}: {row.text}"
    if row.kind != DifferenceKind.POSITION:
        return line
    spot = bool(Market.of(settings.gateway.markets.get(row.sym, "")).base)
    return f"{line}: the bot's (--as bot){' or yours (--as mine)' if spot else ''}"


def _name(row: ExternalRow) -> str:
    return f"{row.kind}/{row.sym}/{row.key}"
