"""What a recording was made with, found again and held against what there is now."""

import json
from pathlib import Path

import pytest

from services.console.options import RunOptions, settings_for
from shared.bus.names import PartitionId
from shared.config import Settings, load_settings
from shared.messages import Stream
from shared.recording.about import About, claim
from shared.recording.checkpoint import TRADED, Checkpoint, kept_settings, write_checkpoint
from shared.recording.columns import Taken
from shared.recording.folder import RecordingFolder
from shared.recording.traded import differences, recorded_model
from shared.strategies.identity import Identity
from tests.unit.runner.fakes import entry, tick

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
    claim(path, About(bus_id="b", namespace="tickline", partitions=8))
    RecordingFolder(path).add(
        Stream.TICKS, [Taken(PartitionId("ingestor", 0), entry(tick(1, "BTCUSDT"), 1_700_000_000_000), 0)], "run"
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
    assert list(differences(path, replayed)) == []
    named = Identity.of(
        settings_for(RunOptions(data=[path], model="mine", strategy="threshold", param=["threshold=0.1"]))
    )
    assert named.model == "mine"
    model, strategy = differences(path, named)
    assert "was made with model btcusdt_12h_linear (" in model
    assert "this run takes mine (0000000000000000)" in model
    assert "was made with another strategy" in strategy
    assert "basic_taker(" in strategy


def test_where_the_recordings_model_is_gone_or_another_one_it_is_said() -> None:
    card = mine()
    path = recording(settings(signal={"model": "mine"}))
    kept = kept_settings(settings(signal={"model": "mine"}))
    assert recorded_model(kept, [Path("weights")]) == str(card)
    card.write_text(card.read_text().replace("0" * 64, "1" * 64))
    assert recorded_model(kept, [Path("weights")]) is None
    card.unlink()
    now = settings_for(RunOptions(data=[path]))
    (line,) = differences(path, Identity.of(now))
    assert "was made with model mine (0000000000000000), and this run takes btcusdt_12h_linear (" in line


def test_a_recording_of_before_names_were_kept_is_taken_as_it_was() -> None:
    kept = kept_settings(settings())
    del kept[TRADED]
    assert recorded_model(kept, [SHIPPED]) is None  # it was chosen then: it is chosen again
    kept["signal"]["model"] = "btcusdt_12h_linear"
    assert recorded_model(kept, [SHIPPED]) == str(SHIPPED / "btcusdt_12h_linear.json")
