"""`tickline adopt`: a person says that the bus there is now is the right one, or the key of the account."""

import contextlib
from collections.abc import Iterator

import typer

from services.gateway.account.alone import write_alone
from services.gateway.account.opened import journal_of, settings_of_account
from services.gateway.account.terminal import confirm, need_terminal, now_ms, person
from shared.bus.embedded import running_url, stored_bus
from shared.config import Settings
from shared.control.latches import OTHER_BUS
from shared.control.whereabouts import Whereabouts
from shared.errors import SafetyRefusal
from shared.journal.journal import Journal
from shared.journal.rows import Change, DropLatch, EventRow, SetBusId
from shared.runner.service import check_bus, make_bus


async def adopt() -> Iterator[str]:
    """Write the present bus's id into the journal. The gateway then gives it all executions it lacks."""
    need_terminal("adopt")
    settings = settings_of_account()
    account = settings.gateway.account
    present = await _present_bus(settings)
    async with journal_of(settings) as journal:
        known = await journal.bus_id()
        latched = OTHER_BUS in await journal.latches()
        if known == present and not latched:
            return iter([f"bus {present[:12]} is the one that {account}'s journal belongs to: nothing to adopt"])
        typer.echo(f"the journal of {account} belongs to bus {(known or 'none')[:12]}; here is bus {present[:12]}")
        typer.echo("what this bus knows of orders and books is replaced by what the journal says")
        typer.echo(
            f"if paper or another account trades in this bus's namespace {settings.bus.namespace!r}, do not: give "
            f"{account} another `namespace` in [bus] of its config"
        )
        confirm(account, "adopt")
        by = person()
        text = f"{present} instead of {known or 'none'}, by {by}"
        await journal.write_by_person(
            [SetBusId(present), DropLatch(OTHER_BUS), EventRow("ADOPTED_BUS", "", "", text, now_ms())]
        )
    return iter([f"{account}'s journal belongs to bus {present[:12]} now"])


async def adopt_key() -> Iterator[str]:
    """Write down that the config's key is of the account that its journal belongs to: a person has made a new one."""
    from shared.exchanges.trading.make import make_venue  # ccxt takes a while to load

    need_terminal("adopt")
    settings = settings_of_account()
    account, here = settings.gateway.account, Whereabouts.of(settings)
    async with journal_of(settings) as journal:
        before = Whereabouts.known(await journal.limits())
        venue = make_venue(settings)
        await venue.open(only_out=True)
        try:
            try:
                here.of_account(venue, before, account)
            except SafetyRefusal as other:
                typer.echo(f"{other}")
            else:
                return iter([f"this key is of the account that {account}'s journal belongs to: nothing to adopt"])
            now = here.of_account(venue, Whereabouts(), account)
        finally:
            await venue.close()
        confirm(account, "adopt the key")
        await write_key(journal, before.model_copy(update={"identity": now.identity}), person())
    return iter([f"{account}'s journal belongs to this key's account now"])


async def write_key(journal: Journal, where: Whereabouts, by: str) -> None:
    """The gateway looks at it anew."""
    event = EventRow("ADOPTED_KEY", "", "", f"another key, by {by}", now_ms())

    async def adopted(_: int) -> list[Change]:
        return [where.row(), event]

    await write_alone(journal, f"adopt by {by}", adopted)


async def _present_bus(settings: Settings) -> str:
    with contextlib.ExitStack() as stack:
        if not settings.bus.url:
            url = running_url(settings.bus.folder) or stack.enter_context(stored_bus(settings.bus.folder)).url
            settings = settings.model_copy(update={"bus": settings.bus.model_copy(update={"url": url})})
        bus = make_bus(settings)
        await check_bus(bus, settings)
        session = await bus.connect()
        try:
            return (await session.meta({}))["bus_id"]
        finally:
            await session.close()
