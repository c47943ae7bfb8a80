"""A trace gives all messages of one tick, in the line's order, wherever they still are."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from shared.bus.names import PartitionId
from shared.lookup import Found, Lookup
from shared.messages import (
    Decision,
    ExecutionReport,
    Leg,
    Message,
    OrderIntent,
    OrderStatus,
    Origin,
    Prediction,
    Reason,
    Stream,
)
from shared.messages.market import MarketTick, trace_id
from tests.unit.lookup.world import World
from tests.unit.monitor import session as monitored
from tests.unit.runner.fakes import entry, features

BAR_NS = 60_000_000_000
FIRST_NS = 1_700_000_000_000_000_000


class Session:
    """A line's messages, tick by tick; some orders end late, and what waits for them is decided on afterwards.

    Some ticks fire a simulated stop, of whose order there is no decision.
    """

    def __init__(self, sym: str, random: Random) -> None:
        self.sym, self._random = sym, random
        self.messages: list[Message] = []
        self.traces: dict[str, list[Message]] = {}
        self._numbers: dict[Stream, int] = {}

    def play(self, count: int) -> None:
        n = 0
        while n < count:
            n += 1
            tr = self._tick(n)
            if n % 4 == 2:
                self._report(n, tr, self._order(n, tr, Leg.STOP), self._ns(n))
            if n % 4:
                self._decide(n, tr, Reason.BELOW_THRESHOLD)
                continue
            self._decide(n, tr, None, Origin.TICK)
            order = self._order(n, tr)
            waited = self._random.choice((0, 1, 3, 200))
            for later in range(n + 1, n + 1 + waited):
                self._decide(later, self._tick(later), Reason.SUPERSEDED)
            self._report(n, tr, order, self._ns(n + waited))
            self._decide(n, tr, Reason.NO_CHANGE)
            n += waited

    def _ns(self, n: int) -> int:
        return FIRST_NS + n * BAR_NS

    def _next(self, stream: Stream) -> int:
        self._numbers[stream] = self._numbers.get(stream, 0) + 1
        return self._numbers[stream]

    def _say(self, message: Message) -> None:
        self.messages.append(message)
        self.traces.setdefault(message.tr, []).append(message)

    def _tick(self, n: int) -> str:
        tr = trace_id("t", self.sym, self._ns(n), n)
        self._say(MarketTick(n=n, sym=self.sym, ts_event=self._ns(n), tr=tr, venue="t", price=Decimal(n)))
        if n > 3:  # the window is full
            self._say(features(self._next(Stream.FEATURES), self.sym, self._ns(n), tr, "lags"))
        self._say(
            Prediction(n=n, sym=self.sym, ts_event=self._ns(n), tr=tr, tick_n=n, price=Decimal(n), y_hat=0.5, model="m")
        )
        return tr

    def _decide(self, n: int, tr: str, reason: Reason | None, origin: Origin = Origin.PREDICTION) -> None:
        self._say(
            Decision(
                n=self._next(Stream.DECISIONS), sym=self.sym, ts_event=self._ns(n), tr=tr, tick_n=n, prediction_n=n,
                booked_n=0, y_hat=0.5, balance=Decimal(1), signed_qty=Decimal(0),
                orders=() if reason else (f"{n:032d}",), reason=reason, origin=origin,
            )
        )  # fmt: skip

    def _order(self, n: int, tr: str, leg: Leg = Leg.OPEN) -> OrderIntent:
        order = OrderIntent(
            n=self._next(Stream.ORDERS), sym=self.sym, ts_event=self._ns(n), tr=tr, tick_n=n,
            client_order_id=f"{n:032d}", leg=leg, signed_qty=Decimal(1), reduce_only=False, price=Decimal(n),
            valid_until=0, after=None,
        )  # fmt: skip
        self._say(order)
        return order

    def _report(self, n: int, tr: str, order: OrderIntent, at_ns: int) -> None:
        self._say(
            ExecutionReport(
                n=self._next(Stream.EXECUTIONS), sym=self.sym, ts_event=at_ns, tr=tr, tick_n=n, order_n=order.n,
                client_order_id=order.client_order_id, leg=order.leg, status=OrderStatus.FILLED, last_qty=Decimal(1),
                last_px=Decimal(n), commission=Decimal(0), reason=None,
            )
        )  # fmt: skip


def _order_in_line(messages: Sequence[Message]) -> list[Message]:
    return sorted(messages, key=lambda message: (list(Stream).index(message.to), message.n))


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_trace_is_whole(tmp_path: Path, seed: int) -> None:
    random, world = Random(seed), World(tmp_path)
    session = Session("A", random)
    session.play(900)
    rows = world.write(*session.messages)
    by_stream = {
        stream: [row for row, message in zip(rows, session.messages, strict=True) if message.to is stream]
        for stream in Stream
    }
    for stream, mine in by_stream.items():
        if mine:
            kept = random.randrange(len(mine) // 2, len(mine))  # what the recorder has written by now
            step = max(1, len(mine) // 10)
            for begin in range(0, kept, step):
                world.record(stream, mine[begin : min(begin + step, kept)])
            del world.bus.streams[stream, world.place(stream, "A")][: random.randrange(kept)]
    lookup = world.lookup()
    for tr in random.sample(sorted(session.traces), 15):
        found = await lookup.of_trace(tr)
        assert [each.message for each in found] == _order_in_line(session.traces[tr])
    for order in random.sample([each for each in session.messages if isinstance(each, OrderIntent)], 5):
        expected = [each for each in session.traces[order.tr] if isinstance(each, OrderIntent | ExecutionReport)]
        assert [each.message for each in await lookup.of_order(order.client_order_id)] == expected
    assert await lookup.of_order("0" * 32) == []


async def test_what_no_tick_led_to(tmp_path: Path) -> None:
    """A funding payment has its own trace id."""
    world = World(tmp_path)
    tr = "funding:A:2024-10-04"
    report = ExecutionReport(
        n=1, sym="A", ts_event=FIRST_NS, tr=tr, tick_n=0, order_n=0, client_order_id="0" * 32, leg=Leg.FUNDING,
        status=OrderStatus.FILLED, last_qty=Decimal(0), last_px=None, commission=Decimal("0.1"), reason=None,
    )  # fmt: skip
    world.write(report)
    lookup: Lookup = world.lookup()
    found: list[Found] = await lookup.of_trace(tr)
    assert [each.message for each in found] == [report]
    assert await lookup.of_trace("funding:B:2024-10-04") == await lookup.of_trace("nothing") == []


async def test_the_monitors_reading_belongs_to_the_tick_that_moved_it_most(tmp_path: Path) -> None:
    world, monitor = World(tmp_path), monitored.stage()
    messages = list(monitored.bars(1, 3, -0.01))
    readings = [reading for message in messages for reading in monitor.on_tick(message) or []]
    place = PartitionId("monitor", 0)
    world.bus.streams[Stream.MONITOR, place] = [entry(one, at) for at, one in enumerate(readings, 1)]
    for reading in readings:
        assert [each.message for each in await world.lookup().of_trace(reading.tr)][-1:] == [reading]
