"""`tickline capital`: a person gives a book more money to trade with, or less."""

from collections.abc import Iterable
from typing import Annotated

import typer

from services.console.terminal import amount, confirm, need_terminal, now_ms, on_account, person, warn
from shared.config import Mode, load_settings
from shared.control.accounts import journal_of, settings_of_account
from shared.control.capital import CapitalChange, books_in, lacks_beginning, write_capital
from shared.errors import ConfigError
from shared.exchanges.trading.amounts import plain
from shared.explain.account import money


def capital(
    sym: Annotated[str, typer.Option(help="Whose book.")],
    to: Annotated[str | None, typer.Option("--set", help="The capital it shall have, in quote units.")] = None,
    add: Annotated[str | None, typer.Option("--add", help="What is added to it; with a minus: taken out.")] = None,
) -> None:
    """Give a book more capital to trade with, or less; needs a terminal."""
    change = CapitalChange(amount("--set", to), amount("--add", add))
    on_account(lambda: set_capital(sym, change))


async def set_capital(sym: str, change: CapitalChange) -> Iterable[str]:
    """Shows what a book has and would have, lets the person type the account's name, and writes it."""
    loaded = load_settings()
    if loaded.gateway.mode is Mode.PAPER:
        raise ConfigError(
            "config: gateway.mode is paper: a book on paper keeps the strategy.balance that it was begun with; another "
            f"one begins new books in another bus.namespace than {loaded.bus.namespace!r}"
        )
    settings = settings_of_account(loaded)
    need_terminal("capital")
    if sym not in settings.symbols:
        raise ConfigError(f"--sym {sym}: the config's symbols are {', '.join(settings.symbols)}")
    account = settings.gateway.account
    async with journal_of(settings, warn) as journal:
        if await lacks_beginning(settings, journal, sym):
            said = change.begun_with(sym)
            typer.echo(f"{sym}: its book is taken to have been begun with {plain(said)}; nothing else is changed")
            confirm(account, "say so")
            await write_capital(settings, journal, sym, change, person(), now_ms())
            return [f"{sym} was begun with a capital of {plain(said)}"]
        books = await books_in(settings, journal)
        now, balance = books.capital(sym), books.balance_of(sym)
        asked = change.of(now, balance, sym)
        if asked == now:
            return [f"{sym} has a capital of {plain(now)} already: nothing was changed"]
        typer.echo(
            f"{sym}: capital {plain(now)} becomes {plain(asked)}, its balance {money(balance)} "
            f"becomes {money(balance + asked - now)}; nothing is moved at the exchange"
        )
        confirm(account, "change it")
        written = await write_capital(settings, journal, sym, change, person(), now_ms())
    return [f"{sym} has a capital of {plain(written)} now"]
