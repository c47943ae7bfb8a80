"""What `tickline parity` shows of a comparison."""

import pytest
from typer.testing import CliRunner

from services.console.main import app_for
from services.research.parity import recording
from shared.messages import Stream


def test_it_names_what_traded_before_what_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    traded = "model mine (0000000000000000), strategy basic_taker(leverage=1)"
    found = recording.Parity({Stream.ORDERS: 3}, {Stream.ORDERS: 3}, None, [], {Stream.TICKS: 0}, [traded])
    monkeypatch.setattr(recording, "parity", lambda folder, model: found)
    shown = CliRunner().invoke(app_for(["parity"]), ["parity", "session"])
    assert shown.output.splitlines() == [traded, "parity: 3 of 3 orders identical"]
