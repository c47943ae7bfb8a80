"""The ticks and gaps of a recording, one after the other."""

from collections.abc import Iterator
from pathlib import Path

from shared.errors import DataError
from shared.messages import DecodeError, Gap, GapCause, MarketTick, Stream, decode
from shared.plural import plural
from shared.record import NewerWire
from shared.recording.about import NewerRecording
from shared.recording.checkpoint import ingestor_of
from shared.recording.part import read_rows


def recorded_ticks(folder: Path, sym: str, skip: int) -> Iterator[MarketTick | Gap]:
    """One symbol's recorded ticks and gaps behind the first `skip`; raises DataError.

    Where entries were not recorded, or cannot be read, stands one Gap with the cause MISSED; but what a newer Tickline
    wrote is not left out: it is refused.
    """
    left = skip
    for message in _messages(folder, sym):
        if left:
            left -= 1
        else:
            yield message
    if left:
        raise DataError(
            f"{folder}: has {plural(skip - left, 'tick')} of {sym}, but {skip} were taken before: it has changed"
        )


def recorded_venue(folder: Path, sym: str) -> str:
    """The venue in the trace ids of a symbol's ticks; raises DataError where it has none."""
    for message in _messages(folder, sym):
        if isinstance(message, MarketTick):
            return message.venue
    raise DataError(f"{folder}: has no tick of {sym}: name another --sym")


def _messages(folder: Path, sym: str) -> Iterator[MarketTick | Gap]:
    last_n = 0
    for row in read_rows(folder, Stream.TICKS, ingestor_of(folder), [sym]):
        try:
            message = decode(row.t, row.d)
        except NewerWire as newer:
            raise NewerRecording(f"{folder}: tick n={row.n} of {sym}", newer) from newer
        except DecodeError:
            continue
        if not isinstance(message, MarketTick | Gap):
            continue
        if last_n and message.n > last_n + 1:
            yield Gap(
                n=message.n - 1, sym=sym, ts_event=message.ts_event, tr=message.tr, stream=Stream.TICKS,
                cause=GapCause.MISSED,
            )  # fmt: skip
        last_n = message.n
        yield message
