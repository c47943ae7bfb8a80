"""Which entries are new: by their numbers, whatever server they come from."""

import pytest

from shared.bus.entry import START, Entry
from shared.messages import Stream
from shared.record import WIRE, NewerWire
from shared.recording.position import StreamPosition
from tests.unit.recording.entries import raw
from tests.unit.runner.fakes import entry, tick


def test_another_server_is_read_from_its_start_and_skipped_by_number() -> None:
    position = StreamPosition()
    assert [position.take(Stream.TICKS, entry(tick(n), n), "a") for n in (1, 2, 3)] == [0, 0, 0]
    assert (position.behind("a"), position.behind("b")) == (b"3-0", START)
    again = [position.take(Stream.TICKS, entry(tick(n), 100 + n), "b") for n in (2, 3, 4)]
    assert again == [None, None, 0]
    assert position.behind("b") == b"104-0"


def test_a_jump_counts_as_a_hole_only_where_the_message_says_the_same() -> None:
    position = StreamPosition()
    position.take(Stream.TICKS, entry(tick(1), 1), "a")
    assert position.take(Stream.TICKS, entry(tick(2), 2, n=b"900"), "a") == 0
    assert position.take(Stream.TICKS, entry(tick(2), 3), "a") == 0
    assert position.take(Stream.TICKS, entry(tick(6), 4), "a") == 3
    assert position.last["A"][0] == 6


def test_symbols_are_counted_apart_and_dead_letters_together() -> None:
    ticks, dead = StreamPosition(), StreamPosition()
    assert [ticks.take(Stream.TICKS, entry(tick(1, sym), i + 1), "a") for i, sym in enumerate("ABA")] == [0, 0, None]
    letters = [raw(i + 1, sym, b"%d" % n) for i, (sym, n) in enumerate(((b"A", 1), (b"", 2), (b"A", 2), (b"A", 4)))]
    assert [dead.take(Stream.DEAD, letter, "a") for letter in letters] == [0, 0, None, 1]


def test_what_has_no_number_is_known_by_its_id() -> None:
    position = StreamPosition()
    assert [position.take(Stream.TICKS, raw(ms), "a") for ms in (5, 6, 6, 5)] == [0, 0, None, None]
    assert position.take(Stream.TICKS, raw(7, b"A", b"9" * 19), "a") == 0
    assert position.last == {}


def test_the_number_that_was_recorded_last_is_told() -> None:
    position = StreamPosition()
    assert not position.repeats(Stream.TICKS, entry(tick(1), 1))
    for n in (1, 2):
        position.take(Stream.TICKS, entry(tick(n), n), "a")
    assert [position.repeats(Stream.TICKS, entry(tick(n), 9)) for n in (1, 2, 3)] == [False, True, False]
    assert not position.repeats(Stream.TICKS, entry(tick(2, "B"), 9))


def test_what_was_dumped_goes_on() -> None:
    position = StreamPosition()
    position.take(Stream.TICKS, entry(tick(1), 1), "a")
    again = StreamPosition.of(position.dump())
    assert again == position
    copied = position.copy()
    copied.take(Stream.TICKS, entry(tick(2), 2), "a")
    assert position == again


def test_a_jump_that_only_a_newer_tickline_can_confirm_is_not_guessed() -> None:
    position = StreamPosition()
    later = Entry(b"1-0", (b"t", b"MarketTick/%d" % (WIRE + 1), b"k", b"A", b"n", b"7"))
    with pytest.raises(NewerWire):
        position.take(Stream.TICKS, later, "a")
    assert position == StreamPosition()
