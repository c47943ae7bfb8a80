"""`tickline arm` lets an account add exposure for a limited time; `tickline disarm` ends that."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated

import typer

from services.console.options import AccountName
from services.console.terminal import amount, confirm, need_terminal, now_ms, on_account, person, warn
from shared.control import arming
from shared.control.accounts import account_to_stop, journal_of, settings_of_account
from shared.control.capital import books_in, check_books
from shared.control.latches import HALT
from shared.errors import ConfigError, SafetyRefusal
from shared.explain.account import NS_PER_MS
from shared.strategies.identity import decided_by_config
from shared.wall_time import LOCAL_TIME


def arm(
    account: Annotated[str, typer.Option(help="The config's account: you will type its name.")],
    max_notional: Annotated[str, typer.Option(help="All positions together at most, in quote units.")],
    length: Annotated[str, typer.Option("--for", help="How long, e.g. 30m or 12h; 7d at most.")],
) -> None:
    """Allow orders that add exposure, for a limited time. Shows the account first; needs a terminal."""
    notional = amount("--max-notional", max_notional)
    if notional is None or notional <= 0:
        raise ConfigError(f"--max-notional {max_notional}: it must be above 0")
    on_account(lambda: arm_account(account, notional, length))


async def arm_account(account: str, max_notional: Decimal, length: str) -> Iterable[str]:
    """Shows what would be armed, lets the person type the account's name, and writes the arming."""
    settings = settings_of_account()
    if account != settings.gateway.account:
        raise ConfigError(f"--account {account}: the config's account is {settings.gateway.account}")
    arming.length_ms(length)  # refused before anybody is asked
    need_terminal("arm")
    from services.gateway.account.preview import look, preview_lines, rules_of  # ccxt takes a while to load

    rules = rules_of(settings)
    armed = arming.Armed(rules.config_hash, decided_by_config(settings))
    async with journal_of(settings, warn) as journal:
        books = await books_in(settings, journal)
        await check_books(settings, journal, books)
        seen = await look(settings, journal, books)
        shown = arming.arming_for(armed, max_notional, length, person(), now_ms())
        for line in preview_lines(settings, rules, shown, seen):
            typer.echo(line)
        if any(latch.name == HALT for latch in seen.latches):
            raise SafetyRefusal(f"{account} is halted: `tickline resume HALT` comes first")
        confirm(account, "arm")
        # The time begins now, not when the account was shown.
        written = arming.arming_for(armed, max_notional, length, person(), now_ms())
        await arming.arm(journal, written, length)
    until = LOCAL_TIME.second(written.expires_at_ms * NS_PER_MS)
    return [f"{account} is armed until {until}; `tickline disarm` ends it"]


def disarm(account: AccountName = None) -> None:
    """End the arming. Positions stay, and may be reduced."""
    on_account(lambda: disarm_account(account))


async def disarm_account(named: str | None = None) -> Iterable[str]:
    """Ends the arming at once. named: as `account_to_stop` has it."""
    async with account_to_stop(named, warn) as stopped:
        was_armed = await arming.disarm(stopped.journal, person(), now_ms())
    return [f"{stopped.account} is disarmed" if was_armed else f"{stopped.account} was not armed, and is not"]
