"""`tickline halt`."""

import asyncio
import time
from typing import TYPE_CHECKING

import typer

from services.gateway.control.clock import now_ms
from services.gateway.control.opened import journal_of, settings_of_account
from services.gateway.control.terminal import person
from services.gateway.risk.latches import HALT
from shared.config import Settings
from shared.errors import VenueError
from shared.journal.rows import EventRow, LatchRow

if TYPE_CHECKING:
    from services.gateway.venues.venue import Venue

RETRY_S = 0.5


async def halt(*, cancel: bool, flatten: bool, within_s: float) -> None:
    """Stop everything; then, if asked for, cancel and close through the venue itself.

    When the journal has the latch and a newer epoch, a gateway can send no more: its next write is Fenced, and what it
    reads then is the latch.
    """
    settings = settings_of_account()
    by, account = person(), settings.gateway.account
    async with journal_of(settings) as journal:
        latch = LatchRow(HALT, "a person's word", by, now_ms())
        epoch = await journal.raise_epoch(f"halt by {by}", [latch, EventRow("HALT", "", "", f"by {by}", now_ms())])
        typer.echo(f"{account} is halted: nothing is sent until `tickline resume`")
        if not (cancel or flatten):
            return
        from services.gateway.control.flatten import Flatten  # takes a while to load, and the halt does not wait

        until = time.monotonic() + within_s
        venue = await _opened(settings, until)
        try:
            way_out = Flatten(settings, journal, venue, epoch, by, typer.echo)
            await way_out.cancel(until)
            if flatten:
                await way_out.flatten(until)
        finally:
            await venue.close()


async def _opened(settings: Settings, until: float) -> "Venue":
    """The venue, tried again until `until` (monotonic); then VenueError."""
    from services.gateway.venues.make import make_venue

    while True:
        venue = make_venue(settings)
        try:
            await venue.open(only_out=True)
        except VenueError as error:
            if time.monotonic() > until:
                raise
            typer.echo(f"{error}: trying again")
            await asyncio.sleep(RETRY_S)
        else:
            return venue
