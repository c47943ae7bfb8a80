"""The monitor's process tells a person what its stage takes and gives, without another look at the streams."""

import asyncio
from pathlib import Path

import pytest

from services.monitor.alerts.bus_watch import OverheardStage
from services.monitor.main import MonitorWorker
from shared.config import load_settings
from shared.drift.stage import DriftRules, DriftStage
from shared.drift.twin import Costs
from shared.errors import ConfigError
from shared.messages import DriftReading, Gap, GapCause, Message, Prediction, Stream
from tests.alert_sink import sinking
from tests.unit.monitor.session import REFERENCE, SYMBOLS, Line, bars, stage
from tests.until import until


async def test_a_gap_in_the_streams_reaches_a_person(tmp_path: Path) -> None:
    with sinking() as sink:
        (tmp_path / "urls").write_text(sink.url)
        settings = load_settings(
            symbols=SYMBOLS, interval="12h", state_dir=tmp_path, bus={"partitions": 2}, signal={"model": "none"},
            alerts={"urls_file": tmp_path / "urls", "look_s": 0.01, "bundle_s": 0, "daily_at": ""},
        )  # fmt: skip
        line = Line(settings)
        sym = SYMBOLS[0]
        gap = Gap(n=1, sym=sym, ts_event=1, tr="t", stream=Stream.PREDICTIONS, cause=GapCause.MISSED)
        await line.write(iter([gap]))
        task = asyncio.create_task(MonitorWorker(settings, line.bus).run())
        await until(lambda: bool(sink.messages), within_s=60)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    missing = f"gap: {sym}: something is missing (MISSED): its features begin anew, and nothing adds until then"
    assert sink.messages[0] == ("tickline (paper): gap", missing)


def test_an_overheard_stage_is_the_monitors_to_the_last_bit() -> None:
    heard, plain = list[Message](), stage()
    drift = DriftStage(SYMBOLS, Costs(legs=False), REFERENCE, DriftRules(warn_bars=50, latch_bars=500))
    made = OverheardStage(heard.append, drift)
    taken = list(bars(1, 40, -0.01))
    assert [made.on_tick(one) for one in taken] == [plain.on_tick(one) for one in taken]
    assert made.state() == plain.state()
    assert [one for one in heard if not isinstance(one, DriftReading)] == taken
    assert any(isinstance(one, DriftReading) for one in heard)


def test_a_prediction_that_waits_for_its_decision_is_overheard_once() -> None:
    heard = list[Message]()
    made = OverheardStage(heard.append, DriftStage(SYMBOLS, Costs(legs=False), None, DriftRules()))
    prediction = next(one for one in bars(1, 2, 0.0) if isinstance(one, Prediction))
    assert [made.ready(prediction) for _ in range(3)] == [False] * 3
    assert heard == [prediction]


def test_an_address_that_nobody_knows_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "urls").write_text("nothing://s3cret")
    settings = load_settings(symbols=SYMBOLS, signal={"model": "none"}, alerts={"urls_file": tmp_path / "urls"})
    with pytest.raises(ConfigError, match="address 1") as raised:
        MonitorWorker(settings, Line(settings).bus)
    assert "s3cret" not in str(raised.value)
