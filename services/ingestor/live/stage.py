"""The live ingestor's Tick stage: one symbol's events in, numbered market ticks and gaps out."""

from collections.abc import Iterable
from typing import Annotated, Any, TypeAlias

from services.ingestor.live.at_end import AtEnd
from services.ingestor.live.bar_join import BarJoin, Close, Cut
from services.ingestor.live.candles import Candles
from services.ingestor.live.continuity import Continuity
from services.ingestor.live.mid_prices import MidPrices
from services.ingestor.live.sampler import EachTrade, Sampler
from services.ingestor.live.traded_bars import TradedBars
from shared.exchanges.market_data.events import Clock, Event, FeedSilent, Missing, Trade
from shared.later_fields import Since
from shared.messages import Gap, MarketTick, Message, Stream
from shared.messages.market import trace_id
from shared.messages.reasons import GapCause
from shared.record import Snapshot, fields_of, unvalidated
from shared.runner.spec import SequenceNumbers
from shared.tick import State, Tick

PipelineOutput: TypeAlias = Close | Cut | Missing | FeedSilent


class TickPipelineSnapshot(Snapshot):
    """The saved form of a TickPipeline: the states of its parts."""

    heard: Any
    sampler: Any
    join: Any
    at_end: Annotated[Any, Since(4)] = None


class LiveSnapshot(Snapshot):
    """The saved form of a LiveStage.

    - series: what it is of.
    - route: its pipeline's state.
    """

    series: str
    route: Any
    now: int
    sure: bool
    broken: bool
    deaf: int
    made: dict[str, int]
    numbers: Any


_pipeline_snapshot, _snapshot = fields_of(TickPipelineSnapshot), fields_of(LiveSnapshot)
_market_tick, _gap = unvalidated(MarketTick), unvalidated(Gap)


class TickPipeline(Tick[Event, list[PipelineOutput]]):
    """The pipeline gives each event to its first part, what that makes of it to the next, and so on.

    Closes and Cuts come in order of time, each time of a bar once. Missing and FeedSilent go straight out. A trade that
    is not on the book fills the place of its id, and is no price.

    - heard: what puts the venue's data in order.
    - sampler: what makes bars or ticks of prices; None where `heard` gives bars.
    - join: what makes one series of sampled and fetched bars; None where each price is a tick of its own.
    - at_end: what adds the quote and the funding rate; None where neither is wanted.
    """

    def __init__(
        self,
        heard: Continuity | MidPrices | Candles,
        sampler: Sampler | TradedBars | EachTrade | None,
        join: BarJoin | None,
        at_end: AtEnd | None = None,
    ) -> None:
        self.heard, self.sampler, self.join, self.at_end = heard, sampler, join, at_end

    @property
    def questions(self) -> list[Missing]:
        """Returns the open questions, at most one about trades and one about bars."""
        asked = [part.question for part in (self.heard, self.join) if isinstance(part, Continuity | BarJoin)]
        return [question for question in asked if question is not None]

    @property
    def counts(self) -> dict[str, int]:
        """Returns the counts of the parts, by name."""
        parts = {"heard": self.heard, "sampled": self.sampler, "joined": self.join, "ended": self.at_end}
        names = (
            "old",
            "ahead",
            "other",
            "holes",
            "deaf",
            "late",
            "repeated",
            "fetched",
            "bare",
            "unquoted",
            "unfunded",
        )
        return {
            f"{part}_{name}": value
            for part, tick in parts.items()
            for name in names
            if (value := getattr(tick, name, None)) is not None
        }

    def on_tick(self, val: Event) -> list[PipelineOutput] | None:
        """Takes one event; None when nothing follows from it."""
        given = self.heard.on_tick(val)
        if val.__class__ is Trade:  # the join has nothing to do with it
            made = None if given is None else self._sample(given)
        else:
            joined = None if self.join is None else self.join.on_tick(val)  # type: ignore[arg-type]  # it takes any event
            sampled = None if given is None else self._sample(given)
            made = [*(joined or ()), *(sampled or ())] or None
        return made if self.at_end is None else self._ended(self.at_end, val, made or ())

    def _ended(self, at_end: AtEnd, val: Event, made: Iterable[PipelineOutput]) -> list[PipelineOutput] | None:
        given: list[PipelineOutput] = list(at_end.on_tick(val) or ())
        for out in made:
            given += (at_end.on_tick(out) or ()) if isinstance(out, Close | Cut) else (out,)
        return given or None

    def _sample(self, given: Iterable[Any]) -> list[PipelineOutput] | None:
        sampler = self.sampler
        made: list[PipelineOutput] | None = None
        for val in given:
            if val.__class__ is Trade and not val.on_book:
                continue
            if val.__class__ is Missing or val.__class__ is FeedSilent:
                made = [val] if made is None else [*made, val]
            elif sampler is None:
                made = self._join([val], made)
            elif (sampled := sampler.on_tick(val)) is not None:
                made = self._join(sampled, made)
        return made

    def _join(self, sampled: Iterable[Any], made: list[PipelineOutput] | None) -> list[PipelineOutput] | None:
        if self.join is None:
            return [*(made or ()), *sampled]
        for val in sampled:
            joined = self.join.on_tick(val)
            if joined is not None:
                made = [*(made or ()), *joined]
        return made

    def state(self) -> State:
        """Returns the parts' states."""
        return _pipeline_snapshot(
            heard=self.heard.state(),
            sampler=None if self.sampler is None else self.sampler.state(),
            join=None if self.join is None else self.join.state(),
            at_end=None if self.at_end is None else self.at_end.state(),
        )

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = TickPipelineSnapshot.of(state)
        parts = (self.heard, self.sampler, self.join, self.at_end)
        for part, kept in zip(parts, (saved.heard, saved.sampler, saved.join, saved.at_end), strict=True):
            if part is not None:
                part.restore(kept)
            elif kept is not None:
                raise ValueError(f"a route has no part for the state {kept!r:.80}")


