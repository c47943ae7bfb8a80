"""What `tickline parity` shows of a comparison."""

import pytest
from typer.testing import CliRunner

from services.console.main import app_for
from services.research.parity import recording, stops
from shared.messages import Stream


def test_it_names_what_traded_before_what_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    traded = "model mine (0000000000000000), strategy basic_taker(leverage=1)"
    found = recording.Parity({Stream.ORDERS: 3}, {Stream.ORDERS: 3}, None, [], {Stream.TICKS: 0}, [traded])
    monkeypatch.setattr(recording, "parity", lambda folder, model: found)
    monkeypatch.setattr(stops, "recorded_stops", lambda folder: ["stop of a position"])
    shown = CliRunner().invoke(app_for(["parity"]), ["parity", "session"])
    assert shown.exit_code == 0
    assert shown.output.splitlines() == [traded, "parity: 3 of 3 orders identical", "stop of a position"]


@pytest.mark.parametrize(("count", "told"), [(1, "1 execution is"), (4, "4 executions are")])
def test_it_tells_how_many_executions_are_an_exchanges(monkeypatch: pytest.MonkeyPatch, count: int, told: str) -> None:
    found = recording.Parity({Stream.ORDERS: 3}, {Stream.ORDERS: 3}, None, [], {}, of_exchange=count)
    monkeypatch.setattr(recording, "parity", lambda folder, model: found)
    monkeypatch.setattr(stops, "recorded_stops", lambda folder: [])
    shown = CliRunner().invoke(app_for(["parity"]), ["parity", "session"])
    assert shown.exit_code == 0
    line = f"parity: {told} an exchange's: taken as recorded, nothing here can compute them again"
    assert shown.output.splitlines() == ["parity: 3 of 3 orders identical", line]


def test_it_says_that_another_runtime_is_compared_to_a_tolerance(monkeypatch: pytest.MonkeyPatch) -> None:
    why = "recorded with torch 1.0, x86_64 GenuineIntel avx2; computed with torch 2.0, x86_64 GenuineIntel avx512"
    compared, identical, near = {Stream.PREDICTIONS: 5}, {Stream.PREDICTIONS: 2}, {Stream.PREDICTIONS: 3}
    found = recording.Parity(compared, identical, None, [], {}, [], near, why)
    monkeypatch.setattr(recording, "parity", lambda folder, model: found)
    monkeypatch.setattr(stops, "recorded_stops", lambda folder: [])
    shown = CliRunner().invoke(app_for(["parity"]), ["parity", "session"])
    assert shown.exit_code == 0
    assert shown.output.splitlines() == [
        f"parity: {why}: floats are compared to 1e-06 of their s.d., not to the bit",
        "parity: 2 of 5 predictions identical, 3 more to 1e-06 of their s.d.",
    ]
