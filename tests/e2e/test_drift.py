"""An edge is gone: the monitor, killed now and then, latches DRIFT, the gateway adds nothing, a person goes on.

The card promises what it cannot hold: after costs each bar loses.
"""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from shared.config import load_settings
from shared.control.latches import DRIFT
from shared.drift.reference import DriftReference
from shared.journal.rows import LatchRow, OrderRow
from shared.lookup import Lookup
from shared.messages import DriftReading, Stream
from shared.messages.monitor import POOLED, DriftMoved, DriftState
from shared.messages.reasons import Leg, OrderPhase, Reason
from shared.strategies.drift import assumed_costs, drift_key
from tests.e2e.command import wait_for
from tests.e2e.fake_session import FakeSession

SELDOM_S = 0.5
KILLS = 3
ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSession]:
    """A session whose card promises two standard deviations a bar, so that some twenty bars show that they are gone."""
    made = FakeSession(tmp_path)
    config = made.folder / "tickline.toml"
    config.write_text(config.read_text() + "[monitor]\nwarn_bars = 50\nlatch_bars = 500\n")
    shutil.copytree(ROOT / "weights", made.folder / "weights")
    monkeypatch.setenv("TICKLINE_CONFIG", str(config))
    settings = load_settings()
    costs = assumed_costs(settings)
    reference = DriftReference(
        strategy="threshold", decides=drift_key(settings), symbols=settings.symbols, interval="1s", fee=costs.fee,
        slippage_bps=costs.slippage_bps, legs=costs.legs, start="2025-01-01T00:00:00Z", end="2025-01-01T01:00:00Z",
        bars=3601, held=3600, mean_net=0.002, sd_net=0.001, mean=2.0, sd=1.0, lower=1.6,
    )  # fmt: skip
    card = made.folder / "weights" / "simulated_linear.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"references": [reference.model_dump(mode="json")]}))
    yield made
    made.end()


def monitor_of(session: FakeSession) -> psutil.Process | None:
    assert session.line is not None
    children = psutil.Process(session.line.pid).children()
    return next((each for each in children if each.cmdline()[-1:] == ["monitor"]), None)


def latch(session: FakeSession) -> LatchRow | None:
    return session.journal(lambda journal: journal.latches()).get(DRIFT)


def orders(session: FakeSession) -> list[OrderRow]:
    return session.journal(lambda journal: journal.orders(open_only=False))


def readings(session: FakeSession) -> list[DriftReading]:
    """All of them; a command that tells them would load for as long as a bar takes."""
    settings = session.settings()

    async def read() -> list[DriftReading]:
        async with Lookup.open(settings) as lookup:
            found = await lookup.last(Stream.MONITOR, POOLED, 2000)
        return [each.message for each in found if isinstance(each.message, DriftReading)]

    return asyncio.run(read())


def test_an_edge_that_is_gone_is_latched_and_resumed(session: FakeSession) -> None:
    session.start()
    session.arm()
    for _ in range(KILLS):
        before = len(readings(session))
        process = wait_for(lambda: monitor_of(session), "the monitor runs")
        os.kill(process.pid, signal.SIGKILL)
        wait_for(lambda: len(readings(session)) > before or latch(session), "it goes on", every_s=SELDOM_S)  # noqa: B023
    latched = wait_for(lambda: latch(session), "DRIFT is latched", every_s=SELDOM_S)
    found = readings(session)
    assert [reading.n for reading in found] == list(range(1, len(found) + 1)), "none is lacking, none came twice"
    alarm = next(reading for reading in found if reading.state is DriftState.DECAYED)
    assert latched.reason.startswith(f"{alarm.tr}: drift decayed: M "), "it names the tick that it came with"
    assert alarm.decay >= 500
    assert alarm.latch_bars == 500
    traced = session.tickline("trace", alarm.tr)
    assert traced.code == 0, traced.err
    assert "drift decayed" in traced.out

    refused = wait_for(lambda: [x for x in orders(session) if x.reason is Reason.DRIFT], "refusals")
    assert {row.state for row in refused} == {OrderPhase.REJECTED}
    assert Leg.CLOSE not in {row.leg for row in refused}, "what reduces is not refused"
    last = max(row.at_ms for row in orders(session) if row.state is OrderPhase.FILLED and row.leg is Leg.OPEN)
    assert min(row.updated_ms for row in refused) >= last, "and nothing has been added since"

    resumed = session.at_terminal("resume", DRIFT)
    assert resumed.code == 0, resumed.shown
    more = wait_for(lambda: _behind_resume(readings(session)), "two bars behind the resume", every_s=SELDOM_S)
    assert [reading.state for reading in more[:2]] == [DriftState.OK, DriftState.OK]
    assert more[0].decay == 0.0
    assert latch(session) is None
    stopped = session.stop()
    assert stopped is not None
    assert stopped.code == 0, stopped.err

    (recording,) = (file.parent for file in session.state.glob("recording/**/recording.json"))
    parity = session.tickline("parity", recording)
    (line,) = (line for line in parity.out.splitlines() if line.endswith(" monitor identical"))
    same, _, count, *_ = line.removeprefix("parity: ").split()
    assert same == count, parity.err
    assert int(count) > len(found), "the alarm, and the resume"


def _behind_resume(found: list[DriftReading]) -> list[DriftReading] | None:
    """The reading that says that a person has resumed, and those behind it, once there are two."""
    at = next((i for i, reading in enumerate(found) if reading.moved is DriftMoved.RESUMED), None)
    return found[at:] if at is not None and len(found) > at + 2 else None
