"""What `tail` leaves out: a message that stands in a stream twice to the letter."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from services.console.tail import REMEMBERED, Repeats, entries, json_line, text_line
from shared.bus.embedded import EmbeddedBus
from shared.bus.entry import Entry
from shared.config import Settings
from shared.messages import Stream
from shared.record import WIRE
from shared.runner.service import make_bus

KEY = "tickline:ticks:{ingestor.3}"


def entry(n: int, d: bytes = b"x", k: str = "A", tr: str = "t") -> Entry:
    return Entry(b"1-1", [b"k", k.encode(), b"n", b"%d" % n, b"tr", tr.encode(), b"d", d])


def test_only_what_is_the_same_to_the_letter_is_a_repeat() -> None:
    """Where the same number says something else, a person wants to see it."""
    repeats = Repeats()
    shown = [entry(1), entry(2), entry(1, k="B"), entry(1, d=b"y"), entry(1, tr="u")]
    assert [repeats.seen(x) for x in (*shown, *shown)] == [False] * 5 + [True] * 5


def test_what_it_remembers_is_bounded() -> None:
    repeats = Repeats()
    assert not any(repeats.seen(entry(n)) for n in range(REMEMBERED + 1))
    assert repeats.seen(entry(2))
    assert not repeats.seen(entry(0))


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[EmbeddedBus]:
    with EmbeddedBus(tmp_path, append_only=False) as bus:
        yield bus


async def test_a_repeated_entry_is_shown_once_and_counts_once(bus: EmbeddedBus) -> None:
    settings = Settings(bus={"url": bus.url})  # type: ignore[arg-type]
    with redis.Redis.from_url(bus.url) as asked:
        for w, n in enumerate((1, 2, 3, 2, 3, 4)):
            asked.xadd(KEY, {"t": "MarketTick/3", "k": "SIM-A", "n": n, "h": "h", "tr": f"tr{n}", "d": "d", "w": w})
    found = [x.n async for x in entries(make_bus(settings), settings, Stream.TICKS, None, 3, keep_on=False)]
    assert found == [2, 3, 4]
    everything = entries(make_bus(settings), settings, Stream.TICKS, None, 100, keep_on=False)
    assert [x.n async for x in everything] == [1, 2, 3, 4]


def test_what_a_newer_tickline_wrote_is_shown_and_said() -> None:
    """Its line for a person is there all the same; the fields are not."""
    seen = Entry(b"1-1", [b"t", b"MarketTick/%d" % (WIRE + 1), b"k", b"A", b"n", b"2", b"h", b"A 5", b"tr", b"t"])
    assert text_line(seen) == "1-1  n=2  A 5  [t]  newer"
    told = json.loads(json_line(seen))
    assert told["why"] == f"a MarketTick was written by a newer Tickline (wire {WIRE + 1}; this one knows {WIRE})"
    assert (told["n"], told["undecoded"]) == (2, "")
    assert text_line(entry(2)) == "1-1  n=2    [t]"