class LiveStage(Tick[Event, list[Message]]):
    """The stage turns what a live source heard and fetched into MarketTicks and Gaps, numbered without a hole.

    A tick is history when it is older than `age_ns` by the last Clock, and while the clock is not sure. A Gap comes
    once where the series is broken, and not before the first tick; one more, LATE, if bars that were given turn out to
    be wrong. Neither stands for the other, whichever is known first. After each event the source looks at `questions`
    (what to fetch) and `deaf` (it grew: remake the connection).

    - venue, sym: as they stand in the ticks and their trace ids.
    - age_ns: how old a tick may be and still be traded on.
    - of: what the series is of, e.g. a market and an interval; the state of another is refused.

    >>> from decimal import Decimal
    >>> from services.ingestor.plan import trade_pipeline
    >>> from shared.exchanges.market_data.events import Connected
    >>> from shared.exchanges.market_data.options import ContinuityRules
    >>> stage = LiveStage("binance", "BTCUSDT", trade_pipeline("1s", "last", ContinuityRules(), 0, 0), age_ns=10**10)
    >>> start, events = 1_730_203_200 * 10**9, [Clock(1_730_203_200 * 10**9), Connected()]
    >>> events += [Trade(i, start + i * 10**9 // 2, Decimal(100 + i), Decimal(1)) for i in range(4)]
    >>> [message.human() for event in events for message in stage.on_tick(event) or []]
    ['BTCUSDT 101']
    """

    def __init__(self, venue: str, sym: str, pipeline: TickPipeline, age_ns: int, of: str = "") -> None:
        self._venue, self._sym, self._pipeline, self._age_ns, self._of = venue, sym, pipeline, age_ns, of
        self._numbers = SequenceNumbers()
        self._now = 0
        self._sure = False
        self._broken = True  # no tick came since bars were missing, or ever
        self._deaf = 0
        self._made: dict[str, int] = {}

    @property
    def questions(self) -> list[Missing]:
        """Returns the open questions; the same `no` is the same question, also after a restart."""
        return self._pipeline.questions

    @property
    def deaf(self) -> int:
        """Returns how often no data came over a connection that stands."""
        return self._deaf

    @property
    def counts(self) -> dict[str, int]:
        """Returns the counts of the parts, by name, for metrics."""
        return self._pipeline.counts

    @property
    def made(self) -> dict[str, int]:
        """Returns the counts of live ticks, history ticks and gaps of each cause, by name, without zeros."""
        return dict(self._made)

    def on_tick(self, val: Event) -> list[Message] | None:
        """Takes one event; None when there is nothing to write."""
        if val.__class__ is Clock:
            self._now, self._sure = max(self._now, val.now), val.sure
        outputs = self._pipeline.on_tick(val)
        if outputs is None:
            return None
        messages: list[Message] = []
        for made in outputs:
            if isinstance(made, Close):
                messages.append(self._tick(made))
            elif isinstance(made, Cut):
                if made.cause is GapCause.LATE:
                    told = any(isinstance(message, Gap) and message.cause is GapCause.LATE for message in messages)
                else:
                    told, self._broken = self._broken, True
                if not told:
                    messages.append(self._gap(made))
            elif isinstance(made, FeedSilent):
                self._deaf += 1
        return messages or None

    def _tick(self, close: Close) -> MarketTick:
        self._broken = False
        n = self._numbers.next(Stream.TICKS)
        ts_event, price, bar, quote, funding = close
        history = not self._sure or self._now - ts_event > self._age_ns
        self._count("history" if history else "ticks")
        trace = trace_id(self._venue, self._sym, ts_event, n)
        if bar is None and quote is None and funding is None:
            return _market_tick(
                n=n, sym=self._sym, ts_event=ts_event, tr=trace, venue=self._venue, price=price, history=history
            )
        return _market_tick(
            n=n, sym=self._sym, ts_event=ts_event, tr=trace, venue=self._venue, price=price, history=history,
            bar=bar, quote=quote, funding=funding,
        )  # fmt: skip

    def _gap(self, cut: Cut) -> Gap:
        self._count(f"gaps_{cut.cause.lower()}")
        n = self._numbers.next(Stream.TICKS)
        return _gap(
            n=n,
            sym=self._sym,
            ts_event=cut.ts_event,
            tr=trace_id(self._venue, self._sym, cut.ts_event, n),
            stream=Stream.TICKS,
            cause=cut.cause,
        )

    def _count(self, what: str) -> None:
        self._made[what] = self._made.get(what, 0) + 1

    def state(self) -> State:
        """Returns what it is of, the pipeline's state, the time, the counts, the stream numbers."""
        return _snapshot(
            series=self._of,
            route=self._pipeline.state(),
            now=self._now,
            sure=self._sure,
            broken=self._broken,
            deaf=self._deaf,
            made=dict(sorted(self._made.items())),
            numbers=self._numbers.state(),
        )

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave; raises ValueError where it is another series'."""
        saved = LiveSnapshot.of(state)
        if saved.series != self._of:
            raise ValueError(f"its series is of {saved.series}, not of {self._of}")
        self._pipeline.restore(saved.route)
        self._numbers.restore(saved.numbers)
        self._now, self._sure, self._broken, self._deaf = saved.now, saved.sure, saved.broken, saved.deaf
        self._made = dict(saved.made)
