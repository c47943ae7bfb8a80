"""What a recording is of, and whether this Tickline can read it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from services.research.parity.recording import parity
from shared import record
from shared.errors import ConfigError, DataError
from shared.record import WIRE
from shared.recording.checkpoint import last_settings
from shared.recording.layout import RecordingOrigin, claim, read_origin

ABOUT = RecordingOrigin(bus_id="b", namespace="tickline", partitions=8)


def change(folder: Path, **fields: object) -> None:
    path = folder / "recording.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_a_folder_is_claimed_once_and_by_one(tmp_path: Path) -> None:
    assert [claim(tmp_path, ABOUT), claim(tmp_path, ABOUT)] == [True, False]
    assert json.loads((tmp_path / "recording.json").read_text()) == {
        "v": WIRE, "bus_id": "b", "namespace": "tickline", "partitions": 8,
    }  # fmt: skip
    with pytest.raises(ConfigError, match="name another folder"):
        claim(tmp_path, ABOUT.model_copy(update={"partitions": 4}))


def test_one_of_an_older_wire_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "FIRST", WIRE - 1)
    claim(tmp_path, ABOUT, WIRE - 1)
    assert json.loads((tmp_path / "recording.json").read_text())["v"] == WIRE - 1
    assert read_origin(tmp_path) == ABOUT
    assert not claim(tmp_path, ABOUT)


def test_what_cannot_be_read_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no recording"):
        read_origin(tmp_path)
    claim(tmp_path, ABOUT)
    change(tmp_path, v=WIRE + 1, added=1)
    with pytest.raises(DataError, match=r"recording.json was written by a newer Tickline \(wire .*: read the rec"):
        read_origin(tmp_path)
    change(tmp_path, v=WIRE)
    with pytest.raises(DataError, match=r"not whole \(RecordingOrigin.added: "):
        read_origin(tmp_path)


@pytest.mark.parametrize("opened", [last_settings, parity], ids=["replay", "parity"])
def test_whoever_reads_a_recording_reads_what_it_is_of(tmp_path: Path, opened: Callable[[Path], object]) -> None:
    (tmp_path / "recording.json").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match=r"is no recording: recording.json is not there or not whole \("):
        opened(tmp_path)
