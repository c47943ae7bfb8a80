"""The lookup asks the bus while that answers. What the bus has no more, and all when it is dead, is recorded."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, TypeVar

from shared.bus.api import Bus, BusLost, Session
from shared.bus.redis_bus import RedisBus
from shared.config import Settings
from shared.errors import BusUnreachable, DataError
from shared.extras import to_install
from shared.lookup.series import SymbolSeries
from shared.lookup.stores import BusEntries, EntryStore, Found, RecordedEntries, TimeSpan
from shared.lookup.trace import messages_of_event, messages_of_order, messages_of_tick
from shared.messages import Stream
from shared.messages.market import TickTrace
from shared.recording.home import recording_of
from shared.recording.layout import read_origin
from shared.recording.part import recorded_symbols
from shared.runner.progress import producers, read_snapshots
from shared.runner.service import make_bus

AGAIN_S = 1.0  # after the bus was lost, before it is asked again

REPLAY = ".replay."  # in a replay's namespace

T = TypeVar("T")
Stores = Sequence[EntryStore]


class Reach(NamedTuple):
    """The reach says which messages there are, and where.

    - bus, recording: by stream, the time in which what is there was written; a stream with nothing is left out.
    - no_bus, no_recording: why that place gives nothing; empty where it does.
    - damaged: files of the recording that could not be read, and why; what they had is left out.
    """

    bus: Mapping[Stream, TimeSpan]
    recording: Mapping[Stream, TimeSpan]
    no_bus: str
    no_recording: str
    damaged: Mapping[Path, str]

    def unknown(self, said: str, *other: str) -> DataError | BusUnreachable:
        """Returns the error that something is not known, with the places that give nothing.

        Where there is no place to read from at all it is BusUnreachable, else DataError.

        - other: why a further place gives nothing; empty where it does.

        >>> Reach({}, {}, "no bus runs", "nothing was recorded", {}).unknown("why: no decision is known").exit_code
        4
        """
        lacking = (self.no_bus, self.no_recording, *other)
        places = "; ".join(filter(None, lacking))
        text = f"{said}: {places}" if places else said
        return BusUnreachable(text) if all(lacking) else DataError(text)


class Lookup:
    """The lookup finds messages of one line; it only reads.

    Every method takes a stream of the line, dead letters apart. A message is given once, also where the bus and the
    recording have it; where they differ the bus's counts. A method raises DataError for what a newer Tickline wrote.
    """

    def __init__(self, settings: Settings, bus: Bus | None, no_bus: str = "") -> None:
        self._settings = settings
        self._instances = producers(settings)
        self._bus, self._no_bus = bus, no_bus
        self._session: Session | None = None
        self._entries: BusEntries | None = None
        self._lost_s = float("-inf")
        self._bus_id: str | None = None
        self._recorded: RecordedEntries | None = None
        self._no_recording = ""

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator["Lookup"]:
        """Opens the line's places, and closes them again. An embedded bus that rests is started meanwhile."""
        async with AsyncExitStack() as stack:
            try:
                lookup = cls(settings, await bus_of(settings, stack))
            except BusUnreachable as error:
                lookup = cls(settings, None, str(error))
            stack.push_async_callback(lookup.close)
            yield lookup

    async def close(self) -> None:
        """Lets go of the bus."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def messages(
        self, stream: Stream, sym: str, since_ns: int | None = None, until_ns: int | None = None
    ) -> list[Found]:
        """Returns the messages whose `ts_event` is in this time, both ends included, in the order of their numbers."""
        return await self._asked(lambda stores: SymbolSeries(stores, stream, sym).within(since_ns, until_ns))

    async def last(self, stream: Stream, sym: str, count: int = 1, until_ns: int | None = None) -> list[Found]:
        """Returns the last messages, the newest last; fewer where there are no more.

        - until_ns: of those whose `ts_event` is not later.
        """
        return await self._asked(lambda stores: SymbolSeries(stores, stream, sym).last(count, until_ns))

    async def by_n(self, stream: Stream, sym: str, n: int) -> Found | None:
        """Returns the message with a number, or None."""
        found = await self._asked(lambda stores: SymbolSeries(stores, stream, sym).between(n, n))
        return found[0] if found else None

    async def of_trace(self, tr: str) -> list[Found]:
        """Returns all messages with a trace id, in the line's order: tick, features, prediction, decisions, orders …"""
        tick = TickTrace.of(tr)
        if tick is None:
            symbols = await self.symbols()  # a replay's, or one that has left the config, too
            return await self._asked(lambda stores: messages_of_event(_of(stores), tr, symbols))
        return await self._asked(lambda stores: messages_of_tick(_of(stores), tr, tick))

    async def of_order(self, client_order_id: str, sym: str | None = None) -> list[Found]:
        """Returns the order with this id, and its report. sym: its symbol, where that is known."""
        symbols = self._settings.symbols if sym is None else (sym,)

        async def work(stores: Stores) -> list[Found]:
            found = await messages_of_order(_of(stores[:1]), client_order_id, symbols)  # as a rule it is a late one
            return found or await messages_of_order(_of(stores), client_order_id, symbols)

        return await self._asked(work)

    @property
    def recording(self) -> Path | None:
        """Returns the line's recording, once anything was asked for; None where there is none, or another line's."""
        return None if self._recorded is None else self._recorded.folder

    async def now_ns(self) -> int:
        """Returns the line's time: the clock's where it trades on a live market, else its newest tick's, if any."""
        own = self._settings
        if own.ingestor.is_at_present and REPLAY not in own.namespace:
            return time.time_ns()
        newest = [
            found.message.ts_event for sym in await self.symbols() for found in await self.last(Stream.TICKS, sym)
        ]
        return max(newest, default=time.time_ns())

    async def symbols(self) -> list[str]:
        """Returns the config's symbols, and behind them others that the bus or the recording knows, as of a replay."""
        known = dict.fromkeys(self._settings.symbols)
        if await self._on_bus() is not None and self._session is not None:
            own = self._settings
            try:
                known |= dict.fromkeys(await read_snapshots(self._session, own.signal.instance, own.bus.partitions))
            except BusLost as lost:
                await self._lose(lost)
        if self._recording() and self._recorded is not None:
            with suppress(DataError):  # it has no ticks yet
                known |= dict.fromkeys(await asyncio.to_thread(recorded_symbols, self._recorded.folder))
        return list(known)

    async def reach(self) -> Reach:
        """Returns what is there, and where, of the config's symbols."""
        found: dict[str, dict[Stream, TimeSpan]] = {}

        async def work(stores: Stores) -> None:
            found.clear()
            for store in stores:
                times = {stream: await store.times(stream, self._settings.symbols) for stream in self._instances}
                found[store.origin] = {stream: span for stream, span in times.items() if span is not None}

        await self._asked(work)
        no_bus = "" if self._session is not None else self._no_bus
        damaged = {} if self._recorded is None else dict(self._recorded.damaged)
        return Reach(found.get("bus", {}), found.get("recording", {}), no_bus, self._no_recording, damaged)

    async def _asked(self, work: Callable[[Stores], Awaitable[T]]) -> T:
        """Does the work on what there is, and once more without the bus where that is lost meanwhile."""
        bus = await self._on_bus()
        recorded = self._recording()
        if bus is not None:
            try:
                return await work([bus, *recorded])
            except BusLost as lost:
                await self._lose(lost)
        return await work(recorded)

    async def _on_bus(self) -> BusEntries | None:
        if self._bus is None:
            return None
        if self._session is None:
            if time.monotonic() - self._lost_s < AGAIN_S:
                return None
            try:
                self._session = await self._bus.connect()
                self._bus_id = (await self._session.meta({})).get("bus_id")
            except BusLost as lost:
                await self._lose(lost)
                return None
            self._entries = BusEntries(self._session, self._instances, self._settings.bus.partitions)
        return self._entries

    async def _lose(self, lost: BusLost) -> None:
        self._lost_s, self._no_bus = time.monotonic(), str(lost)
        await self.close()

    def _recording(self) -> list[EntryStore]:
        if self._recorded is None:
            self._recorded, self._no_recording = recorded_entries(self._settings, self._bus_id, self._instances)
        return [] if self._recorded is None else [self._recorded]


def _of(stores: Stores) -> Callable[[Stream, str], SymbolSeries]:
    return lambda stream, sym: SymbolSeries(stores, stream, sym)


async def bus_of(settings: Settings, stack: AsyncExitStack) -> RedisBus:
    """Returns the line's bus; an embedded one that rests is started until the stack ends. Raises BusUnreachable."""
    from shared.bus.embedded import reached

    url = settings.bus.url
    if not url:
        embedded = reached(settings.bus.folder)
        url = await asyncio.to_thread(embedded.__enter__)
        stack.push(embedded)
    return make_bus(settings.model_copy(update={"bus": settings.bus.model_copy(update={"url": url})}))


def recorded_entries(
    settings: Settings, bus_id: str | None, instances: Mapping[Stream, str]
) -> tuple[RecordedEntries | None, str]:
    """Returns what reads the line's recording, or None and why not.

    - bus_id: of the bus beside it, in whose numbers it must count; None where no bus answers.
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
