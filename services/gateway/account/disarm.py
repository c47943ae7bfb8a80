"""`tickline disarm`."""

from collections.abc import Iterator

from services.gateway.account.account_to_stop import account_to_stop
from services.gateway.account.terminal import now_ms, person
from shared.journal.rows import DropArming, EventRow, PersonChange


async def disarm(named: str | None = None) -> Iterator[str]:
    """End the arming at once: a gateway that is just about to send is fenced. named: as account_to_stop has it."""
    by = person()
    async with account_to_stop(named) as stopped:
        was = await stopped.journal.arming()
        changes: list[PersonChange] = [DropArming(), EventRow("DISARMED", "", "", f"by {by}", now_ms())]
        await stopped.journal.raise_epoch(f"disarm by {by}", changes)
    account = stopped.account
    return iter([f"{account} is disarmed" if was is not None else f"{account} was not armed, and is not"])
