"""`tickline disarm`."""

from collections.abc import Iterator

from services.gateway.control.clock import now_ms
from services.gateway.control.opened import journal_of, settings_of_account
from services.gateway.control.terminal import person
from shared.journal.rows import DropArming, EventRow


async def disarm() -> Iterator[str]:
    """End the arming at once: a gateway that is just about to send is fenced."""
    settings = settings_of_account()
    by = person()
    async with journal_of(settings) as journal:
        was = await journal.arming()
        await journal.raise_epoch(f"disarm by {by}", [DropArming(), EventRow("DISARMED", "", "", f"by {by}", now_ms())])
    account = settings.gateway.account
    return iter([f"{account} is disarmed" if was is not None else f"{account} was not armed, and is not"])
