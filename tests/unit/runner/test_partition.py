"""Partition without I/O: numbers, gaps, divergence, dead letters, stopped symbols, cursors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bus.entry import Entry
from shared.messages import Message, Stream
from shared.runner.partition import Partition, StageFailed
from shared.runner.spec import Input, Limits, Output, ServiceSpec
from tests.unit.runner.fakes import HOLDING, STRICT_IN, TICKS_IN, Echo, Store, entry, prediction, report, tick

T = Stream.TICKS


def ticks(*numbers: int, sym: str = "A", at: int = 0) -> list[Entry]:
    return [entry(tick(n, sym), at or n) for n in numbers]


def quarantined(part: Partition, sym: str) -> list[object]:
    return [entry.n for entry in part.symbol(sym).quarantined]


# In order


def test_messages_in_order_go_through() -> None:
    store = Store(TICKS_IN)
    part = store.partition()
    assert store.run(part, T, *ticks(1, 2, 3)) == ["A 1", "A 2", "A 3"]
    assert store.run(part, T, *ticks(4)) == ["A 4"]
    assert (store.stored.seq, store.field("in:ticks"), store.field("out:features")) == (2, "4-0 4", "4")
    assert store.field("run") == "run1"
    assert not part.alarms


def test_nothing_to_do_is_no_commit() -> None:
    part = Store(TICKS_IN).partition()
    part.work(100)
    assert part.commit() is None


def test_what_it_tells_is_written_once_and_restores_nothing() -> None:
    store = Store(TICKS_IN)
    part = store.partition()
    part.tell("heard", "1")
    commit = part.commit()
    assert commit is not None
    assert commit.fields["heard"] == "1"
    part.tell("heard", "1")
    assert part.commit() is None
    part.tell("heard", "2")
    assert part.commit() is not None


def test_symbols_are_independent_and_the_position_is_their_sum() -> None:
    store = Store(TICKS_IN)
    entries = [entry(tick(1, "A"), 1), entry(tick(1, "B"), 2), entry(tick(2, "A"), 3)]
    assert sorted(store.run(store.partition(), T, *entries)) == ["A 1", "A 2", "B 1"]
    assert store.field("in:ticks") == "3-0 3"


def test_only_touched_symbols_are_written() -> None:
    store = Store(TICKS_IN)
    part = store.partition()
    store.run(part, T, entry(tick(1, "A"), 1), entry(tick(1, "B"), 2))
    part.offer(T, [entry(tick(2, "B"), 3)])
    part.work(100)
    commit = part.commit()
    assert commit is not None
    assert set(commit.fields) == {"s:B", "in:ticks", "out:features"}


def test_a_restored_partition_goes_on() -> None:
    store = Store(TICKS_IN)
    store.run(store.partition(), T, *ticks(1, 2))
    assert store.run(store.partition(), T, *ticks(3)) == ["A 3"]


def test_duplicates_are_skipped_and_counted() -> None:
    store = Store(TICKS_IN)
    part = store.partition()
    store.run(part, T, *ticks(1, 2))
    assert store.run(part, T, entry(tick(1), 5), entry(tick(2), 6)) == []
    assert part.counts["skipped"] == 2
    assert store.field("in:ticks") == "6-0 2"
    assert store.run(part, T, entry(tick(3), 7)) == ["A 3"]


def test_the_limit_cuts_the_work_and_the_rest_comes_next() -> None:
    store = Store(TICKS_IN)
    part = store.partition()
    part.offer(T, ticks(1, 2, 3))
    part.work(2)
    assert part.busy
    assert len(store.write(part.commit())) == 2
    assert store.field("in:ticks") == "2-0 2"
    part.work(0)
    assert part.commit() is None
    part.work(2)
    assert len(store.write(part.commit())) == 1
    assert not part.busy


def test_reading_stops_at_the_bound_of_pending_entries() -> None:
    store = Store(HOLDING, Limits(pending=3))
    part = store.partition()
    store.run(part, Stream.PREDICTIONS, *(entry(prediction(n), n) for n in (1, 2, 3)))
    assert part.wants(Stream.PREDICTIONS)
    part.offer(Stream.PREDICTIONS, [entry(prediction(4), 4)])
    assert not part.wants(Stream.PREDICTIONS)
    assert part.wants(Stream.EXECUTIONS)


# Gaps and divergence


@pytest.mark.parametrize("late", [entry(tick(7), 1, d=b"\xc1"), entry(tick(1), 1)], ids=["unreadable", "skipped"])
def test_reading_goes_on_where_the_last_entry_is_only_put_away(late: Entry) -> None:
    """Or a partition whose reading waits for it would wait for ever."""
    store = Store(TICKS_IN, Limits(pending=1))
    part = store.partition()
    store.run(part, T, *ticks(1))
    part.offer(T, [late])
    store.write(part.commit())  # before any work: as where the limit cut it off
    assert not part.wants(T)
    store.run(part, T)
    assert part.wants(T)


def test_a_jump_becomes_a_gap() -> None:
    store = Store(TICKS_IN)
    part = store.partition()
    assert store.run(part, T, *ticks(1, 4, 5)) == ["A 1", "A 2 GAP MISSED", "A 3", "A 4"]
    assert part.counts["gaps"] == 1
    assert store.field("in:ticks") == "5-0 5"


def test_a_first_number_above_one_is_a_gap_too() -> None:
    store = Store(TICKS_IN)
    assert store.run(store.partition(), T, *ticks(7)) == ["A 1 GAP MISSED", "A 2"]


def test_a_jump_on_a_strict_stream_stops_the_symbol_alone() -> None:
    store = Store(STRICT_IN)
    part = store.partition()
    assert store.run(part, T, *ticks(1, 3, 4), entry(tick(1, "B"), 5)) == ["A 1", "B 1"]
    assert part.alarms == ["symbol stopped: A: ticks n=2 is missing"]
    assert part.counts["quarantined"] == 2
    assert store.run(part, T, entry(tick(5), 6), entry(tick(2, "B"), 7)) == ["B 2"]


@pytest.mark.parametrize("plan", [TICKS_IN, STRICT_IN], ids=["market", "strict"])
def test_the_same_number_with_another_trace_is_a_divergence(plan: ServiceSpec) -> None:
    store = Store(plan)
    part = store.partition()
    store.run(part, T, *ticks(1, 2))
    assert store.run(part, T, entry(tick(2, tr="other"), 3), entry(tick(1, "B"), 4), entry(tick(3), 5)) == ["B 1"]
    assert part.alarms == ["symbol stopped: A: divergence: ticks n=2 was t:A:2, is other"]
    assert store.run(store.partition(), T, entry(tick(4), 6), entry(tick(2, "B"), 7)) == ["B 2"]


def test_an_older_number_with_another_trace_is_skipped() -> None:
    """Only the last trace id is kept."""
    store = Store(TICKS_IN)
    part = store.partition()
    assert store.run(part, T, *ticks(1, 2), entry(tick(1, tr="other"), 3)) == ["A 1", "A 2"]
    assert not part.alarms


# Entries that cannot be read


UNREADABLE = [
    pytest.param({"d": b"\xc1"}, id="no msgpack"),
    pytest.param({"t": b"Unknown/3"}, id="unknown type"),
    pytest.param({"k": b"C"}, id="another symbol inside"),
    pytest.param({"t": b""}, id="no type"),
]


@pytest.mark.parametrize("changed", UNREADABLE)
def test_what_cannot_be_read_goes_to_the_dead_letters_and_leaves_a_gap(changed: dict[str, bytes]) -> None:
    store = Store(TICKS_IN)
    part = store.partition()
    sym = changed.get("k", b"A").decode()
    entries = [entry(tick(1, sym), 1), entry(tick(2), 2, **changed), entry(tick(3, sym), 3), entry(tick(1, "B"), 4)]
    done = store.run(part, T, *entries)
    assert sorted(done) == sorted(["B 1", f"DEAD {sym}", f"{sym} 1", f"{sym} 2 GAP UNREADABLE", f"{sym} 3"])
    assert store.field("out:dead") == "1"
    assert store.field("in:ticks") == "4-0 4"
    (dead,) = [out for out in store.written if out.stream == Stream.DEAD]
    assert dead.h.startswith("ticks 2-0 ")
    assert dead.d == entries[1].d
    assert [alarm.split(":")[0] for alarm in part.alarms] == ["dead letter"]


@pytest.mark.parametrize("changed", [{"k": b""}, {"n": b""}, {"n": b"0"}, {"n": b"-1"}, {"n": b"x"}, {"n": b"9" * 30}])
def test_what_names_no_symbol_or_number_is_a_dead_letter_only(changed: dict[str, bytes]) -> None:
    store = Store(TICKS_IN)
    done = store.run(store.partition(), T, entry(tick(1), 1), entry(tick(2), 2, **changed), entry(tick(2), 3))
    assert sorted(done) == ["A 1", "A 2", "DEAD " if changed.get("k") == b"" else "DEAD A"]
    assert store.field("in:ticks") == "3-0 2"


@pytest.mark.parametrize(
    "changed", [{"k": b"x" * 65}, {"tr": b"x" * 161}, {"n": b"9" * 19}, {"k": b"\xff" * 64}, {"tr": b""}]
)
@pytest.mark.parametrize("d", [b"", None])
def test_what_no_message_could_hold_does_no_harm(changed: dict[str, bytes], d: bytes | None) -> None:
    store = Store(TICKS_IN)
    part = store.partition()
    if d is not None:
        changed = {**changed, "d": d}
    store.run(part, T, entry(tick(1), 1), entry(tick(2), 2, **changed))
    done = store.run(part, T, entry(tick(3), 4), entry(tick(1, "B"), 5))
    assert {"A 3", "B 1"} <= set(done)
    assert part.commit() is None


def test_the_number_of_an_unreadable_entry_is_not_believed() -> None:
    """Else one broken entry would make all later ones look like duplicates."""
    store = Store(TICKS_IN)
    part = store.partition()
    assert store.run(part, T, *ticks(1), entry(tick(10**15), 2, d=b"")) == ["A 1", "DEAD A"]
    assert store.run(part, T, entry(tick(2), 3), entry(tick(3), 4)) == ["A 2", "A 3"]
    assert store.field("in:ticks") == "4-0 3"


@pytest.mark.parametrize("changed", UNREADABLE)
def test_what_cannot_be_read_on_a_strict_stream_stops_the_symbol(changed: dict[str, bytes]) -> None:
    store = Store(STRICT_IN)
    part = store.partition()
    sym = changed.get("k", b"A").decode()
    entries = [entry(tick(1, sym), 1), entry(tick(2), 2, **changed), entry(tick(3, sym), 3), entry(tick(1, "B"), 4)]
    assert sorted(store.run(part, T, *entries)) == sorted(["B 1", f"DEAD {sym}", f"{sym} 1"])
    assert part.counts["quarantined"] == 2  # the bad one and the one after it
    assert store.field("in:ticks") == "4-0 4"
    again = store.partition()
    assert store.run(again, T, entry(tick(4, sym), 5), entry(tick(2, "B"), 6)) == ["B 2"]
    assert again.symbol(sym).stopped.startswith("ticks n=2: ")
    assert quarantined(again, sym) == [2, 3, 4]


PIECES = st.one_of(st.binary(max_size=20), st.sampled_from([b"A", b"1", b"2", b"MarketTick/3", b"t", b"k", b"n", b"d"]))


@given(st.lists(st.lists(PIECES, max_size=14), max_size=6), st.booleans())
def test_any_entry_at_all_is_taken_and_later_ones_go_on(fields: list[list[bytes]], strict: bool) -> None:
    store = Store(STRICT_IN if strict else TICKS_IN)
    part = store.partition()
    store.run(part, T, *(Entry(b"%d-0" % i, f) for i, f in enumerate(fields, 1)))
    done = store.run(part, T, entry(tick(1, "ZZ"), 50), entry(tick(2, "ZZ"), 51))
    assert done == ["ZZ 1", "ZZ 2"]
    assert store.field("in:ticks").startswith("51-0 ")
    store.partition()


@given(st.binary(max_size=60), st.sampled_from(["k", "n", "tr", "d", "t", "h"]))
def test_any_bytes_in_any_one_field(data: bytes, name: str) -> None:
    store = Store(TICKS_IN)
    part = store.partition()
    store.run(part, T, entry(tick(1, "ZZ"), 1, **{name: data}), entry(tick(1, "YY"), 2))
    assert store.field("in:ticks").startswith("2-0 ")


# Stopped symbols


def test_the_entries_of_a_stopped_symbol_count_as_consumed() -> None:
    """Or its producer would think that it is far ahead, and stop for all symbols."""
    store = Store(STRICT_IN)
    store.run(store.partition(), T, *ticks(1, 3, 4, 5))
    assert store.field("in:ticks") == "5-0 5"


def test_what_was_put_aside_is_not_put_aside_again() -> None:
    store = Store(STRICT_IN)
    store.run(store.partition(), T, *ticks(1, 3, 4))
    store.run_id = "run2"  # the server was restarted: everything is read again
    part = store.partition()
    store.run(part, T, *ticks(1, 3, 4, 5))
    assert quarantined(part, "A") == [3, 4, 5]
    assert store.field("in:ticks") == "5-0 5"


def test_parked_entries_are_bounded_and_none_is_lost() -> None:
    store = Store(STRICT_IN, Limits(quarantined=3, pending=4))
    part = store.partition()
    store.run(part, T, *ticks(2, 3, 4, 5, 6, 7, 8), entry(tick(1, "B"), 9))
    assert len(part.symbol("A").quarantined) == 3
    assert store.field("in:ticks") == "4-0 5"  # B was taken, A's 5 waits in the stream
    assert not part.wants(T)


def test_market_data_of_a_stopped_symbol_are_dropped_and_the_others_go_on() -> None:
    """What is stale by the time a person lets the symbol go on need not be kept: its jump will be a gap."""
    store = Store(TICKS_IN, Limits(quarantined=3, pending=4))
    part = store.partition()
    store.run(part, T, *ticks(1), entry(tick(1, tr="other"), 2))
    for n in range(2, 50):
        assert store.run(part, T, entry(tick(n), 2 * n), entry(tick(n - 1, "B"), 2 * n + 1)) == [f"B {n - 1}"]
    assert store.field("in:ticks") == "99-0 97"
    assert part.symbol("A").quarantined == []
    assert part.wants(T)


# A stage that fails


def failing(bad: set[int], strict: bool = False) -> ServiceSpec:
    return ServiceSpec("signal", lambda sym: Echo(bad), (Input(T, "ingestor", strict),), (Output(Stream.FEATURES),))


def test_a_failing_stage_names_the_entry() -> None:
    part = Store(failing({2})).partition()
    part.offer(T, ticks(1, 2, 3))
    with pytest.raises(StageFailed, match="A: ticks 2-0: RuntimeError: cannot take 2"):
        part.work(100)


@pytest.mark.parametrize("strict", [False, True])
def test_poison_is_set_aside(strict: bool) -> None:
    store = Store(failing({2}, strict))
    part = store.partition()
    part.offer(T, ticks(1, 2, 3))
    with pytest.raises(StageFailed) as failed:
        part.work(100)
    store.poison[failed.value.suspect] = str(failed.value)
    done = store.run(store.partition(), T, *ticks(1, 2, 3))
    assert done == (["A 1", "DEAD A"] if strict else ["A 1", "A 2 GAP FAILED", "DEAD A", "A 3"])


class WrongNumbers(Echo):
    def on_tick(self, val: Message) -> list[Message] | None:
        return [tick(7)]


class BadAtGaps(Echo):
    def on_tick(self, val: Message) -> list[Message] | None:
        raise RuntimeError("no gaps here")


def test_a_stage_that_numbers_wrongly_has_failed() -> None:
    plan = ServiceSpec("signal", lambda sym: WrongNumbers(), (Input(T, "ingestor"),), (Output(T),))
    part = Store(plan).partition()
    part.offer(T, ticks(1))
    with pytest.raises(StageFailed, match="gave ticks n=7"):
        part.work(100)


def test_a_stage_that_fails_at_a_gap_stops_its_symbol() -> None:
    plan = ServiceSpec("signal", lambda sym: BadAtGaps(), (Input(T, "ingestor"),), (Output(T),))
    store = Store(plan)
    part = store.partition()
    assert store.run(part, T, *ticks(2)) == []
    (alarm,) = part.alarms
    assert alarm.startswith("symbol stopped: A: the stage failed at a gap: RuntimeError: no gaps here (")
    assert "test_partition.py:" in alarm or "fakes.py:" in alarm


# Held entries and cursors


def predictions(*numbers: int, sym: str = "A", shift: int = 0) -> list[Entry]:
    return [entry(prediction(n, sym), n + shift) for n in numbers]


def test_a_held_entry_keeps_the_cursor_before_it() -> None:
    store = Store(HOLDING)
    part = store.partition()
    entries = [*predictions(1, 2), *predictions(3, sym="B", shift=10)]
    store.run(part, Stream.PREDICTIONS, *entries)
    assert store.field("in:predictions") == "1-0 4"  # A's 2 waits for a report; B got a gap and its 3
    assert store.field("out:features") == "1"
    again = store.partition()
    assert again.cursors[Stream.PREDICTIONS].read_to == b"1-0"
    assert store.run(again, Stream.PREDICTIONS, *entries[1:]) == []
    assert again.counts["skipped"] == 1
    assert store.run(again, Stream.EXECUTIONS, entry(report(1), 1)) == ["A 2", "A 2", "A 3"]
    assert store.field("in:predictions") == "13-0 5"


def test_a_gap_waits_as_its_message_would() -> None:
    store = Store(HOLDING)
    part = store.partition()
    assert store.run(part, Stream.PREDICTIONS, *predictions(1, 5)) == ["A 1", "A 1"]
    assert store.run(part, Stream.EXECUTIONS, entry(report(1), 1)) == ["A 2 GAP MISSED", "A 3", "A 2", "A 3"]


def test_an_unreadable_entry_waits_too_and_is_buried_once() -> None:
    store = Store(HOLDING)
    part = store.partition()
    bad = entry(prediction(2), 2, d=b"")
    assert store.run(part, Stream.PREDICTIONS, *predictions(1), bad) == ["A 1", "A 1"]
    assert store.run(part, Stream.PREDICTIONS, *predictions(3)) == []
    assert store.run(part, Stream.EXECUTIONS, entry(report(1), 1)) == ["A 2 GAP UNREADABLE", "DEAD A", "A 3"]


def test_another_server_means_reading_from_the_start() -> None:
    store = Store(TICKS_IN)
    store.run(store.partition(), T, *ticks(1, 2, 3))
    store.run_id = "run2"
    part = store.partition()
    assert part.cursors[T].read_to == b"0-0"
    assert part.commit() is None  # not before something came
    assert store.run(part, T, *ticks(1, 2, 3, 4)) == ["A 4"]
    assert (store.field("run"), store.field("in:ticks")) == ("run2", "4-0 4")
    assert part.counts["skipped"] == 3


def test_cursors_into_another_server_do_not_outlive_its_run_id() -> None:
    """The new run id is stored together with new cursors of all streams, also of those where nothing came yet."""
    store = Store(HOLDING)
    part = store.partition()
    store.run(part, Stream.PREDICTIONS, *predictions(1))
    store.run(part, Stream.EXECUTIONS, entry(report(1), 700))
    assert store.field("in:executions") == "700-0 1"
    store.run_id = "run2"
    assert store.run(store.partition(), Stream.PREDICTIONS, *predictions(1, 2)) != []
    assert store.field("run") == "run2"
    again = store.partition()
    assert again.cursors[Stream.EXECUTIONS].read_to == b"0-0"
    assert again.cursors[Stream.EXECUTIONS].position == 1


def test_values_that_do_not_come_over_the_bus() -> None:
    store = Store(TICKS_IN)
    part: Partition = store.partition()
    part.feed("A", tick(1))
    assert [out.n for out in store.write(part.commit())] == [1]
    assert store.partition().symbol("A").sent == {"features": 1}
