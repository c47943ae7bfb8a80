"""Parts that are there whole or not at all, and what is removed when there are too many."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pyarrow import parquet

from shared import record
from shared.bus.entry import Entry
from shared.errors import ConfigError, DataError
from shared.messages import Stream
from shared.messages.codec import pack, unpack
from shared.record import WIRE, NewerWire
from shared.recording import part as module
from shared.recording.checkpoint import Checkpoint, write_checkpoint
from shared.recording.folder import Age, RecordingFolder, locked
from shared.recording.layout import checkpoint_paths, parts
from shared.recording.part import POSITIONS, ReceivedEntry, read_positions, read_rows, recorded_symbols
from shared.recording.position import SavedPosition, StreamPosition
from tests.unit.recording.entries import DAY_MS, FIRST_DAY_MS, PLACE, taken


def numbers(folder: Path) -> list[int]:
    return [row.n for row in read_rows(folder, Stream.TICKS, "ingestor")]


def test_rows_go_to_their_days_and_the_next_start_knows_them(tmp_path: Path) -> None:
    first = RecordingFolder(tmp_path)
    rows = [taken(1), taken(2), taken(3, ms=FIRST_DAY_MS + DAY_MS)]
    assert first.add(Stream.TICKS, rows, "a") == 2
    assert [part.path.relative_to(tmp_path).as_posix() for part in parts(tmp_path)] == [
        "ticks/2024-10-04/0000000001.parquet", "ticks/2024-10-05/0000000002.parquet",
    ]  # fmt: skip
    assert read_positions(parts(tmp_path)[0].path)[PLACE].last["A"][0] == 2
    again = RecordingFolder(tmp_path)
    assert again.positions == first.positions
    assert again.positions[Stream.TICKS][PLACE].last["A"][0] == 3
    again.add(Stream.TICKS, [taken(4)], "a")
    assert numbers(tmp_path) == [1, 2, 3, 4]


def test_a_write_that_fails_leaves_nothing_that_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up in the middle; then there is room again."""
    folder = RecordingFolder(tmp_path)
    folder.add(Stream.TICKS, [taken(1)], "a")
    before = folder.positions[Stream.TICKS][PLACE].copy()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda number: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space"):
            folder.add(Stream.TICKS, [taken(2)], "a")
    assert folder.positions[Stream.TICKS][PLACE] == before
    assert numbers(tmp_path) == [1]
    with locked(tmp_path):
        assert not list(tmp_path.rglob("*.tmp"))
    folder.add(Stream.TICKS, [taken(2)], "a")
    assert numbers(tmp_path) == [1, 2]


def test_a_damaged_part_is_refused_in_one_line(tmp_path: Path) -> None:
    RecordingFolder(tmp_path).add(Stream.TICKS, [taken(1)], "a")
    (only,) = parts(tmp_path)
    only.path.write_bytes(only.path.read_bytes()[:-9])
    with pytest.raises(DataError, match="no whole part"):
        RecordingFolder(tmp_path)
    with pytest.raises(DataError, match="no whole part"):
        numbers(tmp_path)


