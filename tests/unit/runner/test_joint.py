"""A joint stage takes all symbols of all partitions of its inputs; it and its outputs are one commit."""

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import SafetyRefusal
from shared.messages import Gap, MarketTick, Message, Stream
from shared.runner.spec import Input, Output, SequenceNumbers, ServiceSpec, Stage
from shared.tick import State
from tests.unit.runner.fakes import Store, entry, features, short, tick

ALL = "*"


class Sum(Stage):
    """A Features message of `*` for every message of any symbol, with the sum of all prices so far."""

    def __init__(self) -> None:
        self._numbers = SequenceNumbers()
        self._sum = 0

    def ready(self, val: Message) -> bool:
        return val.n < 100

    def on_tick(self, val: Message) -> list[Message] | None:
        if isinstance(val, Gap):
            return None
        self._sum += int(cast(MarketTick, val).price)
        n = self._numbers.next(Stream.FEATURES)
        return [features(n, ALL, val.ts_event, val.tr, f"sum {self._sum}")]

    def state(self) -> State:
        return [self._sum, self._numbers.state()]

    def restore(self, state: State) -> None:
        assert isinstance(state, list)
        self._sum = cast(int, state[0])
        self._numbers.restore(state[1])


SPEC = ServiceSpec(
    "monitor",
    lambda sym: Sum(),
    tuple(Input(Stream.TICKS, "ingestor", p=p) for p in range(2)),
    (Output(Stream.FEATURES),),
    exclusive=True,
    joint=True,
)


def key(p: int) -> Stream:
    return cast(Stream, f"ticks.{p}")


def test_it_takes_the_symbols_of_all_partitions_and_numbers_its_own_messages() -> None:
    store = Store(SPEC)
    part = store.partition()
    assert store.run(part, key(0), entry(tick(1, "A"), 1)) == ["* 1"]
    assert store.run(part, key(1), entry(tick(1, "B"), 1), entry(tick(2, "B"), 2)) == ["* 2", "* 3"]
    assert [out.h for out in store.written][-1].startswith("* sum 4 ")
    assert store.field("in:ticks.0") == "1-0 1"
    assert store.field("in:ticks.1") == "2-0 2"


@given(st.lists(st.tuples(st.integers(0, 1), st.booleans()), max_size=20))
def test_restored_at_any_commit_it_goes_on_as_if_never_stopped(steps: list[tuple[int, bool]]) -> None:
    whole, killed = Store(SPEC), Store(SPEC)
    part, other = whole.partition(), killed.partition()
    taken = [0, 0]
    for p, kill in steps:
        taken[p] += 1
        read = entry(tick(taken[p], "AB"[p]), taken[p])
        whole.run(part, key(p), read)
        if kill:  # what was taken and not committed is lost, and read again
            other.offer(key(p), [entry(tick(taken[p], "AB"[p]), taken[p])])
            other.work(10)
            other = killed.partition()
        killed.run(other, key(p), read if not kill else entry(tick(taken[p], "AB"[p]), taken[p]))
    assert [(out.h, out.n) for out in killed.written] == [(out.h, out.n) for out in whole.written]


def test_what_it_is_not_ready_for_waits() -> None:
    store = Store(SPEC)
    part = store.partition()
    assert store.run(part, key(0), entry(tick(100, "A"), 1)) == [], "the Gap before it is n=99: taken"
    assert store.field("in:ticks.0") == "0-0 99", "the entry is read again"


def test_a_gap_reaches_it() -> None:
    store = Store(SPEC)
    assert store.run(store.partition(), key(0), entry(tick(3, "A"), 1)) == ["* 1"]
    assert [short(out) for out in store.written] == ["* 1"]


def test_a_snapshot_of_another_stage_is_refused() -> None:
    store = Store(SPEC)
    store.run(store.partition(), key(0), entry(tick(1, "A"), 1))
    store.stored.fields["joint"] = b"\xc1"
    with pytest.raises(SafetyRefusal, match="the snapshot of the Sum on the bus"):
        store.partition()
