"""`tickline status`: what the line holds, made and decided last, with the line at work or dead."""

import asyncio
import shutil
from contextlib import suppress

from services.console.output import AsJson, InUtc, json_text, show, wall_time
from services.console.settings import with_bus
from services.console.status.lines import status_lines
from services.console.status.reader import StatusReader
from services.console.status.state import LineStatus
from shared.bus.api import BusLost
from shared.bus.embedded import running_url
from shared.config import Settings, load_settings
from shared.errors import BusUnreachable
from shared.lookup import Lookup
from shared.wall_time import WallTime


def status(as_json: AsJson = False, utc: InUtc = False) -> None:
    """Show position, profit, fees, last decision and fill of each symbol, and whether the line is at work."""
    wall, settings = wall_time(utc), load_settings()
    rests = not settings.bus.url and running_url(settings.bus.folder) is None
    try:
        with with_bus(settings) as found:
            seen = asyncio.run(read_status(found, wall, rests=rests))
    except BusUnreachable:  # no bus was ever here, or it is dead
        seen = asyncio.run(read_status(settings, wall))
    if as_json:
        show([json_text(seen.as_json())])
    else:
        show(status_lines(seen, wall, shutil.get_terminal_size((160, 24)).columns))


async def read_status(settings: Settings, wall: WallTime, *, rests: bool = False) -> LineStatus:
    """Returns the line's status, and asks the exchange where the line is not at work."""
    from shared.runner.service import make_bus  # it loads the server's client

    async with Lookup.open(settings) as lookup:
        if settings.bus.url:
            with suppress(BusLost):  # then all is read without it, and the status says so
                session = await make_bus(settings).connect()
                try:
                    reader = StatusReader(settings, lookup, wall, session=session, rests=rests, asks=True)
                    return await reader.read()
                finally:
                    await session.close()
        return await StatusReader(settings, lookup, wall, rests=rests, asks=True).read()
