"""The ticks of a recording, as quotes."""

from collections.abc import Iterator
from pathlib import Path

from services.ingestor.source import Quote
from shared.errors import DataError
from shared.messages import DecodeError, MarketTick, Stream, decode
from shared.recording.checkpoint import ingestor_of
from shared.recording.part import read_rows


def recorded_quotes(folder: Path, sym: str, skip: int) -> Iterator[Quote]:
    """One symbol's recorded ticks behind the first `skip`; raises DataError.

    What is no tick (a Gap, an entry that nobody could read) is left out.
    """
    left = skip
    for tick in _ticks(folder, sym):
        if left:
            left -= 1
        else:
            yield Quote(sym, tick.ts_event, tick.price)
    if left:
        raise DataError(f"{folder}: has {skip - left} ticks of {sym}, but {skip} were taken before: it has changed")


def recorded_venue(folder: Path, sym: str) -> str:
    """The venue in the trace ids of a symbol's ticks; raises DataError where it has none."""
    first = next(_ticks(folder, sym), None)
    if first is None:
        raise DataError(f"{folder}: has no tick of {sym}: name another --sym")
    return first.venue


def _ticks(folder: Path, sym: str) -> Iterator[MarketTick]:
    for row in read_rows(folder, Stream.TICKS, ingestor_of(folder), [sym]):
        try:
            message = decode(row.t, row.d)
        except DecodeError:
            continue
        if isinstance(message, MarketTick):
            yield message
