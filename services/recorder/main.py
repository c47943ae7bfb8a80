"""The recorder service: the bus's streams in, Parquet files out."""

from collections.abc import Iterator

from services.recorder.progress import RecorderPlan
from services.recorder.recorder import Recorder
from shared.bus.names import PartitionId
from shared.bus.redis_bus import RedisBus
from shared.config import Settings
from shared.errors import ConfigError
from shared.extras import load_arrow, to_install
from shared.messages import Stream
from shared.recording.folder import Age
from shared.recording.home import home_of
from shared.runner.progress import producers
from shared.runner.service import serve_work


def main() -> None:
    """Runs the service."""
    serve_work("recorder", build, ahead=True)


def build(settings: Settings, bus: RedisBus) -> Recorder:
    """Returns the recorder of this config, not yet at work."""
    return Recorder(plan(settings), bus, settings)


def plan(settings: Settings) -> RecorderPlan:
    """Returns which streams are read, where they go, and how much is kept.

    Raises ConfigError where nothing is to be recorded, and without pyarrow.
    """
    own = settings.recorder
    if not own.on:
        raise ConfigError("config: recorder.on is false: set it true, or do not start the recorder")
    try:
        load_arrow()
        import pyarrow.parquet  # noqa: F401  (found out and loaded now, not at the first file)
    except ImportError as error:
        raise ConfigError(f"the recorder writes Parquet, which needs pyarrow: {to_install('parquet')}") from error
    wanted = dict.fromkeys((*_of_line(settings), *(_named(text) for text in own.also)))
    return RecorderPlan(
        own.instance,
        own.folder or home_of(settings),
        tuple((stream, PartitionId(who, p)) for stream, who in wanted for p in range(settings.bus.partitions)),
        own.max_rows,
        own.max_bytes,
        own.max_age_s,
        Age(own.keep_days, own.keep_bytes),
    )


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
