"""What a checkpoint keeps of the settings is what decides, and nothing else."""

from decimal import Decimal
from pathlib import Path

import pytest

from shared import record
from shared.config import Settings
from shared.config.settings import BusSettings, IngestorSettings, StrategySettings
from shared.errors import DataError
from shared.messages.codec import pack, unpack
from shared.record import WIRE
from shared.recording.about import About, claim
from shared.recording.checkpoint import (
    Checkpoint,
    kept_settings,
    last_settings,
    read_checkpoints,
    settings_of,
    write_checkpoint,
)


def test_settings_come_back_and_no_variable_changes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    strategy = StrategySettings(name="threshold", params={"threshold": 0.5}, balance=Decimal("12.50"))
    source = IngestorSettings(source="replay", files={"A": Path("a.csv")})
    settings = Settings(symbols=("A",), run_id="r", ingestor=source, strategy=strategy)
    kept = kept_settings(settings)
    monkeypatch.setenv("TICKLINE_STRATEGY__BALANCE", "7")
    again = settings_of(kept)
    assert (again.strategy, again.ingestor, again.gateway) == (settings.strategy, settings.ingestor, settings.gateway)
    assert (again.symbols, again.run_id, again.interval) == (("A",), "r", "1s")


def test_no_address_and_no_secret_is_kept() -> None:
    kept = repr(kept_settings(Settings(bus=BusSettings(url="redis://:s3cr3t@host/0"))))
    assert "s3cr3t" not in kept
    assert "**" not in kept


def test_the_newest_says_what_holds(tmp_path: Path) -> None:
    claim(tmp_path, About(bus_id="b", namespace="tickline", partitions=1))
    for interval in ("1s", "5m"):
        kept = kept_settings(Settings(interval=interval))
        write_checkpoint(tmp_path, Checkpoint(taken_ns=1, settings=kept, snapshots={"signal": {"A": b"\x00\xff"}}))
    assert last_settings(tmp_path)["interval"] == "5m"
    assert [checkpoint.settings["interval"] for checkpoint in read_checkpoints(tmp_path)] == ["1s", "5m"]
    assert read_checkpoints(tmp_path)[0].snapshots == {"signal": {"A": b"\x00\xff"}}


def test_damage_is_told(tmp_path: Path) -> None:
    claim(tmp_path, About(bus_id="b", namespace="tickline", partitions=1))
    with pytest.raises(DataError, match="without a checkpoint"):
        last_settings(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "0000000001.msgpack").write_bytes(b"\xc1")
    with pytest.raises(DataError, match="no whole checkpoint"):
        read_checkpoints(tmp_path)
    with pytest.raises(DataError, match="another version"):
        settings_of({"interval": "1s"})


def test_one_of_an_older_wire_is_read_and_one_of_a_newer_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim(tmp_path, About(bus_id="b", namespace="tickline", partitions=1))
    write_checkpoint(tmp_path, Checkpoint(taken_ns=1, settings={}, snapshots={"signal": {"A": b"x"}}))
    (path,) = (tmp_path / "checkpoints").iterdir()
    written = unpack(path.read_bytes())
    assert written == {"v": WIRE, "taken_ns": 1, "settings": {}, "snapshots": {"signal": {"A": b"x"}}}

    def upgrade(fields: dict[str, object], wire: int) -> dict[str, object]:
        return fields if wire >= WIRE else {**fields, "taken_ns": 7}

    monkeypatch.setattr(record, "FIRST", WIRE - 1)
    monkeypatch.setattr(Checkpoint, "upgrade", upgrade)
    path.write_bytes(pack({**written, "v": WIRE - 1}))
    assert [each.taken_ns for each in read_checkpoints(tmp_path)] == [7]
    path.write_bytes(pack({**written, "v": WIRE + 1, "added": 1}))
    with pytest.raises(DataError, match=r"0000000001.msgpack was written by a newer Tickline \(wire .*: read the rec"):
        last_settings(tmp_path)
