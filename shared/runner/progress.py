"""The bus tells the progress of a running line: what was written, how far behind each consumer is, what books hold."""

from collections.abc import Mapping
from typing import Annotated, NamedTuple

from shared.account.simulated_stop import StopSnapshot
from shared.bus.api import Session
from shared.bus.names import PartitionId, partition_of
from shared.config import Settings
from shared.later_fields import Since
from shared.messages import Stream
from shared.messages.codec import unpack
from shared.record import WIRE_FIELD, NewerWire, Record, checked_wire, read_fields
from shared.runner.joint import FIELD as JOINT
from shared.runner.symbol import FIELD, SymbolSnapshot, position_in


class _BookStop(Record):
    """What a strategy's snapshot of its book has of a simulated stop."""

    stop: Annotated[StopSnapshot | None, Since(5)] = None


class Progress(NamedTuple):
    """Progress counts by stream the entries written, and those that their consumer has not committed yet (the lag)."""

    written: Mapping[Stream, int]
    lag: Mapping[Stream, int]

    @property
    def drained(self) -> bool:
        """Says whether every consumer has taken everything."""
        return not any(self.lag.values())


def producers(settings: Settings) -> dict[Stream, str]:
    """Returns for each stream the instance that writes it."""
    return {
        Stream.TICKS: settings.ingestor.instance,
        Stream.FEATURES: settings.signal.instance,
        Stream.PREDICTIONS: settings.signal.instance,
        Stream.DECISIONS: settings.strategy.instance,
        Stream.ORDERS: settings.strategy.instance,
        Stream.EXECUTIONS: settings.gateway.instance,
        Stream.MONITOR: settings.monitor.instance,
    }


def consumers(settings: Settings) -> dict[Stream, str]:
    """Returns for each stream the instance of the line that must take all of it."""
    return {
        Stream.TICKS: settings.signal.instance,
        Stream.PREDICTIONS: settings.strategy.instance,
        Stream.ORDERS: settings.gateway.instance,
        Stream.EXECUTIONS: settings.strategy.instance,
    }


async def read_progress(session: Session, settings: Settings) -> Progress:
    """Asks the bus. Producers are asked after their consumers, so a lag is never understated."""
    partitions = range(settings.bus.partitions)
    taken = await _sums(session, {s: (i, f"in:{s}") for s, i in consumers(settings).items()}, partitions)
    written = await _sums(session, {s: (i, f"out:{s}") for s, i in producers(settings).items()}, partitions)
    return Progress(written, {stream: written[stream] - taken[stream] for stream in taken})


async def read_lags(session: Session, settings: Settings) -> dict[PartitionId, int]:
    """Returns how many entries each consumer has not committed yet, by its partition; the recorder is one of them.

    What the recorder has not begun to read is not counted. Consumers are asked first, so no lag is understated.
    """
    made, recorder = producers(settings), settings.recorder.instance
    readers = [*consumers(settings).items(), *((stream, recorder) for stream in made)]
    rows = [(stream, PartitionId(who, p)) for stream, who in readers for p in range(settings.bus.partitions)]
    taken = await session.fields([(place, f"in:{stream}") for stream, place in rows])
    written = await session.fields([(PartitionId(made[stream], place.p), f"out:{stream}") for stream, place in rows])
    lags = {place: 0 for _, place in rows}
    for (_, place), position, count in zip(rows, taken, written, strict=True):
        if position is not None or place.instance != recorder:
            lags[place] += _number("out:", count) - position_in(position)
    return lags


async def _sums(session: Session, asked: Mapping[Stream, tuple[str, str]], partitions: range) -> dict[Stream, int]:
    wanted = [(PartitionId(instance, p), field) for instance, field in asked.values() for p in partitions]
    answers = iter(await session.fields(wanted))
    return {stream: sum(_number(field, next(answers)) for _ in partitions) for stream, (_, field) in asked.items()}


def _number(field: str, stored: bytes | None) -> int:
    return position_in(stored) if field.startswith("in:") else int(stored or b"0")


async def read_snapshots(session: Session, instance: str, partitions: int) -> dict[str, bytes]:
    """Returns the snapshot of each symbol, over all partitions of an instance; of a joint stage its own as "", too."""
    stored = await session.load([PartitionId(instance, p) for p in range(partitions)])
    return {
        name.removeprefix(FIELD) if name != JOINT else "": value
        for state in stored
        for name, value in state.fields.items()
        if name.startswith(FIELD) or name == JOINT
    }


async def read_stops(session: Session, settings: Settings) -> dict[str, StopSnapshot]:
    """Returns the simulated stop of each symbol that has one, as the strategy service committed it.

    What another Tickline wrote, and this one cannot read, is left out.
    """
    instance, partitions = settings.strategy.instance, settings.bus.partitions
    asked = [(PartitionId(instance, partition_of(sym, partitions)), f"{FIELD}{sym}") for sym in settings.symbols]
    answers = zip(settings.symbols, await session.fields(asked), strict=True)
    found = {sym: _stop_in(data) for sym, data in answers if data is not None}
    return {sym: stop for sym, stop in found.items() if stop is not None}


def _stop_in(snapshot: bytes) -> StopSnapshot | None:
    try:
        book = dict(SymbolSnapshot.of(unpack(snapshot)).stage)
        wire = checked_wire(book.pop(WIRE_FIELD, None), "a book")
        return read_fields(_BookStop, book, wire, extra="ignore").stop
    except (ValueError, TypeError, NewerWire):
        return None
