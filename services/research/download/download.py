"""A download: month after month, page after page, from where the files and an interrupted run have got to."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from services.research.download.history import History, PublicExchange
from services.research.download.job import Job, MonthSpan, months
from services.research.download.kinds import KINDS, HistoryRow, Kind
from services.research.download.month_file import (
    Coverage,
    Head,
    Partial,
    about,
    lacks_columns,
    last_rows,
    locked,
    make_folder,
    storing,
    table,
    tables,
    write,
)
from services.research.download.pages import pages
from shared.errors import ConfigError


class FetchProgress(NamedTuple):
    """FetchProgress says where a download is.

    - rows: new ones of this run.
    - done: from 0.0 to 1.0.
    """

    month: str
    rows: int
    done: float


class Result(NamedTuple):
    """A Result says what is there now, in order of time.

    That is all that the exchange has from the job's start until before `end_ms`.
    """

    files: list[Path]
    rows: int
    end_ms: int


class Download:
    """A Download fetches one Job. Raises ConfigError, DataError (a damaged file, or of another market), VenueError.

    However it ends, what was fetched is kept, and the same job goes on from there: of a month that is complete nothing
    is asked again, and of one that is not, what comes behind its last row.
    """

    def __init__(
        self, job: Job, exchange: PublicExchange, report: Callable[[FetchProgress], None] = lambda progress: None
    ) -> None:
        self._job, self._exchange, self._report = job, exchange, report
        self._kind: Kind = KINDS[job.origin.kind]
        self._rows = 0
        self._end_ms = 0
        self._last: list[HistoryRow] = []  # behind which the next month goes on

    async def run(self) -> Result:
        """Fetches what is missing."""
        job = self._job
        history = History(self._exchange, job.origin.market, self._kind, job.origin.interval)
        self._end_ms = await self._complete_before(history)
        if self._end_ms <= job.start_ms:
            raise ConfigError("--from is too near to the present for a complete row, or behind it: pass an earlier one")
        make_folder(job.place)
        files = []
        with locked(job.place):
            for month in months(job.start_ms, self._end_ms):
                path = job.place / f"{month.name}.parquet"
                if await self._month(history, month, path):
                    files.append(path)
        return Result(files, self._rows, self._end_ms)

    async def _complete_before(self, history: History) -> int:
        """Returns before when rows are complete, by the exchange's clock: bars have ended, trades have settled."""
        complete_ms = await self._exchange.now_ms() - self._kind.late_ms - max(history.apart_ms - 1, 0)
        return complete_ms if self._job.end_ms is None else min(self._job.end_ms, complete_ms)

    async def _month(self, history: History, month: MonthSpan, path: Path) -> bool:
        """Brings a month's file up to date; False where the exchange has nothing in it."""
        start_ms, end_ms = max(self._job.start_ms, month.start_ms), min(self._end_ms, month.end_ms)
        unfinished = path.with_name(f".{month.name}.partial")
        old = self._old(path)
        if old is not None and lacks_columns(path, self._kind):  # all of it is fetched anew
            start_ms, end_ms, old = min(start_ms, old.start_ms), max(end_ms, old.end_ms), None
        if old is not None and not unfinished.exists() and old.start_ms <= start_ms and end_ms <= old.end_ms:
            self._last = last_rows(path, self._kind)
            self._tell(month, end_ms)
            return True
        if old is not None:
            end_ms = max(end_ms, old.end_ms)  # what is there stays
        with Partial(unfinished, self._kind.columns) as partial:
            head = self._begun(partial, path, old, start_ms)
            tail = partial.tail()
            async for page in pages(history, head.start_ms if tail else head.at_ms, end_ms, tail or self._last):
                partial.add(page)
                self._rows += len(page.rows)
                self._tell(month, page.at_ms)
            tail = partial.tail()
            if tail:
                self._last = tail
                self._write(path, partial, end_ms)
        with storing(unfinished):
            unfinished.unlink()
        return bool(tail)

    def _tell(self, month: MonthSpan, at_ms: int) -> None:
        done = (at_ms - self._job.start_ms) / (self._end_ms - self._job.start_ms)
        self._report(FetchProgress(month.name, self._rows, min(max(done, 0.0), 1.0)))

    def _old(self, path: Path) -> Coverage | None:
        old = about(path)
        if old is not None and old.origin != self._job.origin:
            raise ConfigError(
                f"{path}: holds {old.origin}, and {self._job.origin} was asked for: pass another --sym or --folder"
            )
        return old

    def _begun(self, partial: Partial, path: Path, old: Coverage | None, start_ms: int) -> Head:
        """Goes on with what an interrupted run left, or begins: behind the file's last row, or at `start_ms`."""
        head, origin = partial.head, str(self._job.origin)
        if head is not None and head.origin != origin:
            raise ConfigError(
                f"{self._job.place}: an unfinished download of {head.origin} is there, and {origin} was asked for: "
                f"pass another --sym or --folder"
            )
        if head is not None and head.start_ms <= start_ms and (head.after_ms is None or old is not None):
            return head
        tail: list[HistoryRow] = []
        if old is not None and old.start_ms <= start_ms:
            tail = last_rows(path, self._kind)
            head = Head(origin, old.start_ms, tail[0].at_ms, tail[0].at_ms, old.repeats)
        else:
            head = Head(origin, start_ms, None, start_ms, 0)
        partial.begin(head, tail)
        return head

    def _write(self, path: Path, partial: Partial, end_ms: int) -> None:
        head = partial.head
        assert head is not None
        new = Coverage(origin=self._job.origin, start_ms=head.start_ms, end_ms=end_ms, repeats=head.repeats)
        write(path, self._kind, new, self._tables(path, partial, head))

    def _tables(self, path: Path, partial: Partial, head: Head) -> Iterator[Any]:
        if head.after_ms is not None:
            yield from tables(path, head.start_ms, head.after_ms)
        for rows in partial.batches():
            yield table(self._kind, rows)
