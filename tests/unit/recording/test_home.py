"""The home of recordings: its bound counts every file, and nothing of a removed recording stays."""

import shutil
from pathlib import Path

import pytest

from shared.messages import Stream
from shared.recording.folder import locked
from shared.recording.home import remove_others
from shared.recording.layout import LOCK, RecordingOrigin, claim, is_recording, part_path

BYTES = 1_000


def recording(home: Path, name: str, *, checkpoint: int = 0) -> Path:
    """A folder as a recorder leaves it, with a part of BYTES bytes."""
    folder = home / name
    with locked(folder):
        claim(folder, RecordingOrigin(bus_id=name, namespace="tickline", partitions=8))
    part = part_path(folder, Stream.TICKS, "2026-11-29", 1)
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * BYTES)
    if checkpoint:
        (folder / "checkpoints").mkdir()
        (folder / "checkpoints" / "0000000001.msgpack").write_bytes(b"x" * checkpoint)
    return folder


def test_checkpoints_count_too(tmp_path: Path) -> None:
    own, other = recording(tmp_path, "own"), recording(tmp_path, "other", checkpoint=5 * BYTES)
    assert remove_others(tmp_path, own, 4 * BYTES) == [other]
    assert not other.exists() and is_recording(own)


def test_what_a_removal_left_that_was_cut_off_is_removed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = recording(tmp_path, "own"), recording(tmp_path, "other", checkpoint=1)

    def fails(folder: Path) -> None:
        raise OSError("the disk is away")

    with monkeypatch.context() as away:
        away.setattr(shutil, "rmtree", fails)
        with pytest.raises(OSError, match="the disk is away"):
            remove_others(tmp_path, own, BYTES)
    assert not is_recording(other) and other.exists()
    remove_others(tmp_path, own, 10**9)
    assert sorted(tmp_path.iterdir()) == [own]


def test_neither_what_begins_just_now_nor_a_persons_own_folder_is_such_a_rest(tmp_path: Path) -> None:
    own, begins, notes = recording(tmp_path, "own"), tmp_path / "begins", tmp_path / "notes"
    begins.mkdir()
    (begins / LOCK).touch()
    (notes / "inner").mkdir(parents=True)
    remove_others(tmp_path, own, 1)
    assert sorted(tmp_path.iterdir()) == sorted([own, begins, notes])
