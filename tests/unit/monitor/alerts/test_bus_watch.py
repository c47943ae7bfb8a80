"""Leases that move tell who is at work on the bus, and its messages what is missing; by a clock that is set."""

from decimal import Decimal

import pytest

from services.monitor.alerts.bus_watch import OWNERS, BusWatch, StreamWatch
from services.monitor.alerts.conditions import AlertKind, Condition
from shared.bus.api import Commit, Lease
from shared.bus.memory_bus import MemoryBus
from shared.bus.names import PartitionId, partition_of
from shared.config import Settings, load_settings
from shared.messages import DriftReading, Gap, GapCause, LateBars, Message, Prediction, Stream
from shared.messages.monitor import DriftState, Measure, RangeReading
from shared.runner.last_words import feed_heard
from tests.unit.monitor.alerts.heard import decision, features
from tests.unit.monitor.alerts.line import SYM

SERVICES = ("ingestor", "signal", "strategy", "gateway")
SETTINGS = load_settings(bus={"partitions": 2}, alerts={"away_s": 30})


class Line:
    """Leases of two partitions each, and a watch of them."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.bus = MemoryBus(lease_s=1.0, maxlens={}, clock=lambda: self.now_s)
        self.watch = BusWatch(self.bus, SETTINGS, lambda: self.now_s)
        self._leases: dict[PartitionId, Lease] = {}

    async def work(self, service: str, p: int, owner: str = "one") -> None:
        """Renews a lease, or takes it when it has run out."""
        session, place = await self.bus.connect(), PartitionId(service, p)
        held = self._leases.get(place)
        if held is None or held.owner != owner or not all(await session.renew([held])):
            taken = await session.acquire(place, owner)
            assert taken is not None
            self._leases[place] = taken

    async def all_work(self, *but: tuple[str, int]) -> None:
        for service in SERVICES:
            for p in range(2):
                if (service, p) not in but:
                    await self.work(service, p)

    async def after(self, seconds: float, *but: tuple[str, int]) -> list[Condition]:
        """What stands when they have worked on for so long, but for some partitions."""
        for _ in range(int(seconds * 2)):
            self.now_s += 0.5
            await self.all_work(*but)
        return list(await self.watch.look(0))


async def test_a_line_at_work_is_no_news() -> None:
    line = Line()
    await line.all_work()
    assert [await line.after(20) for _ in range(4)] == [[]] * 4


async def test_a_partition_that_nobody_renews_is_told_by_its_number() -> None:
    line = Line()
    await line.all_work()
    await line.after(1)
    assert await line.after(30, ("signal", 1)) == []
    (away,) = await line.after(1, ("signal", 1))
    assert (away.kind, away.text) == (AlertKind.SERVICE, "signal: nobody is at work on partition 1 for 30 s")
    (away,) = await line.after(31, ("signal", 0), ("signal", 1))
    assert away.text == "signal: nobody is at work for 30 s"
    assert await line.after(1) == []


async def test_a_service_that_never_came_is_away_after_as_long() -> None:
    line = Line()
    assert list(await line.watch.look(0)) == []
    line.now_s += 31
    assert {one.about for one in await line.watch.look(0)} == set(SERVICES)


async def test_of_owners_that_come_and_go_the_last_ones_are_remembered() -> None:
    """A service that is started again each night for years must not fill the memory."""
    line = Line()
    await line.all_work()
    for number in range(3 * OWNERS):
        line.now_s += 2  # all leases have run out
        await line.work("signal", 1, owner=f"night {number}")
        await line.watch.look(0)
    known = line.watch.owners["signal"]
    assert len(known) <= OWNERS + 2 and f"night {3 * OWNERS - 1}".encode() in known


async def test_a_new_owner_is_a_restart_for_a_minute_and_one_that_was_there_is_none() -> None:
    line = Line()
    await line.all_work()
    await line.work("signal", 1)
    await line.watch.look(0)
    line.now_s += 2  # all leases have run out
    await line.work("signal", 1, owner="two")
    (restarted,) = await line.watch.look(0)
    assert (restarted.kind, restarted.about) == (AlertKind.RESTART, "signal")
    assert await line.after(59, ("signal", 1)) != []
    line.now_s += 2
    await line.work("signal", 1, owner="one")  # a replica that is known takes over
    assert [one.kind for one in await line.watch.look(0) if one.kind is AlertKind.RESTART] == []


def settings(**changed: object) -> Settings:
    ingestor = {"source": "ccxt", "exchange": "okx", "markets": {SYM: "BTC/USDT"}}
    return load_settings(**{"symbols": (SYM,), "interval": "1m", "ingestor": ingestor, **changed})


def prediction(y_hat: float | None, model: str = "m" * 16, ts_event: int = 2) -> Prediction:
    return Prediction(n=2, sym=SYM, ts_event=ts_event, tr="t", tick_n=2, price=Decimal(1), y_hat=y_hat, model=model)


def gap() -> Gap:
    return Gap(n=1, sym=SYM, ts_event=1, tr="t", stream=Stream.PREDICTIONS, cause=GapCause.LATE)


@pytest.mark.parametrize(
    ("after", "over"), [(prediction(None), False), (prediction(0.1), True), (prediction(None, model=""), True)]
)
def test_a_gap_stands_until_there_is_a_prediction_again(after: Message, over: bool) -> None:
    watch = StreamWatch(settings())
    watch.see(gap())
    watch.see(after)
    assert [one.kind for one in watch.conditions()] == ([] if over else [AlertKind.GAP])


@pytest.mark.parametrize("stream", [Stream.ORDERS, Stream.EXECUTIONS, Stream.DECISIONS, Stream.MONITOR])
def test_what_only_the_monitor_has_missed_is_no_gap_in_the_ticks(stream: Stream) -> None:
    watch = StreamWatch(settings())
    watch.see(gap().model_copy(update={"stream": stream}))
    assert list(watch.conditions()) == []


@pytest.mark.parametrize("heard", [prediction(0.1), features(1)])  # the latter also where nobody decides any more
def test_a_symbol_is_silent_when_no_tick_came_for_two_bars_and_a_while(heard: Message) -> None:
    now_s = [1_000.0]
    watch = StreamWatch(settings(), lambda: now_s[0])
    now_s[0] += 180
    assert list(watch.conditions()) == []
    now_s[0] += 1
    assert list(watch.conditions()) == [Condition(AlertKind.FEED, SYM, f"{SYM}: no tick came for 3 min", sym=SYM)]
    watch.see(heard)
    assert list(watch.conditions()) == []


@pytest.mark.parametrize("changed", [{"interval": "trade"}, {"ingestor": {"source": "simulated"}}])
def test_ticks_that_keep_to_no_clock_are_never_silent(changed: dict[str, object]) -> None:
    now_s = [1_000.0]
    watch = StreamWatch(settings(**changed), lambda: now_s[0])
    now_s[0] += 1e9
    assert list(watch.conditions()) == []


def test_what_still_comes_of_a_symbol_that_was_taken_out_is_no_feed_that_falls_silent() -> None:
    now_s = [1_000.0]
    watch = StreamWatch(settings(), lambda: now_s[0])
    watch.see(features().model_copy(update={"sym": "ETHUSDT"}))
    watch.see(gap().model_copy(update={"sym": "ETHUSDT"}))
    now_s[0] += 1e6
    assert [one.about for one in watch.conditions()] == [SYM]


def drift(state: DriftState) -> DriftReading:
    return DriftReading(
        n=1, sym="*", ts_event=1, tr="t", net=0.0, syms=(), nets=(), x=0.0, decay=800.0, claim=0.0, edge=0.0, held=9,
        warn_bars=730, latch_bars=7_300, state=state,
    )  # fmt: skip


def test_decay_is_told_also_to_whom_its_warning_was() -> None:
    watch = StreamWatch(settings())
    said = []
    for state in (DriftState.OK, DriftState.WARNING, DriftState.DECAYED, DriftState.OK):
        watch.see(drift(state))
        said.append([one.about for one in watch.conditions()])
    assert said == [[], ["evidence"], ["evidence", "decayed"], []]


async def test_exchanges_that_were_never_heard_are_silent_after_as_long() -> None:
    """As where a line begins on a new bus, and the exchange is down."""
    now_s, bus = [1_000.0], MemoryBus(lease_s=1e9, maxlens={})
    own = settings(
        gateway={"mode": "testnet", "venue": "ccxt", "exchange": "okx", "account": "a", "markets": {SYM: "BTC/USDT"}}
    )
    silent = {(AlertKind.FEED, "okx"), (AlertKind.EXCHANGE, "okx")}

    async def found(watch: BusWatch) -> set[tuple[AlertKind, str]]:
        return {(one.kind, one.about) for one in await watch.look(0)} & silent

    watch = BusWatch(bus, own, lambda: now_s[0])
    assert await found(watch) == set()
    now_s[0] += 61
    assert await found(watch) == silent
    again = BusWatch(bus, own, lambda: now_s[0])
    again.restore([], silent)
    assert await found(again) == silent, "after a restart it is not over before it is"
    session = await bus.connect()
    lease = await session.acquire(PartitionId("ingestor", partition_of(SYM, own.bus.partitions)), "one")
    assert lease is not None
    await session.load([lease.partition])
    await session.commit([Commit(lease, 0, dict([feed_heard("okx", 1_000)]), [])])
    assert await found(again) == {(AlertKind.EXCHANGE, "okx")}


def late(upto: int, book: bool = False) -> LateBars:
    return LateBars(n=1, sym=SYM, ts_event=upto, tr="late", since=0, book=book)


def test_a_symbol_whose_ticks_come_and_on_which_nobody_decides_is_told_until_somebody_does() -> None:
    now_s = [1_000.0]
    watch = StreamWatch(settings(interval="12h"), lambda: now_s[0])
    watch.see(late(5, book=True))
    watch.see(late(5))
    now_s[0] += 61
    assert list(watch.conditions()) == [], "no tick came either, which is told as such"
    watch.see(features(5))
    watch.see(late(6))
    now_s[0] += 60
    assert list(watch.conditions()) == [], "a decision may be a moment behind its tick"
    watch.see(features(6))
    now_s[0] += 1
    assert [(one.kind, one.about) for one in watch.conditions()] == [(AlertKind.LATE, SYM)]
    again = StreamWatch(settings())
    again.restore(watch.state())
    watch.see(decision(5))
    assert [one.kind for one in (*again.conditions(), *watch.conditions())] == [AlertKind.LATE] * 2
    watch.see(decision(6))
    assert list(watch.conditions()) == []


def test_a_symbol_alone_is_told_likewise_though_no_other_one_misses_its_bars() -> None:
    now_s = [1_000.0]
    watch = StreamWatch(settings(interval="12h"), lambda: now_s[0])

    def told(watch: StreamWatch) -> list[str]:
        return [f"{one.kind}: {one.text}" for one in watch.conditions()]

    for ts_event in (5, 6, 7):
        watch.see(features(ts_event))
    for ts_event in (5, 6):  # it is behind, and comes on
        now_s[0] += 60
        assert told(watch) == []
        watch.see(decision(ts_event))
    now_s[0] += 61
    late = [f"late symbol: {SYM}: its ticks come, and nobody decides on them"]
    again = StreamWatch(settings())
    again.restore(watch.state())
    assert told(watch) == told(again) == late
    for one in (watch, again):
        one.see(decision(7))
    now_s[0] += 61
    assert told(watch) == told(again) == []


def test_without_a_model_predictions_tell_that_ticks_come() -> None:
    """And wherever features are not read, as by the page."""
    now_s = [1_000.0]
    watch = StreamWatch(settings(), lambda: now_s[0])
    watch.see(prediction(None, "", 5))
    watch.see(decision(5))
    now_s[0] += 61
    assert list(watch.conditions()) == []
    watch.see(prediction(None, "", 6))
    now_s[0] += 61
    assert [(one.kind, one.about) for one in watch.conditions()] == [(AlertKind.LATE, SYM)]


def test_in_a_replay_a_decision_may_be_as_late_as_it_likes() -> None:
    now_s = [1_000.0]
    watch = StreamWatch(settings(ingestor={"source": "simulated"}), lambda: now_s[0])
    watch.see(features(5))
    now_s[0] += 1e6
    assert list(watch.conditions()) == []


def test_a_measure_outside_its_range_is_told_until_it_is_within() -> None:
    watch = StreamWatch(settings())

    def reading(value: float) -> RangeReading:
        what = Measure.COSTS
        return RangeReading(
            n=1, sym=SYM, ts_event=1, tr="t", what=what, name="", value=value, low=0.0, high=2.0, count=9
        )

    watch.see(reading(3.0))
    assert watch.readings == [f"{SYM}: costs: 3 bps in 9 fills, 2 assumed"]
    watch.see(reading(1.0))
    assert watch.readings == []
