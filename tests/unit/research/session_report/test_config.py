"""A session's config is that of then, where a recording keeps it."""

from pathlib import Path

import pytest

from services.research.session_report.config import config_of
from shared.messages import Decision, Stream
from shared.recording.checkpoint import Checkpoint, kept_settings, write_checkpoint
from tests.unit.lookup.world import BEGIN_MS, World
from tests.unit.research.session_report.made import SYM, at, settings_of, told

THEN = settings_of(strategy={"balance": "1000"}, gateway={"fee": "0.001", "slippage_bps": "3"})
NOW = settings_of(interval="1h")
LATER_NS = (BEGIN_MS + 30_000) * 1_000_000  # among the decisions, which are written a second apart


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, [SYM])
    rows = made.write(*(one for one in told(THEN) if isinstance(one, Decision)))
    made.record(Stream.DECISIONS, rows)
    return made


async def test_it_is_the_recordings(world: World) -> None:
    write_checkpoint(world.folder, Checkpoint(taken_ns=1, settings=kept_settings(THEN), snapshots={}))
    found = await config_of(NOW, world.lookup(), SYM, None, None)
    own, then = found.settings, THEN
    assert (found.recorded, found.changed) == (True, False)
    assert (own.interval, own.symbols, own.strategy) == (then.interval, then.symbols, then.strategy)
    assert (own.gateway.fee, own.gateway.slippage_bps) == (then.gateway.fee, then.gateway.slippage_bps)
    assert Path(own.signal.model).stem == "btcusdt_12h_linear"
    assert own.gateway.account == NOW.gateway.account


async def test_another_one_within_the_window_is_said(world: World) -> None:
    for taken_ns, settings in ((1, settings_of()), (LATER_NS, THEN)):
        write_checkpoint(world.folder, Checkpoint(taken_ns=taken_ns, settings=kept_settings(settings), snapshots={}))
    whole = await config_of(NOW, world.lookup(), SYM, None, None)
    assert (whole.settings.strategy, whole.changed) == (THEN.strategy, True)
    end = await config_of(NOW, world.lookup(), SYM, at(50), None)
    assert (end.settings.strategy, end.changed) == (THEN.strategy, False)
    begin = await config_of(NOW, world.lookup(), SYM, None, at(10))
    assert begin.settings.strategy.params == {"netting": True}


async def test_without_a_recording_it_is_that_of_now(tmp_path: Path) -> None:
    world = World(tmp_path, [SYM])
    world.write(*told(THEN, count=5))
    found = await config_of(NOW, world.lookup(), SYM, None, None)
    assert (found.settings, found.recorded) == (NOW, False)
