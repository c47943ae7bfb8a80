"""A recording as a source: its ticks in their order, with their own times and venue."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from services.ingestor.replay import Checked, ReplaySource
from shared.config import Settings
from shared.errors import DataError
from shared.messages import Gap, GapCause, Stream
from shared.recording.checkpoint import Checkpoint, kept_settings, write_checkpoint
from shared.recording.columns import Taken
from shared.recording.folder import RecordingFolder
from tests.unit.recording.entries import FIRST_DAY_MS, PLACE, raw, taken
from tests.unit.runner.fakes import entry


def recording(folder: Path, *parts: Sequence[Taken]) -> Path:
    (folder / "recording.json").write_text("{}")
    write_checkpoint(folder, Checkpoint(1, kept_settings(Settings()), {}))
    made = RecordingFolder(folder)
    for rows in parts:
        made.add(Stream.TICKS, list(rows), "server")
    return folder


def test_each_symbol_has_its_ticks_over_all_parts(tmp_path: Path) -> None:
    gap = Gap(n=3, sym="A", ts_event=3, tr="t", stream=Stream.TICKS, cause=GapCause.MISSED)
    beside = [Taken(PLACE, entry(gap, FIRST_DAY_MS + 50), 0), Taken(PLACE, raw(FIRST_DAY_MS + 60, b"A"), 0)]
    folder = recording(tmp_path, [taken(1), taken(1, "B"), taken(2)], [*beside, taken(4)])
    source = ReplaySource({"A": folder, "B": folder}, "1s")
    assert [quote.ts_event for quote in source.open("A", 0).take(9)] == [1, 2, 4]
    assert [quote.ts_event for quote in source.open("A", 2).take(9)] == [4]
    assert source.check() == {"A": Checked(3, 1, 4), "B": Checked(1, 1, 1)}
    assert source.venue == "t"


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    folder = recording(tmp_path, [taken(1)])
    with pytest.raises(DataError, match="has 1 ticks of A, but 2 were taken before"):
        ReplaySource({"A": folder}, "1s").open("A", 2).take(1)
    with pytest.raises(DataError, match="has no tick of C"):
        _ = ReplaySource({"C": folder}, "1s").venue
