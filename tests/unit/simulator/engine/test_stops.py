"""Stops of the engine: whatever happens, each ends in one way, and none ever adds to a position."""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulator.binance.dialect import swap
from services.simulator.engine.events import Declined, NewOrder
from services.simulator.engine.matching_engine import MatchingEngine
from services.simulator.engine.prices import EnginePrices
from services.simulator.engine.stop_faults import FATES, StopFate
from services.simulator.engine.stops import EngineStop, StopState

SWAP = swap()
D = Decimal
NEXT = {
    StopState.DORMANT: {StopState.WAITING, StopState.FAILED, StopState.DISCARDED},
    StopState.WAITING: {StopState.WAITING, StopState.TRIGGERING, StopState.CANCELED},
    StopState.TRIGGERING: {StopState.TRIGGERED, StopState.FAILED},
}


def made(path: Path | None = None, *, keeps_id: bool = False) -> MatchingEngine:
    engine = MatchingEngine((SWAP,), EnginePrices((SWAP,)), {"USDT": D(1_000_000)}, D("0.0005"), path)
    engine.stops.keeps_id = keeps_id
    return engine


def stop(side: int, trigger: Decimal, **changes: object) -> EngineStop:
    made = EngineStop(0, "", SWAP.id, "STOP_MARKET", side, D(0), trigger, trigger > SWAP.price, 0, 0)
    return made._replace(**changes)  # type: ignore[arg-type]


class Act(NamedTuple):
    """what: a price to go to, a quantity to trade, or a stop to place or cancel."""

    what: str
    number: int
    fate: str
    whole: bool
    later_ms: int


ACTS = st.lists(
    st.builds(
        Act, st.sampled_from(("price", "trade", "stop", "carried", "cancel")), st.integers(-20, 20),
        st.sampled_from(("", *FATES)), st.booleans(), st.integers(0, 300),
    ),
    max_size=40,
)  # fmt: skip


def played(engine: MatchingEngine, acts: list[Act]) -> list[EngineStop]:
    """Plays them; all versions of all stops."""
    versions, note, now_ms = list[EngineStop](), engine.note, 0

    def noted(one: EngineStop) -> None:
        versions.append(one)
        note(one)

    engine.note = noted  # type: ignore[method-assign]
    for act in acts:
        now_ms += act.later_ms
        qty = act.number * SWAP.min_qty * 5
        fate = StopFate(act.fate, order_ms=act.number % 7 * 40, orphan=act.whole, unattached=act.fate == "fails")
        changes = {"with_position": act.number % 2 == 0, "qty": D(0) if act.whole else abs(qty)}
        try:
            if act.what == "price":
                engine.prices.set(SWAP.id, SWAP.price + 100 * act.number)
                engine.advance(now_ms)
            elif act.what == "trade" and qty:
                engine.place(NewOrder(SWAP.id, qty), now_ms)
            elif act.what == "stop" and act.number:
                side = 1 if act.number > 0 else -1
                engine.stops.place(stop(side, SWAP.price + 150 * act.number, **changes), fate, now_ms)
            elif act.what == "carried" and qty:
                entry = engine.place(NewOrder(SWAP.id, qty), now_ms)
                far = stop(-entry.side, SWAP.price - entry.side * 5_000, parent=entry.id, **changes)
                engine.stops.place(far._replace(at_first_fill=act.whole), fate, now_ms)
            elif act.what == "cancel" and engine.stops.waiting():
                engine.stops.cancel(engine.stops.waiting()[0], now_ms)
        except Declined:
            continue
    engine.advance(now_ms + 1000)
    return versions


@given(ACTS, st.booleans())
def test_a_stop_goes_one_way_and_never_adds(acts: list[Act], keeps_id: bool) -> None:
    engine = made(keeps_id=keeps_id)
    versions = played(engine, acts)
    for id_ in {one.id for one in versions}:
        mine = [one for one in versions if one.id == id_]
        assert all(StopState(after.state) in NEXT[StopState(before.state)] for before, after in pairwise(mine))
        last = mine[-1]
        assert (last.state == StopState.TRIGGERED) == bool(last.order_id)
        assert not (keeps_id and last.order_id) or last.order_id == last.id
    held = D(0)
    for fill in engine.fills:
        if engine.stops.of_order(fill.order_id) is not None:
            assert abs(held + fill.qty) < abs(held)
            assert held * (held + fill.qty) >= 0
        held += fill.qty
    assert held == engine.wallet.holding(SWAP.id).qty


@given(ACTS)
def test_a_restart_forgets_no_stop(tmp_path_factory: pytest.TempPathFactory, acts: list[Act]) -> None:
    path = tmp_path_factory.mktemp("book") / "state"
    engine = made(path)
    played(engine, acts)
    again = made(path)
    assert again.stops.all() == engine.stops.all()
    assert again.stops.waiting() == engine.stops.waiting()
    assert again.next_id() > max((one.id for one in engine.stops.all()), default=0)
    assert again.wallet.holding(SWAP.id) == engine.wallet.holding(SWAP.id)


def test_a_trailing_one_follows_the_best_price_since_it_was_placed() -> None:
    engine = made()
    engine.place(NewOrder(SWAP.id, D("0.010")), 0)
    trail = engine.stops.place(stop(-1, D(0), trail=D("0.01"))._replace(trigger=None), StopFate(), 0)
    assert (trail.best, trail.trigger) == (D(42_000), D(41_580))
    for at, trigger in ((43_000, 42_570), (42_800, 42_570), (44_000, 43_560)):
        engine.prices.set(SWAP.id, D(at))
        engine.advance(1)
        assert engine.stops.waiting()[0].trigger == trigger
    engine.prices.set(SWAP.id, D(43_560))
    engine.advance(2)
    assert (engine.stops.waiting(), engine.wallet.holding(SWAP.id).qty) == ([], 0)
