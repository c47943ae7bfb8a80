"""What feeds the stages: sources take turns, and the wait for live data can be ended at any moment."""

import asyncio
from collections import Counter
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from services.ingestor.feeds.venues import Venues
from services.ingestor.main import LOOK_S, ExchangeFeeder, FeedTurns, SourceFeeder
from services.ingestor.source import Quote
from shared.bus.names import partition_of
from shared.exchanges.market_data.options import LiveOptions
from shared.runner.spec import Limits

OPTIONS = LiveOptions(exchange="binance", markets={"BTCUSDT": "BTC/USDT:USDT"}, interval="1s")


@pytest.mark.parametrize("turns", range(5))
async def test_a_cancel_is_obeyed_also_when_data_come_at_that_moment(turns: int) -> None:
    """turns: of the loop, between the two."""
    feeder = ExchangeFeeder(Venues([OPTIONS]), 1)
    await feeder._wait(1.0)  # the time is told, and the next wait is a whole one
    waiting = asyncio.create_task(feeder._wait(1.0))
    for _ in range(3):
        await asyncio.sleep(0)
    feeder._came.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()


class Clock:
    """Seconds, as a test sets them."""

    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


class Timed:
    """A feed with one quote at each of its times; it counts how often somebody looks."""

    def __init__(self, clock: Clock, *due_s: float) -> None:
        self._clock, self._due_s = clock, list(due_s)
        self.looks = 0

    def take(self, limit: int) -> list[Quote]:
        self.looks += 1
        count = sum(at_s <= self._clock.s for at_s in self._due_s[:limit])
        taken, self._due_s = self._due_s[:count], self._due_s[count:]
        return [Quote("A", int(at_s), Decimal(1)) for at_s in taken]

    def due_in_s(self) -> float | None:
        return max(0.0, self._due_s[0] - self._clock.s) if self._due_s else None


def taken(turns: FeedTurns, most: int = 512) -> dict[str, int]:
    """Returns how many quotes each symbol gave."""
    return {sym: len(quotes) for sym, quotes in turns.take(most)}


def test_a_round_looks_at_those_feeds_alone_that_have_something() -> None:
    clock = Clock()
    feeds = {f"S{number}": Timed(clock, 0.0, 0.5 if number < 3 else 0.9) for number in range(1_000)}
    turns = FeedTurns(feeds, clock)
    assert sum(taken(turns, 2_000).values()) == 1_000
    assert turns.due_in_s(0.4) == 0.4
    for feed in feeds.values():
        feed.looks = 0
    for clock.s in (0.1, 0.2, 0.3, 0.4):
        assert taken(turns) == {}
    assert turns.due_in_s(0.4) == pytest.approx(0.1)
    clock.s = 0.5
    assert taken(turns) == {"S0": 1, "S1": 1, "S2": 1}
    assert sum(feed.looks for feed in feeds.values()) == 3
    clock.s = 0.9
    assert sum(taken(turns, 2_000).values()) == 997
    clock.s = 100.0
    assert (taken(turns), turns.due_in_s(0.4)) == ({}, 0.4), "none of them will ever have another"


def test_no_more_is_taken_than_there_is_room_for_and_each_has_its_turn() -> None:
    clock = Clock()
    turns = FeedTurns({sym: Timed(clock, *[0.0] * 100) for sym in "ABCDE"}, clock)
    assert [taken(turns, 2) for _ in range(3)] == [{"A": 1, "B": 1}, {"C": 1, "D": 1}, {"E": 1, "A": 1}]
    assert taken(turns, 20) == dict.fromkeys("BCDEA", 4), "the same share for each"


def test_a_feed_is_looked_at_again_soon_since_its_clock_may_be_set() -> None:
    clock = Clock()
    feed = Timed(clock, 3_600.0)
    turns = FeedTurns({"A": feed}, clock)
    assert taken(turns) == {}
    assert turns.due_in_s(10.0) == LOOK_S


class Slow:
    """A source each of whose looks takes a while, as the first of a simulated market does; it counts what was fed.

    It is the partitions that are fed, too, which all have room.
    """

    symbols = tuple(f"S{number}" for number in range(40))
    partitions = 4
    look_s = 0.1

    def __init__(self, clock: Clock) -> None:
        self.fed: Counter[int] = Counter()
        self._clock = clock

    def open(self, sym: str, position: int) -> Any:
        def take(limit: int) -> list[Quote]:
            self._clock.s += self.look_s
            return [Quote(sym, 1, Decimal(1))]

        return SimpleNamespace(take=take, due_in_s=lambda: 0.0)

    def parts(self) -> list[Any]:
        def feed(sym: str, quote: Quote) -> None:
            self.fed[partition_of(sym, self.partitions)] += 1

        place = SimpleNamespace(stage=SimpleNamespace(position=0))
        leases = [SimpleNamespace(partition=SimpleNamespace(p=p)) for p in range(self.partitions)]
        return [SimpleNamespace(lease=lease, symbol=lambda sym: place, feed=feed) for lease in leases]


async def test_slow_feeds_do_not_hold_up_what_renews_the_leases_and_each_partition_has_its_turn() -> None:
    """Ten thousand symbols of the simulated market, whose first ticks take 1 ms each, never got a lease renewed."""
    clock, limits = Clock(), Limits(lease_s=3.0)
    source = Slow(clock)
    feeder, parts = SourceFeeder(source, source.partitions, limits, clock), source.parts()  # type: ignore[arg-type]
    pressure: Any = SimpleNamespace(room=lambda part: 1_000)
    for _ in range(source.partitions):
        began_s = clock.s
        await feeder.gather(None, parts, pressure, 1.0)  # type: ignore[arg-type]
        assert clock.s - began_s < limits.work_s + 2 * source.look_s
    assert set(source.fed) == set(range(source.partitions))
    assert max(source.fed.values()) - min(source.fed.values()) <= 2
