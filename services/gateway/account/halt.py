"""A halt leaves an account: it cancels and flattens through the venue itself, until that is done or time is over."""

import asyncio
import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from services.gateway.account.waiting import RETRY_S, VenueWait, longer
from shared.config import Settings
from shared.control.accounts import AccountToStop, Say
from shared.control.latches import AtWork
from shared.control.whereabouts import Whereabouts
from shared.errors import ConfigError, VenueError

if TYPE_CHECKING:
    from shared.exchanges.trading.venue import Venue

LATE_S = 1.0  # for what is being asked at the end
AGAIN = "not all that was asked for is done: run it again"


async def leave(
    stopped: AccountToStop, epoch: int, by: str, say: Say, warn: Say, *, flatten: bool, within_s: float | None = None
) -> None:
    """Cancels every open order of a halted account and, with `flatten`, closes every position.

    Our stops stay, as long as there is a position.

    - epoch: the journal's, as the halt has raised it.
    - by: the person.
    - say, warn: show what is done, and what is not.
    - within_s: how long the venue is asked, VenueError then; None: one that is silent is asked until it answers.
    """
    waiting = VenueWait(stopped.account, say, within_s)
    own = AtWork(stopped.journal, epoch, by, flatten=flatten)
    telling = asyncio.create_task(waiting.tell())
    try:
        async with asyncio.timeout(None if within_s is None else within_s + LATE_S):
            until = math.inf if within_s is None else time.monotonic() + within_s
            await _leave(stopped, own, until, waiting, say, flatten=flatten)
    except asyncio.CancelledError:  # Ctrl-C
        warn(f"stopped: {stopped.account} stays halted: {AGAIN}")
        raise
    except TimeoutError:
        raise VenueError(f"the exchange does not answer in time: {stopped.account} stays halted: {AGAIN}") from None
    except VenueError as error:
        raise VenueError(f"{error}: {stopped.account} stays halted: {AGAIN}") from None
    finally:
        telling.cancel()
        await own.give_back()


async def _leave(
    stopped: AccountToStop, own: AtWork, until: float, waiting: VenueWait, say: Say, *, flatten: bool
) -> None:
    # Loading them takes a while, and can fail: the epoch is given back then, too.
    from services.gateway.account.flatten import Flatten
    from services.gateway.account.resting import Resting, stops_of

    async with own.renewed():
        way = await stopped.way_out(say)
    settings, unplaced = way.settings, way.unplaced
    venue = await _reached(settings, way.others, until, waiting, say)
    try:
        before = Whereabouts.known(await stopped.journal.limits())
        Whereabouts.of(settings).of_account(venue, before, stopped.account)
        if flatten:
            flattening = Flatten(settings, stopped.journal, venue, own, say, unplaced, way.traded, way.booked, waiting)
            await flattening.flatten(until)
        else:
            reached = [sym for sym in settings.gateway.markets if sym not in venue.out_of_reach]
            keep = await stops_of(stopped.journal)
            async with own.renewed():
                await Resting(venue, reached, say, keep).cancel_all(until, waiting)
    finally:
        await venue.close()
    lost = [*venue.out_of_reach.values(), *(f"{sym}: its market cannot be told" for sym in unplaced)]
    if lost:
        raise ConfigError(f"{'; '.join(lost)}: correct gateway.markets: {AGAIN}")


async def _reached(
    settings: Settings, others: Mapping[str, str], until: float, waiting: VenueWait, say: Say
) -> "Venue":
    """Returns the open venue; a market that it does not have is looked for by the other name, if there is one."""
    venue: Venue | None = None
    try:
        venue = await _opened(settings, until, waiting, say)
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
    return await _opened(settings.model_copy(update={"gateway": gateway}), until, waiting, say)


async def _opened(settings: Settings, until: float, waiting: VenueWait, say: Say) -> "Venue":
    """Returns the open venue, which is asked again until `until` (monotonic); then VenueError."""
    from shared.exchanges.trading.ccxt_venue import make_venue

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
                say(f"{error}: trying again")
            await asyncio.sleep(pause_s)
            pause_s = longer(pause_s)
        else:
            return venue
