"""The whole way from trades to ticks, against a plain computation over the whole series."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingestor.live.bar_join import BarJoin
from services.ingestor.live.continuity import Continuity, ContinuityRules
from services.ingestor.live.route import Route
from services.ingestor.live.sampler import Sampler
from services.ingestor.live.stage import LiveStage
from shared.messages import GapCause, MarketTick, Message, decode, encode
from shared.messages.codec import pack, unpack
from tests.unit.ingestor.live.world import (
    GRACE,
    INTERVAL,
    ORDER,
    QUIET_END,
    SILENCE,
    START,
    Run,
    World,
    bar_end,
    gaps,
    perfect,
    ticks,
    worlds,
)  # fmt: skip

BY = pytest.mark.parametrize("consecutive", [True, False], ids=["by id", "by time"])


def stage(consecutive: bool = True) -> LiveStage:
    rules = ContinuityRules(
        consecutive=consecutive, order_ns=ORDER, silence_ns=SILENCE, ask_ns=40, fill_ns=5_000, ahead_ns=1_000
    )
    join = BarJoin(INTERVAL, warm=0, fill_ns=5_000)
    return LiveStage("v", "A", Route(Continuity(rules), Sampler(INTERVAL, GRACE), join), age_ns=10**6)


def check(world: World, said: list[Message]) -> None:
    """Bar for bar what a perfect feed gives, or marked by a Gap; no bar twice; nothing after the first bar left out."""
    closes = perfect(world)
    given_ticks = ticks(said)
    ends = [tick.ts_event for tick in given_ticks]
    assert ends == sorted(set(ends))
    assert [message.n for message in said] == list(range(1, len(said) + 1))
    for before, after in pairwise(said):
        if isinstance(before, MarketTick) and isinstance(after, MarketTick):
            assert after.ts_event == before.ts_event + INTERVAL
    for place, message in enumerate(said):
        assert decode(message.TAG, encode(message)) == message
        if isinstance(message, MarketTick) and message.price != closes[message.ts_event]:
            assert any(later.cause is GapCause.LATE for later in gaps(said[place:]))
    last = bar_end(world.end + QUIET_END) - 3 * INTERVAL
    assert not said or max(message.ts_event for message in said) >= last


@BY
@given(data=st.data())
def test_noticed_faults_that_can_be_filled_leave_no_trace(consecutive: bool, data: st.DataObject) -> None:
    world = data.draw(worlds(noticed=True, fails=False, consecutive=consecutive))
    said = Run(world, stage(consecutive)).go()
    check(world, said)
    assert gaps(said) == []
    assert {tick.ts_event: tick.price for tick in ticks(said)} == {
        end: price for end, price in perfect(world).items() if said and said[0].ts_event <= end <= said[-1].ts_event
    }
    assert ticks(said)[0].ts_event <= max(bar_end(START) + INTERVAL, min(perfect(world)))


@BY
@given(data=st.data())
def test_any_faults_give_what_a_perfect_feed_gives_or_a_gap(consecutive: bool, data: st.DataObject) -> None:
    world = data.draw(worlds(noticed=False, fails=True, consecutive=consecutive))
    check(world, Run(world, stage(consecutive)).go())


@BY
@given(data=st.data())
def test_restored_is_never_stopped(consecutive: bool, data: st.DataObject) -> None:
    world = data.draw(worlds(noticed=False, fails=True, consecutive=consecutive))
    run = Run(world, stage(consecutive))
    expected = run.go()
    again, said = stage(consecutive), list[Message]()
    every = data.draw(st.integers(1, 5))
    for place, event in enumerate(run.events):
        said += again.on_tick(event) or []
        if place % every == 0:
            snapshot = pack(again.state())
            again = stage(consecutive)
            again.restore(unpack(snapshot))
            assert pack(again.state()) == snapshot
    assert said == expected
    assert pack(again.state()) == pack(run.stage.state())
