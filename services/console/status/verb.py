"""`tickline status`: what the line holds, made and decided last, with the line at work or dead."""

import asyncio
import shutil
from typing import TYPE_CHECKING

from services.console.output import AsJson, InUtc, json_text, show, wall_time
from services.console.run_id import RunId, of_run
from services.console.settings import with_bus
from services.console.status.lines import status_lines
from shared.bus.api import BusLost
from shared.bus.embedded import running_url
from shared.config import Mode, Settings, load_settings
from shared.errors import BusUnreachable
from shared.lookup import Lookup
from shared.messages import Stream
from shared.status.reader import StatusReader
from shared.status.state import LineStatus
from shared.wall_time import WallTime

if TYPE_CHECKING:
    from shared.bus.redis_bus import RedisSession


def status(as_json: AsJson = False, utc: InUtc = False, run_id: RunId = None) -> None:
    """Show position, profit, fees, last decision and fill of each symbol, and whether the line is at work."""
    wall, settings = wall_time(utc), load_settings()
    rests = not settings.bus.url and running_url(settings.bus.folder) is None
    try:
        with with_bus(settings) as found:
            seen = asyncio.run(read_status(found, wall, run_id, rests=rests))
    except BusUnreachable:  # no bus was ever here, or it is dead
        if run_id is not None:
            raise
        seen = asyncio.run(read_status(settings, wall))
    if as_json:
        show([json_text(seen.as_json())])
    else:
        show(status_lines(seen, wall, shutil.get_terminal_size((160, 24)).columns))


async def read_status(
    settings: Settings, wall: WallTime, run_id: str | None = None, *, rests: bool = False
) -> LineStatus:
    """Returns the line's status, and asks the exchange where the line is not at work. run_id: of a replay instead."""
    from shared.runner.service import make_bus  # it loads the server's client

    if settings.bus.url:
        try:
            own = await of_run(settings, run_id)
            session = await make_bus(own).connect()
            try:
                return await _read(own, wall, session, rests=rests, replay=run_id is not None)
            finally:
                await session.close()
        except BusLost as lost:  # then all is read without it, and the status says so
            if run_id is not None:
                raise BusUnreachable(f"--run-id: {lost}") from lost
    return await _read(settings, wall, None, rests=rests)


async def _read(
    settings: Settings, wall: WallTime, session: "RedisSession | None", *, rests: bool, replay: bool = False
) -> LineStatus:
    async with Lookup.open(settings) as lookup:
        if replay:
            known = [sym for sym in await lookup.symbols() if await lookup.last(Stream.TICKS, sym)]
            on_paper = settings.gateway.model_copy(update={"mode": Mode.PAPER})  # no journal knows of a replay
            changes = {"symbols": tuple(known) or settings.symbols, "gateway": on_paper}
            settings = settings.model_copy(update=changes)
        reader = StatusReader(settings, lookup, wall, session=session, rests=rests, asks=not replay, replay=replay)
        seen = await reader.read()
    if replay or session is None or any(one.price is not None for one in seen.symbols.values()):
        return seen
    from shared.bus.redis_bus import known_runs

    if not await known_runs(session, settings.bus.namespace):
        return seen
    there = "the config's own line has had no tick yet; `tickline status --run-id last` shows the last replay"
    return seen._replace(notes=(*seen.notes, there))
