"""`tickline alert test`: each channel is tried and named, and no address is shown."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.console.alert import TEST
from services.console.main import app_for
from shared.errors import ConfigError
from tests.alert_sink import SECRET, sinking


def typed(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app_for(["alert"]), ["alert", "test", *arguments], catch_exceptions=False)
    return result.exit_code, result.output


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("tickline.toml").write_text("[alerts]\nurls_file = 'urls'\nheartbeat_file = 'beat'\n")
    return tmp_path


def test_each_channel_is_tried_and_the_heartbeat_asked(folder: Path) -> None:
    with sinking() as sink:
        (folder / "urls").write_text(f"{sink.url}\n")
        (folder / "beat").write_text(f"{sink.heartbeat}\n")
        assert typed() == (0, "channel 1 (JSON): taken\nheartbeat: taken\n")
        assert (sink.messages, sink.beats) == ([tuple(TEST)], 1)
        sink.status = 503
        code, said = typed("--json")
    assert code == 1
    told = json.loads(said)
    assert {name: one["ok"] for name, one in told.items()} == {"channel 1 (JSON)": False, "heartbeat": False}
    assert "error=503" in told["channel 1 (JSON)"]["why"]
    assert told["heartbeat"]["why"] == "it answers 503"
    assert SECRET not in said


def test_alerts_that_are_off_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="alerts are off: write your addresses into a file"):
        typed()
