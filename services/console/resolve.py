"""`tickline resolve`: a person decides what cannot be asked, how an order ended or whose a difference is."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Annotated

import typer

from services.console.terminal import amount, confirm, need_terminal, now_ms, on_account, person, warn
from services.gateway.account.adoption import AdoptRequest, made_of, write_adopted
from services.gateway.account.resolution import OF_DIFFERENCES, ResolveAs, ResolveRequest, resolution
from shared.config import Settings
from shared.control.accounts import journal_of, settings_of_account, write_alone
from shared.control.whereabouts import Currencies
from shared.errors import ConfigError, SafetyRefusal
from shared.explain.orders import difference_line, order_line
from shared.journal.journal import Journal
from shared.journal.rows import Change, EventRow, ExternalRow
from shared.messages.reasons import OrderPhase
from shared.wall_time import LOCAL_TIME


def resolve(
    what: Annotated[list[str] | None, typer.Argument(help="An order's id, or differences; none: list all.")] = None,
    ending: Annotated[
        ResolveAs | None,
        typer.Option("--as", help="How the order ended; of a difference: external (noted), bot or mine (a position)."),
    ] = None,
    qty: Annotated[str | None, typer.Option(help="What was filled, or is taken over, in base units.")] = None,
    price: Annotated[str | None, typer.Option(help="Its average price.")] = None,
    fee: Annotated[str | None, typer.Option(help="Of a position: what it cost, in quote units.")] = None,
) -> None:
    """Decide what cannot be asked: an order that the venue does not tell, a difference; needs a terminal."""
    if not what:
        on_account(waiting)
        return
    if ending is None:
        raise ConfigError(
            "resolve: say how it ended: --as filled, canceled, rejected or expired; external, bot or mine"
        )
    numbers = amount("--qty", qty), amount("--price", price), amount("--fee", fee)
    on_account(lambda: decide(what, ending, *numbers))


async def waiting() -> Iterable[str]:
    """Returns what waits for a person: orders without an end, differences that nobody has adopted."""
    settings = settings_of_account()
    async with journal_of(settings, warn) as journal:
        orders = [row for row in await journal.orders() if row.state is not OrderPhase.INTENT]
        differences = await journal.externals(adopted=False)
    lines = [
        *(order_line(row, LOCAL_TIME) for row in orders),
        *(_difference_line(row, settings) for row in differences),
    ]
    return lines or [f"nothing of {settings.gateway.account} waits for a person"]


async def decide(
    what: Sequence[str], ending: ResolveAs, qty: Decimal | None, price: Decimal | None, fee: Decimal | None
) -> Iterable[str]:
    """Ends an order as the person says, or adopts differences."""
    need_terminal("resolve")
    settings = settings_of_account()
    async with journal_of(settings, warn) as journal:
        if ending in OF_DIFFERENCES:
            await _adopt(settings, journal, what, AdoptRequest(ending, qty, price, fee, person(), now_ms()))
            return [f"{one} is adopted" for one in what]
        if len(what) > 1 or fee is not None:
            raise ConfigError(f"--as {ending}: of one order at a time, whose fees the exchange tells")
        name = what[0]
        row = await journal.order(name)
        if row is None:
            raise ConfigError(f"order {name[:40]!r} is unknown; `tickline resolve` lists what waits")
        fills = await journal.fills(client_order_id=name)
        by = person()
        said = ResolveRequest(OrderPhase(ending.upper()), qty, price, by, now_ms())
        typer.echo(order_line(row, LOCAL_TIME))
        typer.echo(resolution(row, fills, said, 1, settings.gateway).shown)
        confirm(settings.gateway.account, "resolve")

        async def resolved(epoch: int) -> list[Change]:
            if await journal.order(name) != row:
                raise SafetyRefusal(f"order {name} has changed meanwhile: look at it again")
            made = resolution(row, fills, said, await journal.last_seq(row.book) + 1, settings.gateway)
            event = EventRow("RESOLVED", row.sym, name, f"{made.shown} by {by}", said.at_ms)
            return [made.row._replace(epoch=epoch), made.execution, event]

        await write_alone(journal, f"resolve by {by}", resolved)
    return [f"{name} is {ending}"]


async def _adopt(settings: Settings, journal: Journal, names: Sequence[str], said: AdoptRequest) -> None:
    """Shows what adopting these differences means, lets the person type the account's name, and writes it."""
    made = await made_of(settings, journal, names, said)
    for one in made:
        typer.echo(_difference_line(one.row, settings))
        typer.echo(f"  {one.shown}")
    confirm(settings.gateway.account, "adopt it" if len(made) == 1 else "adopt them")
    await write_adopted(settings, journal, made, names, said)


def _difference_line(row: ExternalRow, settings: Settings) -> str:
    spot = bool(Currencies.of(settings.gateway.markets.get(row.sym, "")).base)
    return difference_line(row, spot=spot, wall=LOCAL_TIME)