def test_one_process_writes_a_folder(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(ConfigError, match="another recorder"), locked(tmp_path):
        pass
    code = "import os, sys; from pathlib import Path; from shared.recording.folder import locked\n"
    code += "with locked(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    with locked(tmp_path):
        pass  # a dead process holds nothing


def test_what_is_too_old_goes_but_never_the_newest_part(tmp_path: Path) -> None:
    folder = RecordingFolder(tmp_path)
    today_ms = int(time.time() * 1000)
    for n, ms in ((1, FIRST_DAY_MS), (2, FIRST_DAY_MS + DAY_MS), (3, today_ms)):
        folder.add(Stream.TICKS, [taken(n, ms=ms)], "a")
    folder.add(Stream.FEATURES, [taken(1)], "a")
    removed = folder.remove_old(Age(keep_days=2))
    assert [part.day for part in removed] == ["2024-10-04", "2024-10-05"]
    assert numbers(tmp_path) == [3]
    assert not (tmp_path / "ticks" / "2024-10-04").exists()
    assert len(parts(tmp_path, Stream.FEATURES)) == 1
    assert RecordingFolder(tmp_path).positions == folder.positions


def test_what_is_too_much_goes_oldest_first(tmp_path: Path) -> None:
    folder = RecordingFolder(tmp_path)
    for n in range(1, 6):
        folder.add(Stream.TICKS, [taken(n)], "a")
    size = parts(tmp_path)[-1].path.stat().st_size
    folder.remove_old(Age(keep_bytes=2 * size + size // 2))
    assert numbers(tmp_path) == [4, 5]
    folder.remove_old(Age(keep_bytes=1))
    assert numbers(tmp_path) == [5]


def test_a_checkpoint_is_due_when_half_of_the_parts_are_newer(tmp_path: Path) -> None:
    folder = RecordingFolder(tmp_path)
    assert not folder.needs_checkpoint()
    due = []
    write_checkpoint(tmp_path, Checkpoint(taken_ns=1, settings={}, snapshots={}))
    for n in range(1, 5):
        folder.add(Stream.TICKS, [taken(n)], "a")
        os.utime(parts(tmp_path)[-1].path, ns=(n, n))
    for ns in (1, 2, 3, 4):
        os.utime(checkpoint_paths(tmp_path)[0], ns=(ns, ns))
        due.append(folder.needs_checkpoint())
    assert due == [True, True, False, False]


def test_only_the_rows_that_are_asked_for(tmp_path: Path) -> None:
    folder = RecordingFolder(tmp_path)
    folder.add(Stream.TICKS, [taken(1), taken(1, "B"), taken(2)], "a")
    assert [row.k for row in read_rows(tmp_path, Stream.TICKS, "ingestor", ["B"])] == ["B"]
    assert list(read_rows(tmp_path, Stream.TICKS, "ingestor-2")) == []
    assert module.recorded_symbols(tmp_path) == ["A", "B"]


def test_positions_of_an_older_wire_are_read_and_those_of_a_newer_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    RecordingFolder(tmp_path).add(Stream.TICKS, [taken(1)], "a")
    (only,) = parts(tmp_path)
    place = {"run_id": "a", "cursor": b"%d-0" % (FIRST_DAY_MS + 1), "last": {"A": {"n": 1, "tr": "t:A:1"}}}
    assert kept(only.path) == {"v": WIRE, "places": {str(PLACE): place}}

    def upgrade(fields: dict[str, object], wire: int) -> dict[str, object]:
        return fields if wire >= WIRE else {**fields, "run_id": "older"}

    monkeypatch.setattr(record, "FIRST", WIRE - 1)
    monkeypatch.setattr(SavedPosition, "upgrade", upgrade)
    keep(only.path, {"v": WIRE - 1, "places": {str(PLACE): place}})
    assert read_positions(only.path)[PLACE] == StreamPosition("older", place["cursor"], {"A": (1, "t:A:1")})  # type: ignore[arg-type]
    keep(only.path, {"v": WIRE + 1, "places": {}, "added": 1})
    with pytest.raises(DataError, match=r"0000000001.parquet was written by a newer Tickline \(wire "):
        RecordingFolder(tmp_path)
    with pytest.raises(DataError, match="newer Tickline"):
        recorded_symbols(tmp_path)


def kept(path: Path) -> object:
    return unpack(parquet.read_schema(path).metadata[POSITIONS])


def keep(path: Path, positions: object) -> None:
    table = parquet.read_table(path)
    parquet.write_table(table.replace_schema_metadata({POSITIONS: pack(positions)}), path)  # type: ignore[arg-type]


def test_a_row_that_cannot_be_read_is_not_written(tmp_path: Path) -> None:
    """A recorder of a newer Tickline decodes it; the rows beside it are in the same part or none."""
    later = Entry(b"%d-0" % (FIRST_DAY_MS + 2), (b"t", b"MarketTick/%d" % (WIRE + 1), b"k", b"A", b"n", b"2"))
    folder = RecordingFolder(tmp_path)
    with pytest.raises(NewerWire, match="a MarketTick was written by a newer"):
        folder.add(Stream.TICKS, [taken(1), ReceivedEntry(PLACE, later, 0)], "a")
    assert (parts(tmp_path), folder.positions[Stream.TICKS]) == ([], {})
