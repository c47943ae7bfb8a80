"""A venue and the wire to it, in simulated time: trades that happen, faults on their way, and answers to questions."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from heapq import heapify, heappop, heappush

from hypothesis import strategies as st

from services.ingestor.live.stage import LiveStage
from shared.exchanges.market_data.events import (
    Answered,
    Bars,
    Clock,
    ClosedBar,
    Connected,
    Disconnected,
    Event,
    Missing,
    Page,
    Trade,
)  # fmt: skip
from shared.messages import Gap, MarketTick, Message
from shared.messages.codec import pack, unpack
from shared.messages.market import BarGroup

START = 10_000_000
INTERVAL, GRACE, ORDER, SILENCE = 1_000, 150, 100, 700
CLOCK_EVERY, REST_TAKES, QUIET_END, COMMIT_EVERY = 50, 30, 6_000, 7


@dataclass(frozen=True)
class Cut:
    """From trade number `first` on, `count` trades do not come; noticed: as a lost connection, or not at all.

    What is not noticed ends when the connection is remade.
    """

    first: int
    count: int
    noticed: bool


@dataclass(frozen=True)
class World:
    """trades: all that happen. delays: how late each comes, and again. refused: which answers fail, in turn.

    behind: of which time the answers are about trades, in turn: so long ago, though they say that this is all.
    keeps_bars: whether bars can be fetched. consecutive: whether the ids say what is missing.
    """

    trades: list[Trade]
    delays: list[list[int]]
    cuts: list[Cut]
    refused: list[bool] = field(default_factory=list)
    behind: list[int] = field(default_factory=list)
    keeps_bars: bool = True
    consecutive: bool = True

    @property
    def end(self) -> int:
        """When the last trade has happened."""
        return max((trade.ts_event for trade in self.trades), default=START)


@st.composite
def worlds(draw: st.DrawFn, noticed: bool, fails: bool, consecutive: bool) -> World:
    """Trades some time apart, each late by less than the bounds, with repetitions and cuts.

    With consecutive ids their times may go back by less than the grace; else time is the only order there is.
    """
    steps = draw(st.lists(st.sampled_from([0, 1, 7, 60, 200, 900, 2_500]), min_size=1, max_size=40))
    most_back = GRACE // 4 if consecutive else 0
    back = draw(st.lists(st.integers(0, most_back), min_size=len(steps), max_size=len(steps)))
    price = draw(st.lists(st.integers(1, 6), min_size=len(steps), max_size=len(steps)))
    ts, trades = START + 1, []
    for number, step in enumerate(steps):
        ts += step
        stepped = max(START + 1, ts - back[number])
        trades.append(Trade(number + 1, stepped, Decimal(price[number]), Decimal(1)))
    late = st.integers(0, ORDER // 2)
    again = st.lists(st.integers(0, 5 * INTERVAL), max_size=1)
    delays = [[draw(late), *draw(again)] for _ in trades]
    # Without consecutive ids nothing shows that something was lost between two trades that came.
    long = st.integers(1, 8) if consecutive else st.just(len(trades))
    seen, unseen = st.integers(1, 8).map(lambda count: (count, True)), long.map(lambda count: (count, False))
    kinds = seen if noticed else seen | unseen
    firsts = st.integers(0, len(trades))
    cuts = draw(st.lists(st.builds(lambda first, kind: Cut(first, *kind), firsts, kinds), max_size=3))
    refused = draw(st.lists(st.sampled_from([True, True, False]), max_size=20)) if fails else []
    keeps_bars = draw(st.booleans()) if fails else True
    return World(trades, delays, cuts, refused, keeps_bars=keeps_bars, consecutive=consecutive)


def long_world(seed: int, consecutive: bool) -> World:
    """Some hundred trades, many faults, and answers of which half fail."""
    chance = random.Random(seed)
    ts, trades = START + 1, []
    for number in range(chance.randint(50, 200)):
        ts += chance.choice([0, 1, 7, 60, 200, 200, 900, 2_500])
        price = Decimal(chance.randint(1, 30))
        back = chance.choice([0, 0, 20]) if consecutive else 0
        trades.append(Trade(number + 1, max(START + 1, ts - back), price, Decimal(1)))
    late = [[chance.randint(0, ORDER // 2)] for _ in trades]
    delays = [[*first, *([chance.randint(0, 5 * INTERVAL)] if chance.random() < 0.2 else [])] for first in late]
    cuts = []
    for _ in range(chance.randint(0, 8)):
        noticed = chance.random() < 0.5
        count = chance.randint(1, 12) if noticed or consecutive else len(trades)
        cuts.append(Cut(chance.randrange(len(trades)), count, noticed))
    refused = [chance.random() < 0.5 for _ in range(300)]
    keeps_bars = chance.random() < 0.5
    behind = [chance.choice([0, 0, 300, 1_500]) if consecutive else 0 for _ in range(300)]
    return World(trades, delays, cuts, refused, behind, keeps_bars, consecutive)


def perfect(world: World) -> dict[int, Decimal]:
    """What a perfect feed gives: by bar end the last price in the order of ids or of times, or the one before."""
    ordered = sorted(world.trades, key=lambda trade: trade.id if world.consecutive else (trade.ts_event, trade.id))
    last = {bar_end(trade.ts_event): trade.price for trade in ordered}
    closes: dict[int, Decimal] = {}
    price: Decimal | None = None
    for end in range(min(last), bar_end(world.end + QUIET_END), INTERVAL):
        price = last.get(end, price)
        assert price is not None
        closes[end] = price
    return closes


def perfect_groups(world: World) -> dict[int, BarGroup]:
    """What the trades of each bar add up to, in the order of ids or of times; of a silent one nothing, at its close."""
    ordered = sorted(world.trades, key=lambda trade: trade.id if world.consecutive else (trade.ts_event, trade.id))
    groups: dict[int, BarGroup] = {}
    for end, close in perfect(world).items():
        inside = [trade for trade in ordered if bar_end(trade.ts_event) == end]
        prices = [float(trade.price) for trade in inside] or [float(close)]
        groups[end] = BarGroup(
            open=prices[0], high=max(prices), low=min(prices), volume=float(sum(trade.qty for trade in inside)),
            quote_volume=float(sum(trade.price * trade.qty for trade in inside)), trades=len(inside),
        )  # fmt: skip
    return groups


def bar_end(ts: int) -> int:
    return ts - ts % INTERVAL + INTERVAL


class Run:
    """Feeds a stage what a world makes of its trades, answers its questions and remakes a deaf connection."""

    def __init__(self, world: World, stage: LiveStage, kills: Sequence[int] = ()) -> None:
        self.world, self.stage = world, stage
        self._kills, self._committed = set(kills), (stage.state(), 0)
        self.said: list[Message] = []
        self.events: list[Event] = []
        self._queue: list[tuple[int, int, Event | Missing]] = []
        self._count = self._deaf = self._answers = self._killed = 0
        self._asked: set[tuple[str, int]] = set()
        self._remade = 0
        numbers = range(len(world.trades))
        self._down = _merged(
            (
                world.trades[cut.first].ts_event - 1,
                world.trades[numbers[cut.first : cut.first + cut.count][-1]].ts_event,
            )
            for cut in world.cuts
            if cut.noticed and cut.first in numbers
        )
        self._silent_since = {
            i: world.trades[cut.first].ts_event
            for cut in world.cuts
            if not cut.noticed
            for i in numbers[cut.first : cut.first + cut.count]
        }
        self._prepare()

    def _put(self, at: int, event: Event | Missing) -> None:
        self._count += 1
        heappush(self._queue, (at, self._count, event))

    def _prepare(self) -> None:
        world = self.world
        for now in range(START, world.end + QUIET_END, CLOCK_EVERY):
            self._put(now, Clock(now))
        self._put(START, Connected())
        for trade, delays in zip(world.trades, world.delays, strict=True):
            for delay in delays:
                self._put(trade.ts_event + delay, trade)
        for since, until in self._down:
            self._put(since, Disconnected())
            self._put(until, Clock(until))
            self._put(until, Connected())

    def go(self) -> list[Message]:
        """All messages."""
        while self._queue:
            now, _, event = heappop(self._queue)
            kills = self._killed
            for given in self._answer(event, now) if isinstance(event, Missing) else self._heard(event, now):
                self._feed(given, now)
                if isinstance(event, Missing) and self._killed != kills:
                    break  # who asked is no more
        return self.said

    def _heard(self, event: Event, now: int) -> Iterator[Event]:
        if isinstance(event, Connected):
            self._remade = now
        if isinstance(event, Trade):
            since = self._silent_since.get(int(event.id) - 1)
            if self._is_down(now) or (since is not None and self._remade <= since):
                return
        yield event

    def _feed(self, event: Event, now: int) -> None:
        self.events.append(event)
        if len(self.events) in self._kills:
            self._kill(now)
            if isinstance(event, Page | Bars | Answered):
                return
        elif len(self.events) % COMMIT_EVERY == 0:
            self._committed = (self.stage.state(), len(self.said))
        self.said += self.stage.on_tick(event) or []
        for question in self.stage.questions:
            if (question.what, question.no) not in self._asked:
                self._asked.add((question.what, question.no))
                self._put(now + REST_TAKES, question)
        if self.stage.deaf > self._deaf:
            self._deaf = self.stage.deaf
            self._put(now, Disconnected())
            self._put(now + 1, Clock(now + 1))
            self._put(now + 1, Connected())

    def _is_down(self, now: int) -> bool:
        return any(first <= now < last for first, last in self._down)

    def _kill(self, now: int) -> None:
        self._killed += 1
        state, said = self._committed
        self.stage.restore(unpack(pack(state)))
        del self.said[said:]
        self._deaf = self.stage.deaf
        self._asked = set()
        self._queue = [place for place in self._queue if not isinstance(place[2], Missing)]
        heapify(self._queue)
        for event in (Disconnected(), Clock(now), *(() if self._is_down(now) else (Connected(),))):
            self.said += self.stage.on_tick(event) or []

    def _answer(self, question: Missing, now: int) -> Iterator[Event]:
        self._answers += 1
        refused = self.world.refused[self._answers - 1 : self._answers] == [True]
        if question.what == "bars":
            yield from self._bars(question, refused or not self.world.keeps_bars)
            return
        then = now - sum(self.world.behind[self._answers - 1 : self._answers])
        known = [trade for trade in self.world.trades if trade.ts_event <= then and _asked_for(question, trade)]
        if refused:
            known = known[: len(known) // 2]
        yield Page(tuple(known[::-1]))
        yield Answered(question.no, "trades", not refused)

    def _bars(self, question: Missing, refused: bool) -> Iterator[Event]:
        if not refused:
            traded = {bar_end(trade.ts_event) for trade in self.world.trades}
            closes = perfect(self.world)
            asked = range(question.from_ns, question.to_ns + 1, INTERVAL)
            groups = perfect_groups(self.world)
            yield Bars(tuple(ClosedBar(end, closes[end], groups[end]) for end in asked if end in traded))
        yield Answered(question.no, "bars", not refused)


def _asked_for(question: Missing, trade: Trade) -> bool:
    if question.from_id is not None and isinstance(trade.id, int):
        return question.from_id <= trade.id <= (question.to_id if question.to_id is not None else trade.id)
    return question.from_ns <= trade.ts_event <= question.to_ns


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in order, those that touch as one, each at least as long as an ORDER."""
    merged: list[tuple[int, int]] = []
    for since, until in sorted((since, max(until, since) + ORDER) for since, until in spans):
        if merged and since <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], until))
        else:
            merged.append((since, until))
    return merged


def ticks(said: list[Message]) -> list[MarketTick]:
    return [message for message in said if isinstance(message, MarketTick)]


def gaps(said: list[Message]) -> list[Gap]:
    return [message for message in said if isinstance(message, Gap)]
