"""The recorder service: which streams are read, where they go, and how much is kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.bus.names import PartitionId
from shared.config import Settings
from shared.errors import ConfigError
from shared.extras import to_install
from shared.messages import Stream
from shared.recording.folder import Age
from shared.runner.progress import producers

Source = tuple[str, PartitionId]


@dataclass(frozen=True)
class RecorderPlan:
    """sources: every stream's key. max_rows, max_bytes, max_age_s: when the rows of a stream are written."""

    instance: str
    folder: Path
    sources: tuple[Source, ...]
    max_rows: int
    max_bytes: int
    max_age_s: float
    age: Age


def plan(settings: Settings) -> RecorderPlan:
    """From the config; a ConfigError without a folder, or without pyarrow."""
    own = settings.recorder
    if own.folder is None:
        raise ConfigError("config: recorder.folder is empty: name the recording's folder")
    try:
        import pyarrow.parquet  # noqa: F401  (found out now, not at the first file)
    except ImportError as error:
        raise ConfigError(f"the recorder writes Parquet, which needs pyarrow: {to_install('parquet')}") from error
    wanted = dict.fromkeys((*_of_line(settings), *(_named(text) for text in own.also)))
    return RecorderPlan(
        own.instance, own.folder,
        tuple((stream, PartitionId(who, p)) for stream, who in wanted for p in range(settings.bus.partitions)),
        own.max_rows, own.max_bytes, own.max_age_s, Age(own.keep_days, own.keep_bytes),
    )  # fmt: skip


def _of_line(settings: Settings) -> Iterator[tuple[Stream, str]]:
    made_by = producers(settings)
    for stream in settings.recorder.streams:
        if stream is Stream.DEAD:
            yield from ((stream, instance) for instance in sorted(set(made_by.values())))
        else:
            yield stream, made_by[stream]


def _named(text: str) -> tuple[Stream, str]:
    stream, _, instance = text.partition("@")
    return Stream(stream), instance
