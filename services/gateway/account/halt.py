"""`tickline halt`."""

import asyncio
import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from services.gateway.account.account_to_stop import ToStop, account_to_stop
from services.gateway.account.terminal import now_ms, person
from services.gateway.account.waiting import RETRY_S, Waiting, longer
from shared.config import Settings
from shared.control.latches import AT_WORK, HALT
from shared.control.whereabouts import Whereabouts
from shared.errors import ConfigError, VenueError
from shared.journal.rows import EventRow, LatchRow

if TYPE_CHECKING:
    from shared.exchanges.trading.venue import Venue

LATE_S = 1.0  # for what is being asked at the end
AGAIN = "not all that was asked for is done: run it again"


async def halt(*, cancel: bool, flatten: bool, within_s: float | None = None, named: str | None = None) -> None:
    """Stop everything; then, if asked for, cancel and close through the venue itself, until it is done.

    within_s: how long that is tried, VenueError then; None: an exchange that is silent is asked until it answers.

    When the journal has the latch and a newer epoch, a gateway can send no more: its next write is Fenced, and what it
    reads then is the latch. While a halt is at work the gateway leaves the account to it; then it comes back, settles
    what the halt has sent, and refuses everything else. named: as account_to_stop has it.
    """
    by = person()
    async with account_to_stop(named) as stopped:
        account, journal = stopped.account, stopped.journal
        latch = LatchRow(HALT, "a person's word", by, now_ms())
        works = cancel or flatten
        owner = f"{AT_WORK} by {by}" if works else f"a person, {by}"
        epoch = await journal.raise_epoch(owner, [latch, EventRow("HALT", "", "", f"by {by}", now_ms())])
        typer.echo(f"{account} is halted: nothing is sent until `tickline resume HALT`")
        if not works:
            return
        waiting = Waiting(account, typer.echo, within_s)
        telling = asyncio.create_task(waiting.tell())
        try:
            async with asyncio.timeout(None if within_s is None else within_s + LATE_S):
                until = math.inf if within_s is None else time.monotonic() + within_s
                await _way_out(stopped, epoch, by, until, waiting, flatten=flatten)
        except asyncio.CancelledError:  # Ctrl-C
            typer.echo(f"stopped: {account} stays halted: {AGAIN}", err=True)
            raise
        except TimeoutError:
            raise VenueError(f"the exchange does not answer in time: {account} stays halted: {AGAIN}") from None
        except VenueError as error:
            raise VenueError(f"{error}: {account} stays halted: {AGAIN}") from None
        finally:
            telling.cancel()
            await journal.raise_epoch(f"a person, {by}, after a halt")


async def _way_out(
    stopped: ToStop, epoch: int, by: str, until: float, waiting: Waiting, *, flatten: bool
) -> None:  # fmt: skip
    from services.gateway.account.flatten import Flatten  # takes a while to load, and the halt does not wait

    settings, unplaced, others, traded = await stopped.way_out()
    venue = await _reached(settings, others, until, waiting)
    try:
        before = Whereabouts.known(await stopped.journal.limits())
        Whereabouts.of(settings).of_account(venue, before, stopped.account)
        way_out = Flatten(settings, stopped.journal, venue, epoch, by, typer.echo, unplaced, traded, waiting)
        await (way_out.flatten(until) if flatten else way_out.cancel(until))
    finally:
        await venue.close()
    lost = [*venue.out_of_reach.values(), *(f"{sym}: its market cannot be told" for sym in unplaced)]
    if lost:
        raise ConfigError(f"{'; '.join(lost)}: correct gateway.markets: {AGAIN}")


async def _reached(settings: Settings, others: Mapping[str, str], until: float, waiting: Waiting) -> "Venue":
    """The venue; a market that it does not have is looked for by the other name, if there is one."""
    venue: Venue | None = None
    try:
        venue = await _opened(settings, until, waiting)
        missing = set(venue.out_of_reach)
    except ConfigError:  # it has none of them
        if not others:
            raise
        missing = set(settings.gateway.markets)
    again = {sym: others[sym] for sym in missing & others.keys()}
    if venue is not None:
        if not again:
            return venue
        await venue.close()
    gateway = settings.gateway.model_copy(update={"markets": {**settings.gateway.markets, **again}})
    return await _opened(settings.model_copy(update={"gateway": gateway}), until, waiting)


async def _opened(settings: Settings, until: float, waiting: Waiting) -> "Venue":
    """The venue, tried again until `until` (monotonic); then VenueError."""
    from shared.exchanges.trading.make import make_venue

    pause_s, said = RETRY_S, ""
    while True:
        venue = make_venue(settings)
        try:
            await venue.open(only_out=True)
        except VenueError as error:
            if time.monotonic() > until:
                raise
            waiting.on = str(error)
            if waiting.on != said:
                said = waiting.on
                typer.echo(f"{error}: trying again")
            await asyncio.sleep(pause_s)
            pause_s = longer(pause_s)
        else:
            return venue
