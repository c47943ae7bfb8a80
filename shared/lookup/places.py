"""The places of a line's messages: the bus that the config names or that rests in its folder, and the recording."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from importlib.util import find_spec

from shared.bus.redis_bus import RedisBus
from shared.config import Settings
from shared.errors import DataError
from shared.extras import to_install
from shared.lookup.recorded import RecordedEntries
from shared.messages import Stream
from shared.recording.home import recording_of
from shared.recording.layout import read_origin
from shared.runner.service import make_bus


async def bus_of(settings: Settings, stack: AsyncExitStack) -> RedisBus:
    """Returns the line's bus; an embedded one that rests is started until the stack ends. Raises BusUnreachable."""
    from shared.bus.embedded import running_url, stored_bus

    url: str | None = settings.bus.url or None
    if url is None:
        url = await asyncio.to_thread(running_url, settings.bus.folder)
    if url is None:
        resting = stored_bus(settings.bus.folder)
        await asyncio.to_thread(resting.start)
        stack.callback(resting.stop)
        url = resting.url
    return make_bus(settings.model_copy(update={"bus": settings.bus.model_copy(update={"url": url})}))


def recorded_entries(
    settings: Settings, bus_id: str | None, instances: Mapping[Stream, str]
) -> tuple[RecordedEntries | None, str]:
    """Returns what reads the line's recording, or None and why not.

    bus_id: of the bus beside it, in whose numbers it must count; None where no bus answers.
    """
    folder = recording_of(settings, bus_id)
    if folder is None:
        return None, "nothing was recorded" if settings.recorder.on else "recorder.on is false"
    if find_spec("pyarrow") is None:
        return None, f"{folder} cannot be read: {to_install('parquet')}"
    try:
        origin = read_origin(folder)
    except DataError as error:
        return None, str(error)
    if origin.namespace != settings.namespace or bus_id not in (None, origin.bus_id):
        return None, f"{folder} is of another line: {origin.namespace} on bus {origin.bus_id[:8]}"
    return RecordedEntries(folder, instances), ""
