"""A recording as a source: its ticks and gaps in their order, with their own times, history and venue."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from services.ingestor.replay import Checked, ReplaySource
from shared.config import Settings
from shared.errors import ConfigError, DataError
from shared.messages import Gap, GapCause, Message, Stream
from shared.record import WIRE
from shared.recording.about import About, claim
from shared.recording.checkpoint import Checkpoint, kept_settings, write_checkpoint
from shared.recording.columns import Taken
from shared.recording.folder import RecordingFolder
from tests.altered import Row, alter, the_row
from tests.unit.recording.entries import FIRST_DAY_MS, PLACE, raw, taken
from tests.unit.runner.fakes import entry, tick


def recording(folder: Path, *parts: Sequence[Taken]) -> Path:
    claim(folder, About(bus_id="b", namespace="tickline", partitions=1))
    write_checkpoint(folder, Checkpoint(taken_ns=1, settings=kept_settings(Settings()), snapshots={}))
    made = RecordingFolder(folder)
    for rows in parts:
        made.add(Stream.TICKS, list(rows), "server")
    return folder


def kept(message: Message) -> Taken:
    return Taken(PLACE, entry(message, FIRST_DAY_MS + message.n), 0)


def test_each_symbol_has_its_ticks_over_all_parts(tmp_path: Path) -> None:
    gap = Gap(n=3, sym="A", ts_event=3, tr="t:A:3:3", stream=Stream.TICKS, cause=GapCause.LATE)
    old = tick(5).model_copy(update={"history": True})
    beside = [kept(gap), Taken(PLACE, raw(FIRST_DAY_MS + 60, b"A"), 0)]
    folder = recording(tmp_path, [taken(1), taken(1, "B"), taken(2)], [*beside, taken(4), kept(old)])
    source = ReplaySource({"A": folder, "B": folder}, "1s")
    assert list(source.open("A", 0).take(9)) == [tick(1), tick(2), gap, tick(4), old]
    assert list(source.open("A", 3).take(9)) == [tick(4), old]
    assert source.check() == {"A": Checked(5, 1, 5), "B": Checked(1, 1, 1)}
    assert source.venue == "t"


def test_where_ticks_were_not_recorded_stands_a_gap(tmp_path: Path) -> None:
    folder = recording(tmp_path, [taken(3), taken(4)], [taken(7)])
    missed = Gap(n=6, sym="A", ts_event=7, tr="t:A:7", stream=Stream.TICKS, cause=GapCause.MISSED)
    assert list(ReplaySource({"A": folder}, "1s").open("A", 0).take(9)) == [tick(3), tick(4), missed, tick(7)]


def test_recorded_trades_have_no_interval_and_bars_have_one(tmp_path: Path) -> None:
    folder = recording(tmp_path, [taken(3), taken(4)])
    assert list(ReplaySource({"A": folder}, "trade").open("A", 0).take(9)) == [tick(3), tick(4)]
    with pytest.raises(ConfigError, match="interval trade is for recordings"):
        ReplaySource({"A": folder, "B": tmp_path / "bars.csv"}, "trade")


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    folder = recording(tmp_path, [taken(1)])
    with pytest.raises(DataError, match="has 1 tick of A, but 2 were taken before"):
        ReplaySource({"A": folder}, "1s").open("A", 2).take(1)
    with pytest.raises(DataError, match="has no tick of C"):
        _ = ReplaySource({"C": folder}, "1s").venue


def test_what_a_newer_tickline_recorded_is_refused_and_not_a_gap(tmp_path: Path) -> None:
    folder = recording(tmp_path, [taken(1), taken(2), taken(3)])
    alter(folder, Stream.TICKS, as_newer)
    with pytest.raises(DataError, match=r"tick n=2 of A was written by a newer Tickline \(wire .*: read the recording"):
        ReplaySource({"A": folder}, "1s").check()


def as_newer(rows: list[Row]) -> None:
    the_row(rows, "A", 2)["t"] = f"MarketTick/{WIRE + 1}"
