"""The live ingestor's Tick stage: one symbol's events in, numbered market ticks and gaps out."""

from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias

from services.ingestor.live.bar_join import BarJoin, Close, Cut
from services.ingestor.live.candles import Candles
from services.ingestor.live.continuity import Continuity
from services.ingestor.live.mid_prices import MidPrices
from services.ingestor.live.sampler import EachTrade, Sampler
from shared.exchanges.market_data.events import Clock, Event, FeedSilent, Missing, Trade
from shared.exchanges.market_data.options import ContinuityRules
from shared.intervals import TRADE, interval_ns
from shared.messages import Gap, MarketTick, Message, Stream
from shared.messages.market import trace_id
from shared.messages.reasons import GapCause
from shared.record import Snapshot, unvalidated
from shared.runner.stage import SequenceNumbers
from shared.tick import State, Tick

Routed: TypeAlias = Close | Cut | Missing | FeedSilent
_Take: TypeAlias = Callable[[Any], Iterable[Any] | None]


class TickPipelineSnapshot(Snapshot):
    """The states of a TickPipeline's parts."""

    heard: Any
    sampler: Any
    join: Any


_pipeline_snapshot = unvalidated(TickPipelineSnapshot)


class TickPipeline(Tick[Event, list[Routed]]):
    """Every event to the first part, what it gives to the next, and so on; questions and FeedSilent go straight out.

    heard: what makes order of the venue's data. sampler: None where `heard` gives bars. join: None where each price is
    a tick of its own. Closes and Cuts come in order of time, each time of a bar once. A trade beside the book fills its
    place, and is no price.
    """

    def __init__(
        self, heard: Continuity | MidPrices | Candles, sampler: Sampler | EachTrade | None, join: BarJoin | None
    ) -> None:
        self.heard, self.sampler, self.join = heard, sampler, join
        self._hear: _Take = heard.on_tick
        self._sample: _Take | None = None if sampler is None else sampler.on_tick
        self._join: _Take | None = None if join is None else join.on_tick

    @property
    def questions(self) -> list[Missing]:
        """What is asked for and not answered; at most one about trades and one about bars."""
        asked = [part.question for part in (self.heard, self.join) if isinstance(part, Continuity | BarJoin)]
        return [question for question in asked if question is not None]

    @property
    def counts(self) -> dict[str, int]:
        """What was noticed so far, by name."""
        parts = {"heard": self.heard, "sampled": self.sampler, "joined": self.join}
        names = ("old", "ahead", "other", "holes", "deaf", "late", "repeated", "fetched")
        return {
            f"{part}_{name}": value
            for part, tick in parts.items()
            for name in names
            if (value := getattr(tick, name, None)) is not None
        }

    def on_tick(self, val: Event) -> list[Routed] | None:
        """Take one event; None when nothing follows from it."""
        given = self._hear(val)
        if val.__class__ is Trade:
            return None if given is None else self._sampled(given)
        joined = None if self._join is None else self._join(val)
        sampled = None if given is None else self._sampled(given)
        return [*(joined or ()), *(sampled or ())] or None

    def _sampled(self, given: Iterable[Any]) -> list[Routed] | None:
        sample = self._sample
        routed: list[Routed] | None = None
        for val in given:
            if val.__class__ is Trade and not val.on_book:
                continue
            if val.__class__ is Missing or val.__class__ is FeedSilent:
                routed = [val] if routed is None else [*routed, val]
            elif sample is None:
                routed = self._joined([val], routed)
            elif (sampled := sample(val)) is not None:
                routed = self._joined(sampled, routed)
        return routed

    def _joined(self, sampled: Iterable[Any], routed: list[Routed] | None) -> list[Routed] | None:
        if self._join is None:
            return [*(routed or ()), *sampled]
        for val in sampled:
            joined = self._join(val)
            if joined is not None:
                routed = [*(routed or ()), *joined]
        return routed

    def state(self) -> State:
        """The parts' states."""
        return _pipeline_snapshot(
            heard=self.heard.state(),
            sampler=None if self.sampler is None else self.sampler.state(),
            join=None if self.join is None else self.join.state(),
        )

    def restore(self, state: State) -> None:
        """Take back what `state()` gave."""
        saved = TickPipelineSnapshot.of(state)
        for part, kept in ((self.heard, saved.heard), (self.sampler, saved.sampler), (self.join, saved.join)):
            if part is not None:
                part.restore(kept)
            elif kept is not None:
                raise ValueError(f"a route has no part for the state {kept!r:.80}")


def trade_pipeline(
    interval: str, price: Literal["last", "mid"], rules: ContinuityRules, grace_ns: int, warm: int
) -> TickPipeline:
    """Ticks out of trades, or of quotes for `mid`. interval: `trade`, or as `shared.intervals` has it.

    warm: how many bars are fetched at the start. MidPrices cannot be fetched: they start cold.
    """
    mid = price == "mid"
    heard = MidPrices(rules.silence_ns, rules.ahead_ns) if mid else Continuity(rules)
    if interval == TRADE:
        return TickPipeline(heard, EachTrade(), None)
    ns = interval_ns(interval)
    return TickPipeline(
        heard, Sampler(ns, grace_ns), BarJoin(ns, 0 if mid else warm, fetch=not mid, fill_ns=rules.fill_ns)
    )


