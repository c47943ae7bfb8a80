"""What a download has brought, and one file out of its months."""

from collections.abc import Sequence
from pathlib import Path

from services.research.download.check import Check
from services.research.download.download import Result
from services.research.download.job import Job, Origin
from services.research.download.kinds import KINDS
from services.research.download.month_file import About, about, tables, write
from shared.errors import ConfigError, DataError
from shared.history.files import PARQUET_SUFFIXES
from shared.intervals import interval_ns


def check_lines(job: Job, result: Result) -> list[str]:
    """Read the files once more from end to end, and say what they hold and lack; raises DataError."""
    return checked(job.origin, result.files, job.start_ms, result.end_ms)


def checked(origin: Origin, files: Sequence[Path], start_ms: int, end_ms: int) -> list[str]:
    """The same of files in order of time, which should hold all there is from `start_ms` until before `end_ms`."""
    interval_ms = interval_ns(origin.interval) // 1_000_000 if origin.interval else 0
    check, repeats = Check(origin.kind, interval_ms, start_ms, end_ms), 0
    for path in files:
        said = about(path)
        repeats += said.repeats if said is not None else 0
        for part in tables(path, start_ms, end_ms):
            check.add(str(path), part)
    return check.lines(repeats)


def merge(job: Job, result: Result, path: Path) -> int:
    """Write the job's rows into one Parquet file; their number. Memory does not grow with the file."""
    if not result.files:
        raise DataError(f"--merge {path}: there are no rows to write: the exchange has none")
    parts = (part for month in result.files for part in tables(month, job.start_ms, result.end_ms))
    source = About(origin=job.origin, start_ms=job.start_ms, end_ms=result.end_ms, repeats=0)
    return write(path, KINDS[job.origin.kind], source, parts)


def require_merge_path(job: Job, path: Path) -> None:
    """Refuse at once, with a ConfigError, what `merge` could not write."""
    if path.suffix.lower() not in PARQUET_SUFFIXES:
        raise ConfigError(f"--merge {path}: it becomes a Parquet file: name it .parquet")
    if path.parent.resolve() == job.place.resolve():
        raise ConfigError(f"--merge {path}: that folder is the months' own: name another")
    if not path.parent.is_dir():
        raise ConfigError(f"--merge {path}: there is no folder {path.parent}: make it")
