"""`tickline resume`."""

from collections.abc import Iterator, Sequence

import typer

from services.gateway.account.opened import journal_of, settings_of_account
from services.gateway.account.terminal import confirm, need_terminal, now_ms, person, utc
from shared.control.latches import OTHER_BUS
from shared.errors import ConfigError, SafetyRefusal
from shared.journal.rows import DropLatch, EventRow, LatchRow


async def resume(names: Sequence[str]) -> Iterator[str]:
    """Drop the latches of these names, after a person has seen them; without names, list what is latched.

    ConfigError for a name that is not latched. The latch of another bus is `tickline adopt`'s.
    """
    if names:
        need_terminal("resume")
    settings = settings_of_account()
    account = settings.gateway.account
    async with journal_of(settings) as journal:
        latches = await journal.latches()
        if not names:
            return iter(
                [_listed(latch) for _, latch in sorted(latches.items())] or [f"nothing of {account} is latched"]
            )
        if OTHER_BUS in names:
            raise SafetyRefusal(f"{OTHER_BUS} is lifted by `tickline adopt`")
        if unknown := [name for name in names if name not in latches]:
            latched = ", ".join(sorted(latches)) or "nothing"
            raise ConfigError(f"resume {', '.join(unknown)}: not latched; {latched} is")
        dropped = [latches[name] for name in dict.fromkeys(names)]
        for latch in dropped:
            typer.echo(f"latched: {shown(latch)}")
        for name in sorted(latches.keys() - set(names)):
            typer.echo(f"stays: {shown(latches[name])}")
        confirm(account, "resume")
        by = person()
        await journal.write_by_person(
            [
                *(DropLatch(latch.name) for latch in dropped),
                *(EventRow("RESUMED", "", "", f"{latch.name} by {by}", now_ms()) for latch in dropped),
            ]
        )
        left = sorted(latches.keys() - set(names))
    goes = f"; still held by {', '.join(left)}" if left else ""
    return iter([f"{', '.join(latch.name for latch in dropped)} of {account} lifted{goes}"])


def _listed(latch: LatchRow) -> str:
    verb = "adopt" if latch.name == OTHER_BUS else f"resume {latch.name}"
    return f"latched: {shown(latch)}: `tickline {verb}`"


def shown(latch: LatchRow) -> str:
    """E.g. `DAILY_LOSS since 2025-11-24 12:00:00 UTC by gateway: equity 900, ...`."""
    return f"{latch.name} since {utc(latch.at_ms)} by {latch.by}: {latch.reason}"
