"""Replay: the prices of files, or the ticks of a recording, as fast as they are taken."""

from collections.abc import Iterator, Mapping, Set
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from services.ingestor.source import Datum, Feed, Quote
from shared.bar_groups import groups_of
from shared.errors import ConfigError, DataError
from shared.history import bars
from shared.history import fields_of as fields_of_file
from shared.history import groups_of as groups_of_file
from shared.intervals import TRADE, interval_ns
from shared.messages import DecodeError, Gap, GapCause, MarketTick, Stream, decode
from shared.messages.market import OPTIONAL_FIELDS, Group
from shared.plural import plural
from shared.record import NewerWire
from shared.recording.checkpoint import ingestor_of
from shared.recording.layout import NewerRecording, is_recording
from shared.recording.part import read_rows

REPLAY = "replay"
FIRST_TICKS = 1_000


class FileSpan(NamedTuple):
    """A whole file has so many rows; the first and the last are known at these times (ns since 1970 UTC)."""

    rows: int
    first_ts_event: int
    last_ts_event: int


class ReplaySource:
    """The source gives the bars of one file per symbol, as `shared.history.bars` reads them: each close, at its end.

    A folder instead of a file is a recording: the source gives its ticks and gaps, with their own times. Any defect is
    a DataError of one line with file and row, raised by `check()` for the whole file and by a Feed when it gets there.
    Raises ConfigError without files and for `trade` with bars, ValueError for an unknown interval.

    - timezone: of the bars' times, as `shared.history.bars` takes it.
    - wanted: the groups that quotes carry, where the file has them; its other columns are not looked at. A recording's
      ticks have what they were recorded with.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "bars.csv"
    >>> _ = path.write_text("datetime,price\\n2024-10-29,71440.10\\n2024-10-29T12:00,72739.5\\n")
    >>> source = ReplaySource({"BTCUSDT": path}, "12h")
    >>> source.check()["BTCUSDT"].rows
    2
    >>> source.open("BTCUSDT", 0).take(1)
    [Quote(sym='BTCUSDT', ts_event=1730203200000000000, price=Decimal('71440.10'), ...)]
    >>> folder.cleanup()
    """

    def __init__(
        self, files: Mapping[str, Path], interval: str, timezone: str = "", wanted: Set[str] = frozenset()
    ) -> None:
        if not files:
            raise ConfigError("replay has no file: pass --data FILE --sym SYMBOL")
        self._files = {sym: Path(files[sym]) for sym in sorted(files)}
        if interval != TRADE:
            interval_ns(interval)
        elif not all(map(is_recording, self._files.values())):
            raise ConfigError("interval trade is for recordings: name that of the bars, e.g. --interval 1m")
        self._interval = interval
        self._timezone = timezone
        self._wanted = wanted

    @property
    def venue(self) -> str:
        """Returns the name in trace ids: that of a recording's ticks, where all have the same."""
        found = {recorded_venue(p, sym) if is_recording(p) else REPLAY for sym, p in self._files.items()}
        return found.pop() if len(found) == 1 else REPLAY

    @property
    def symbols(self) -> tuple[str, ...]:
        """Returns all symbols, sorted."""
        return tuple(self._files)

    @property
    def groups(self) -> frozenset[Group]:
        """Returns the groups that all files have, by their columns; of a recording those of its first ticks."""
        each = (recorded_groups(p, sym) if is_recording(p) else groups_of_file(p) for sym, p in self._files.items())
        return frozenset(Group).intersection(*(map(Group, found) for found in each))

    @property
    def fields(self) -> frozenset[str]:
        """Returns those of the bar group's fields that all files tell; of a recording those of its first ticks."""
        each = (recorded_fields(p, sym) if is_recording(p) else fields_of_file(p) for sym, p in self._files.items())
        return OPTIONAL_FIELDS.intersection(*each)

    def open(self, sym: str, position: int) -> Feed:
        """Returns the quotes behind the first `position` rows."""
        if position < 0:
            raise ValueError(f"position {position} is negative")
        return ReplayFeed(self._quotes(sym, position))

    def check(self) -> dict[str, FileSpan]:
        """Reads every file from its first row to its last, so that a bad row is found before anything runs."""
        return {sym: self._check(sym) for sym in self._files}

    def _check(self, sym: str) -> FileSpan:
        rows, first, last = 0, 0, 0
        for quote in self._quotes(sym, 0):
            rows, first, last = rows + 1, first or quote.ts_event, quote.ts_event
        return FileSpan(rows, first, last)

    def _quotes(self, sym: str, position: int) -> Iterator[Datum]:
        file = self._file(sym)
        if is_recording(file):
            return recorded_ticks(file, sym, position)
        wanted = self._wanted
        found = bars(file, self._interval, skip=position, timezone=self._timezone, groups=wanted)
        if not wanted:
            return (Quote(sym, bar.ts_event, bar.close) for bar in found)
        return (Quote(sym, bar.ts_event, bar.close, *groups_of(bar, wanted)) for bar in found)

    def _file(self, sym: str) -> Path:
        if sym not in self._files:
            raise ConfigError(f"replay has no file for {sym}: it has {', '.join(self._files)}")
        return self._files[sym]


class ReplayFeed:
    """The feed gives one symbol's quotes, all due at once; it raises a bad row when those before it were taken."""

    def __init__(self, quotes: Iterator[Datum]) -> None:
        self._quotes = quotes
        self._next: Datum | None = None
        self._error: DataError | None = None
        self._advance()

    def take(self, limit: int) -> list[Datum]:
        """Returns the next quotes, at most `limit`; raises DataError at a bad row."""
        taken: list[Datum] = []
        while self._next is not None and len(taken) < limit:
            taken.append(self._next)
            self._advance()
        if self._error is not None and not taken:
            raise self._error
        return taken

    def due_in_s(self) -> float | None:
        """Returns 0.0 until the file is at its end, then None."""
        return 0.0 if self._next is not None or self._error is not None else None

    def _advance(self) -> None:
        try:
            self._next = next(self._quotes, None)
        except DataError as error:
            self._next, self._error = None, error


def recorded_ticks(folder: Path, sym: str, skip: int) -> Iterator[MarketTick | Gap]:
    """Returns one symbol's recorded ticks and gaps behind the first `skip`; raises DataError.

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
    """Returns the venue in the trace ids of a symbol's ticks; raises DataError where it has none."""
    for message in _messages(folder, sym):
        if isinstance(message, MarketTick):
            return message.venue
    raise DataError(f"{folder}: has no tick of {sym}: name another --sym")


def recorded_groups(folder: Path, sym: str) -> frozenset[Group]:
    """Returns the groups that the first ticks of a symbol were recorded with."""
    ticks = _first_ticks(folder, sym)
    return frozenset(group for tick in ticks for group in Group if getattr(tick, group) is not None)


def recorded_fields(folder: Path, sym: str) -> frozenset[str]:
    """Returns the bar group's further fields that the first ticks of a symbol were recorded with."""
    bars = [tick.bar for tick in _first_ticks(folder, sym)]
    return frozenset(field for bar in bars for field in OPTIONAL_FIELDS if getattr(bar, field, None) is not None)


def _first_ticks(folder: Path, sym: str) -> Iterator[MarketTick]:
    return islice((message for message in _messages(folder, sym) if isinstance(message, MarketTick)), FIRST_TICKS)


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
                n=message.n - 1,
                sym=sym,
                ts_event=message.ts_event,
                tr=message.tr,
                stream=Stream.TICKS,
                cause=GapCause.MISSED,
            )
        last_n = message.n
        yield message
