"""The recorder's settings say where the streams go, how soon, and how much of them stays."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from shared.config.section import Count, Instance, Positive, Section
from shared.messages.base import Stream

KEEP_BYTES = 2_000_000_000


class RecorderSettings(Section):
    """These settings configure the recorder.

    - on: whether anything is recorded.
    - folder: where the recording goes. Without it each line, and each replay, has a folder of its own below
      `state_dir/recording`, named after its namespace and bus.
    - streams: those of the line's instances. also: further ones, as `predictions@signal-shadow`.
    - pace_s: the least time between two looks at the bus.
    - max_rows, max_bytes, max_age_s: the recorder writes a stream's rows into a file when there are so many of them, or
      the oldest is so old.
    - keep_days, keep_bytes: the recorder removes the oldest files beyond these; 0 keeps all.
    - hold_s, hold_entries: orders and executions stay on the bus until they are recorded, but no longer than this, and
      not beyond so many of a stream.
    """

    on: bool = True
    instance: Instance = "recorder"
    folder: Path | None = None
    streams: tuple[Stream, ...] = tuple(Stream)
    also: tuple[Annotated[str, Field(pattern=rf"^({'|'.join(Stream)})@[A-Za-z0-9_-]{{1,60}}$")], ...] = ()
    pace_s: Positive = 0.5
    max_rows: Count = 20_000
    max_bytes: Count = 64_000_000
    max_age_s: Positive = 60.0
    keep_days: Annotated[int, Field(ge=0)] = 0
    keep_bytes: Annotated[int, Field(ge=0)] = KEEP_BYTES
    hold_s: Positive = 3_600.0
    hold_entries: Count = 100_000

    def of(self, stream: Stream) -> tuple[str, ...]:
        """Returns the instance that records a stream of the line, or none."""
        return (self.instance,) if self.on and stream in self.streams else ()
