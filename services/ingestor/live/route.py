"""The way of one symbol's data, from what a venue sends to closes in order; made of the Ticks of this package."""

from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias

from services.ingestor.live.bar_join import BarJoin, Close, Cut
from services.ingestor.live.candles import Candles
from services.ingestor.live.continuity import Continuity
from services.ingestor.live.quotes import MidPrices
from services.ingestor.live.sampler import EachTrade, Sampler
from shared.exchanges.market_data.continuity_rules import ContinuityRules
from shared.exchanges.market_data.events import Event, FeedSilent, Missing, Trade
from shared.intervals import TRADE, interval_ns
from shared.record import Snapshot, unvalidated
from shared.tick import State, Tick

Routed: TypeAlias = Close | Cut | Missing | FeedSilent
_Take: TypeAlias = Callable[[Any], Iterable[Any] | None]


class RouteSnapshot(Snapshot):
    """The states of a TickPipeline's parts."""

    heard: Any
    sampler: Any
    join: Any


_pipeline_snapshot = unvalidated(RouteSnapshot)


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
        saved = RouteSnapshot.of(state)
        for part, kept in ((self.heard, saved.heard), (self.sampler, saved.sampler), (self.join, saved.join)):
            if part is not None:
                part.restore(kept)
            elif kept is not None:
                raise ValueError(f"a route has no part for the state {kept!r:.80}")


def trade_route(
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


def candle_route(interval: str, grace_ns: int, warm: int, fill_ns: int, silence_ns: int = 0) -> TickPipeline:
    """Ticks out of the candles that the venue makes itself."""
    ns = interval_ns(interval)
    return TickPipeline(Candles(ns, grace_ns, silence_ns), None, BarJoin(ns, warm, fill_ns=fill_ns))