def candle_pipeline(interval: str, grace_ns: int, warm: int, fill_ns: int, silence_ns: int = 0) -> TickPipeline:
    """Ticks out of the candles that the venue makes itself."""
    ns = interval_ns(interval)
    return TickPipeline(Candles(ns, grace_ns, silence_ns), None, BarJoin(ns, warm, fill_ns=fill_ns))


class LiveSnapshot(Snapshot):
    """What a LiveStage remembers. series: what it is of."""

    series: str
    route: Any
    now: int
    sure: bool
    broken: bool
    deaf: int
    made: dict[str, int]
    numbers: Any


_market_tick, _gap, _snapshot = unvalidated(MarketTick), unvalidated(Gap), unvalidated(LiveSnapshot)


class LiveStage(Tick[Event, list[Message]]):
    """What a live source heard, fetched and knows of the time in; MarketTicks and Gaps out, numbered without a hole.

    A tick is history when it is older than `age_ns` by the last Clock, and while the clock is not sure. A Gap comes
    once where the series is broken, and not before the first tick; one more, LATE, if bars that were given turn out to
    be wrong. Neither stands for the other, whichever is known first.
    After each event the source looks at `questions` and `deaf`: what it is asked to fetch, and how often it was told to
    remake the connection. of: what the series is of, e.g. a market and an interval; the state of another is refused.

    >>> from decimal import Decimal
    >>> from shared.exchanges.market_data.options import ContinuityRules
    >>> from shared.exchanges.market_data.events import Connected, Trade
    >>> from services.ingestor.live.stage import trade_pipeline
    >>> stage = LiveStage("binance", "BTCUSDT", trade_pipeline("1s", "last", ContinuityRules(), 0, 0), age_ns=10**10)
    >>> start, events = 1_730_203_200 * 10**9, [Clock(1_730_203_200 * 10**9), Connected()]
    >>> events += [Trade(i, start + i * 10**9 // 2, Decimal(100 + i), Decimal(1)) for i in range(4)]
    >>> [message.human() for event in events for message in stage.on_tick(event) or []]
    ['BTCUSDT 101']
    """

    def __init__(self, venue: str, sym: str, route: TickPipeline, age_ns: int, of: str = "") -> None:
        self._venue, self._sym, self._route, self._age_ns, self._of = venue, sym, route, age_ns, of
        self._take = route.on_tick
        self._numbers = SequenceNumbers()
        self._now = 0
        self._sure = False
        self._broken = True  # no tick came since bars were missing, or ever
        self._deaf = 0
        self._made: dict[str, int] = {}

    @property
    def questions(self) -> list[Missing]:
        """What is asked for and not answered; the same `no` is the same question. Also after a restart."""
        return self._route.questions

    @property
    def deaf(self) -> int:
        """How often it was found that data do not come though the connection stands."""
        return self._deaf

    @property
    def counts(self) -> dict[str, int]:
        """What was noticed so far, by name; for metrics."""
        return self._route.counts

    @property
    def made(self) -> dict[str, int]:
        """How many live ticks, history ticks and gaps of each cause so far, by name; none of a kind: no name."""
        return dict(self._made)

    def on_tick(self, val: Event) -> list[Message] | None:
        """Take one event; None when there is nothing to write."""
        if val.__class__ is Clock:
            self._now, self._sure = max(self._now, val.now), val.sure
        routed = self._take(val)
        if routed is None:
            return None
        messages: list[Message] = []
        for made in routed:
            if isinstance(made, Close):
                messages.append(self._tick(made))
            elif isinstance(made, Cut):
                if made.cause is GapCause.LATE:
                    said = any(isinstance(message, Gap) and message.cause is GapCause.LATE for message in messages)
                else:
                    said, self._broken = self._broken, True
                if not said:
                    messages.append(self._cut(made))
            elif isinstance(made, FeedSilent):
                self._deaf += 1
        return messages or None

    def _tick(self, close: Close) -> MarketTick:
        self._broken = False
        n = self._numbers.next(Stream.TICKS)
        history = not self._sure or self._now - close.ts_event > self._age_ns
        self._count("history" if history else "ticks")
        return _market_tick(
            n=n, sym=self._sym, ts_event=close.ts_event, tr=trace_id(self._venue, self._sym, close.ts_event, n),
            venue=self._venue, price=close.price, history=history,
        )  # fmt: skip

    def _cut(self, cut: Cut) -> Gap:
        self._count(f"gaps_{cut.cause.lower()}")
        n = self._numbers.next(Stream.TICKS)
        return _gap(
            n=n, sym=self._sym, ts_event=cut.ts_event, tr=trace_id(self._venue, self._sym, cut.ts_event, n),
            stream=Stream.TICKS, cause=cut.cause,
        )  # fmt: skip

    def _count(self, what: str) -> None:
        self._made[what] = self._made.get(what, 0) + 1

    def state(self) -> State:
        """What it is of, the route's state, the time, the counts, the stream numbers."""
        return _snapshot(
            series=self._of, route=self._route.state(), now=self._now, sure=self._sure, broken=self._broken,
            deaf=self._deaf, made=dict(sorted(self._made.items())), numbers=self._numbers.state(),
        )  # fmt: skip

    def restore(self, state: State) -> None:
        """Take back what `state()` gave."""
        saved = LiveSnapshot.of(state)
        if saved.series != self._of:
            raise ValueError(f"its series is of {saved.series}, not of {self._of}")
        self._route.restore(saved.route)
        self._numbers.restore(saved.numbers)
        self._now, self._sure, self._broken, self._deaf = saved.now, saved.sure, saved.broken, saved.deaf
        self._made = dict(saved.made)
