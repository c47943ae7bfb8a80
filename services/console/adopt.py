"""`tickline adopt`: a person says that the bus there is now is the right one, or the key of the account."""

from collections.abc import Iterable
from typing import Annotated

import typer

from services.console.settings import with_bus
from services.console.terminal import confirm, need_terminal, now_ms, on_account, person, warn
from shared.config import Settings
from shared.control import latches
from shared.control.accounts import journal_of, settings_of_account, write_key
from shared.control.whereabouts import Whereabouts


def adopt(
    key: Annotated[bool, typer.Option("--key", help="The config's key: it is a new one of the same account.")] = False,
) -> None:
    """Say that the present bus, or key, is the right one, after another; needs a terminal."""
    on_account(adopt_key if key else adopt_bus)


async def adopt_bus() -> Iterable[str]:
    """Writes the present bus's id into the journal. The gateway then gives it all executions it lacks."""
    need_terminal("adopt")
    settings = settings_of_account()
    account = settings.gateway.account
    present = await _present_bus(settings)
    async with journal_of(settings, warn) as journal:
        known = await journal.bus_id()
        latched = latches.OTHER_BUS in await journal.latches()
        if known == present and not latched:
            return [f"bus {present[:12]} is the one that {account}'s journal belongs to: nothing to adopt"]
        typer.echo(f"the journal of {account} belongs to bus {(known or 'none')[:12]}; here is bus {present[:12]}")
        typer.echo("what this bus knows of orders and books is replaced by what the journal says")
        typer.echo(
            f"if paper or another account trades in this bus's namespace {settings.bus.namespace!r}, do not: give "
            f"{account} another `namespace` in [bus] of its config"
        )
        confirm(account, "adopt")
        await latches.adopt_bus(journal, present, known, person(), now_ms())
    return [f"{account}'s journal belongs to bus {present[:12]} now"]


async def adopt_key() -> Iterable[str]:
    """Writes down that the config's key is of the account that its journal belongs to: a person has made a new one."""
    need_terminal("adopt")
    from services.gateway.account.preview import other_key  # ccxt takes a while to load

    settings = settings_of_account()
    account = settings.gateway.account
    async with journal_of(settings, warn) as journal:
        before = Whereabouts.known(await journal.limits())
        other = await other_key(settings, before)
        if other is None:
            return [f"this key is of the account that {account}'s journal belongs to: nothing to adopt"]
        typer.echo(other.why)
        confirm(account, "adopt the key")
        await write_key(journal, before.model_copy(update={"identity": other.identity}), person(), now_ms())
    return [f"{account}'s journal belongs to this key's account now"]


async def _present_bus(settings: Settings) -> str:
    from shared.runner.service import check_bus, make_bus

    with with_bus(settings) as found:
        bus = make_bus(found)
        await check_bus(bus, found)
        session = await bus.connect()
        try:
            return (await session.meta({}))["bus_id"]
        finally:
            await session.close()
