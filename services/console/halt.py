"""`tickline halt` stops an account's sending; `tickline resume` lifts what stopped it.

What a halt can do without is loaded behind its latch: the latch waits for neither research nor ccxt.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated

import typer

from services.console.options import AccountName
from services.console.terminal import confirm, need_terminal, now_ms, on_account, person, warn
from shared.control import latches
from shared.control.accounts import account_to_stop, journal_of, settings_of_account
from shared.explain.account import latch_line, latch_with_its_verb
from shared.wall_time import LOCAL_TIME


def halt(
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel what is open at the venue.")] = False,
    flatten: Annotated[bool, typer.Option("--flatten", help="Cancel, and close all positions.")] = False,
    within_s: Annotated[
        float | None, typer.Option("--within", min=1, help="Seconds to try; without it until it is done, or Ctrl-C.")
    ] = None,
    account: AccountName = None,
) -> None:
    """Stop sending at once, with or without bus and gateway. Needs no confirmation."""
    on_account(lambda: stop(cancel=cancel, flatten=flatten, within_s=within_s, named=account))


async def stop(
    *, cancel: bool, flatten: bool, within_s: float | None = None, named: str | None = None
) -> Iterable[str]:
    """Halts the account; then, if asked for, cancels and closes through the venue itself.

    While the halt is at work the gateway leaves the account to it; then it comes back, settles what the halt has sent,
    and refuses everything else.

    - within_s: how long the venue is asked; None: until it is done.
    - named: as `account_to_stop` has it.
    """
    by = person()
    async with account_to_stop(named, warn) as stopped:
        epoch = await latches.halt(stopped.journal, by, now_ms(), at_work=cancel or flatten, flatten=flatten)
        typer.echo(f"{stopped.account} is halted: nothing is sent until `tickline resume HALT`")
        if cancel or flatten:
            from services.gateway.account.halt import leave

            await leave(stopped, epoch, by, typer.echo, warn, flatten=flatten, within_s=within_s)
    return ()


def resume(
    names: Annotated[list[str] | None, typer.Argument(help="What is lifted, e.g. HALT; none: list it.")] = None,
) -> None:
    """Lift what is latched, by name; without one it lists them. Lifting needs a terminal."""
    on_account(lambda: lift(names or []))


async def lift(names: Sequence[str]) -> Iterable[str]:
    """Drops the latches of these names, after a person has seen them; without names, lists what is latched."""
    if names:
        need_terminal("resume")
    settings = settings_of_account()
    account = settings.gateway.account
    async with journal_of(settings, warn) as journal:
        standing = await journal.latches()
        if not names:
            listed = [latch_with_its_verb(latch, LOCAL_TIME) for _, latch in sorted(standing.items())]
            return listed or [f"nothing of {account} is latched"]
        dropped, left = latches.to_lift(names, standing), sorted(standing.keys() - set(names))
        for latch in dropped:
            typer.echo(f"latched: {latch_line(latch, LOCAL_TIME)}")
        for name in left:
            typer.echo(f"stays: {latch_line(standing[name], LOCAL_TIME)}")
        confirm(account, "resume")
        await latches.lift(journal, dropped, person(), now_ms())
    goes = f"; still held by {', '.join(left)}" if left else ""
    return [f"{', '.join(latch.name for latch in dropped)} of {account} lifted{goes}"]
