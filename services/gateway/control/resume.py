"""`tickline resume`."""

from collections.abc import Iterator

import typer

from services.gateway.control.clock import now_ms, utc
from services.gateway.control.opened import journal_of, settings_of_account
from services.gateway.control.terminal import confirm, need_terminal, person
from services.gateway.risk.latches import OTHER_BUS
from shared.journal.rows import DropLatch, EventRow, LatchRow


async def resume() -> Iterator[str]:
    """Drop all latches, after a person has seen them; the one of another bus is `tickline adopt`'s."""
    need_terminal("resume")
    settings = settings_of_account()
    account = settings.gateway.account
    async with journal_of(settings) as journal:
        latches = await journal.latches()
        dropped = [latch for name, latch in sorted(latches.items()) if name != OTHER_BUS]
        if not dropped:
            also = ": another bus is, see `tickline adopt`" if latches else ""
            return iter([f"nothing of {account} is latched{also}"])
        for latch in dropped:
            typer.echo(f"latched: {shown(latch)}")
        confirm(account, "resume")
        by = person()
        await journal.write_by_person(
            [
                *(DropLatch(latch.name) for latch in dropped),
                *(EventRow("RESUMED", "", "", f"{latch.name} by {by}", now_ms()) for latch in dropped),
            ]
        )
    return iter([f"{account} goes on: {', '.join(latch.name for latch in dropped)} dropped"])


def shown(latch: LatchRow) -> str:
    """E.g. `DAILY_LOSS since 2025-11-24 12:00:00 UTC by gateway: equity 900, ...`."""
    return f"{latch.name} since {utc(latch.at_ms)} by {latch.by}: {latch.reason}"
