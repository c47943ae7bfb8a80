"""What a checkpoint keeps of the settings is what decides, and nothing else."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from services.console.settings import RunOptions, settings_for
from shared import record
from shared.bus.names import PartitionId
from shared.config import Settings, load_settings
from shared.config.settings import BusSettings, IngestorSettings
from shared.config.strategy import StrategySettings
from shared.errors import DataError
from shared.messages import Stream
from shared.messages.codec import pack, unpack
from shared.record import WIRE
from shared.recording.checkpoint import (
    TRADED,
    Checkpoint,
    identity_differences,
    kept_settings,
    last_settings,
    read_checkpoints,
    recorded_model,
    settings_of,
    write_checkpoint,
)
from shared.recording.folder import RecordingFolder
from shared.recording.layout import RecordingOrigin, claim
from shared.recording.part import ReceivedEntry
from shared.strategies.identity import Identity
from tests.unit.runner.fakes import entry, tick


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
    claim(tmp_path, RecordingOrigin(bus_id="b", namespace="tickline", partitions=1))
    for interval in ("1s", "5m"):
        kept = kept_settings(Settings(interval=interval))
        write_checkpoint(tmp_path, Checkpoint(taken_ns=1, settings=kept, snapshots={"signal": {"A": b"\x00\xff"}}))
    assert last_settings(tmp_path)["interval"] == "5m"
    assert [checkpoint.settings["interval"] for checkpoint in read_checkpoints(tmp_path)] == ["1s", "5m"]
    assert read_checkpoints(tmp_path)[0].snapshots == {"signal": {"A": b"\x00\xff"}}


def test_damage_is_told(tmp_path: Path) -> None:
    claim(tmp_path, RecordingOrigin(bus_id="b", namespace="tickline", partitions=1))
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
    claim(tmp_path, RecordingOrigin(bus_id="b", namespace="tickline", partitions=1))
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


SHIPPED = Path(__file__).parents[3] / "weights"


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def settings(**given: object) -> Settings:
    return load_settings(symbols=("BTCUSDT",), interval="12h", **given)


def mine(folder: str = "weights") -> Path:
    """Another model for the same symbol, of which the config's folder has the card."""
    card = json.loads((SHIPPED / "btcusdt_12h_linear.json").read_text())
    path = Path(folder) / "mine.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**card, "name": "mine", "sha256": "0" * 64}))
    return path


def recording(of: Settings, folder: str = "session") -> Path:
    path = Path(folder)
    path.mkdir()
    claim(path, RecordingOrigin(bus_id="b", namespace="tickline", partitions=8))
    RecordingFolder(path).add(
        Stream.TICKS,
        [ReceivedEntry(PartitionId("ingestor", 0), entry(tick(1, "BTCUSDT"), 1_700_000_000_000), 0)],
        "run",
    )
    write_checkpoint(path, Checkpoint(taken_ns=1, settings=kept_settings(of), snapshots={}))
    return path


def test_a_checkpoint_names_what_trades() -> None:
    kept = kept_settings(settings(strategy={"params": {"leverage": 2}}))
    assert kept[TRADED]["model"]["name"] == "btcusdt_12h_linear"
    assert len(kept[TRADED]["model"]["sha256"]) == 64
    assert (kept[TRADED]["strategy"]["name"], kept[TRADED]["strategy"]["params"]["leverage"]) == ("basic_taker", "2")
    assert Identity.told(kept[TRADED]) == Identity.of(settings(strategy={"params": {"leverage": 2}}))


def test_a_replay_takes_the_recordings_model() -> None:
    """Though another one, of the config's folder, would fit as well; unless one is named."""
    path = recording(settings())
    mine()
    assert Identity.of(settings()).model == "mine"
    replayed = Identity.of(settings_for(RunOptions(data=[path])))
    assert replayed.model == "btcusdt_12h_linear"
    assert list(identity_differences(path, replayed)) == []
    (line,) = identity_differences(path, replayed._replace(code="0" * 16))
    assert line == f"{path} was made with other code, or another card, of this model or strategy"
    named = Identity.of(
        settings_for(RunOptions(data=[path], model="mine", strategy="threshold", param=["threshold=0.1"]))
    )
    assert named.model == "mine"
    model, strategy = identity_differences(path, named)
    assert "was made with model btcusdt_12h_linear (" in model
    assert f"this run takes mine ({named.hash})" in model
    assert "was made with another strategy" in strategy
    assert "basic_taker(" in strategy


def test_where_the_recordings_model_is_gone_or_another_one_it_is_said() -> None:
    card = mine()
    then = Identity.of(settings(signal={"model": "mine"}))
    path = recording(settings(signal={"model": "mine"}))
    kept = kept_settings(settings(signal={"model": "mine"}))
    assert recorded_model(kept, [Path("weights")]) == str(card)
    card.write_text(card.read_text().replace("0" * 64, "1" * 64))
    assert recorded_model(kept, [Path("weights")]) is None
    card.unlink()
    now = settings_for(RunOptions(data=[path]))
    (line,) = identity_differences(path, Identity.of(now))
    assert f"was made with model mine ({then.hash}), and this run takes btcusdt_12h_linear (" in line


def test_a_recording_of_before_names_were_kept_is_taken_as_it_was() -> None:
    kept = kept_settings(settings())
    del kept[TRADED]
    assert recorded_model(kept, [SHIPPED]) is None  # it was chosen then: it is chosen again
    kept["signal"]["model"] = "btcusdt_12h_linear"
    assert recorded_model(kept, [SHIPPED]) == str(SHIPPED / "btcusdt_12h_linear.json")
