"""One series of bars out of two: those that were sampled or streamed, and those that were fetched.

What becomes of a bar:

    bar ─▶ _put ─┬─ the next one ─▶ _give, then _follow: what waited behind it
                 ├─ of a time that was given ─▶ counted
                 └─ beyond a hole ─▶ waits, and _missing asks ─ Bars, Answered ─▶ _settle ─▶ _fill: bars, or a Cut
"""

from decimal import Decimal
from typing import Annotated, NamedTuple, TypeAlias

from services.ingestor.live.questions import Questions, SavedQuestion
from services.ingestor.live.saved_events import SavedPrice, SavedWholeBar, saved_price, saved_whole_bar
from shared.exchanges.market_data.events import (
    Answered,
    Bars,
    Clock,
    ClosedBar,
    Disconnected,
    Late,
    Lost,
    Missing,
    Short,
)
from shared.intervals import NS_PER_S
from shared.later_fields import Since
from shared.messages.market import BarGroup, FundingGroup, QuoteGroup
from shared.messages.reasons import GapCause
from shared.record import Snapshot, fields_of, unvalidated
from shared.tick import State, Tick


class Close(NamedTuple):
    """A close is the last price of a bar of the joined series, known at the bar's end, with the groups known then."""

    ts_event: int
    price: Decimal
    bar: BarGroup | None = None
    quote: QuoteGroup | None = None
    funding: FundingGroup | None = None


class Cut(NamedTuple):
    """A cut says that the series is broken before this place; `ts_event` is the end of the last bar concerned."""

    ts_event: int
    cause: GapCause


Joining: TypeAlias = ClosedBar | Bars | Lost | Late | Short | Answered | Clock | Disconnected
Joined: TypeAlias = Close | Cut | Missing


class BarJoinSnapshot(Snapshot):
    """The saved form of a BarJoin, by the names of its attributes. waiting, bare: in order."""

    repeated: int
    other: int
    fetched: int
    last: SavedPrice | None
    after: int
    lost_ns: int
    waiting: list[SavedWholeBar]
    question: SavedQuestion | None
    asked_now: int
    no: int
    now: int
    bare: Annotated[list[SavedPrice] | None, Since(4)] = None
    like: Annotated[BarGroup | None, Since(4)] = None


_snapshot, _bar_group = fields_of(BarJoinSnapshot), unvalidated(BarGroup)


class BarJoin(Tick[Joining, list[Joined]]):
    """The join takes bars in any order and from both ways, and gives each bar time once and in order.

    It asks for a missing bar (Missing), and what comes behind it waits. In a complete answer a bar that is not there is
    one in which nothing traded: it has the close before, and a volume of 0. Where there is no answer, or more bars
    would have to wait than may, it gives a Cut.

    - interval_ns: of the bars, which end at its multiples.
    - warm: how many bars before the start are asked for at the first Clock.
    - fetch: whether anything can be asked for.
    - waiting: how many bars may wait.
    - fill_ns: how long an answer is waited for.
    - grouped: bars have a group; one that comes without is fetched, and goes out with its price alone where it cannot
      be.

    It counts bars whose time had been given (`repeated`), those of them with another price (`other`), bars that came
    only because it asked (`fetched`), and those that went out without their group (`bare`).

    >>> join = BarJoin(interval_ns=10, warm=0)
    >>> join.on_tick(ClosedBar(10, Decimal(1))), join.on_tick(ClosedBar(10, Decimal(1)))
    ([Close(ts_event=10, price=Decimal('1'), bar=None, quote=None, funding=None)], None)
    >>> join.on_tick(ClosedBar(40, Decimal(4)))
    [Missing(no=1, what='bars', from_id=None, to_id=None, from_ns=20, to_ns=30)]
    >>> join.on_tick(Bars((ClosedBar(10, Decimal(1)), ClosedBar(20, Decimal(2)))))
    [Close(ts_event=20, price=Decimal('2'), bar=None, quote=None, funding=None)]
    >>> [(close.ts_event, close.price) for close in join.on_tick(Answered(1, "bars", complete=True))]
    [(30, Decimal('2')), (40, Decimal('4'))]
    """

    def __init__(
        self,
        interval_ns: int,
        warm: int,
        fetch: bool = True,
        waiting: int = 1_000,
        fill_ns: int = 30 * NS_PER_S,
        grouped: bool = False,
    ) -> None:
        self.repeated = self.other = self.fetched = self.bare = 0
        self._interval_ns, self._warm, self._fetch = interval_ns, warm, fetch
        self._most, self._grouped = waiting, grouped
        self._last: Close | None = None  # None before the first one, and behind a Cut
        self._after = 0  # the end of the last bar that was given or cut: until here none is given any more
        self._lost_ns = 0  # bars until here will not come by themselves
        self._waiting: dict[int, ClosedBar] = {}  # by their ends, beyond a hole
        self._bare: dict[int, Decimal] = {}  # of bars that came without their group: what goes out if it does not come
        self._like: BarGroup | None = None  # the last group: a silent bar tells of the same
        self._questions = Questions("bars", fill_ns)
        self._now = 0

    @property
    def question(self) -> Missing | None:
        """Returns the question that is still open, or None."""
        return self._questions.open

    @property
    def last_ns(self) -> int:
        """Returns when the last bar ended that was given or cut; 0 before the first."""
        return self._after

    def on_tick(self, val: Joining) -> list[Joined] | None:
        """Takes one value; None when nothing follows from it."""
        match val:
            case ClosedBar():
                return self._bar(val) or None
            case Clock(now):
                return self._clock(now) or None
            case Bars(bars):
                self._questions.wait_anew()  # there may be many pages
                before = self.repeated
                given = [given for bar in sorted(bars, key=_end) for given in self._put(bar)]
                self.fetched += len(bars) - (self.repeated - before)
                return given or None
            case Answered(no, "bars", complete) if (question := self._questions.answered(no)) is not None:
                return self._settle(question, complete) or None
            case Lost(end):
                return self._lost(end) or None
            case Late(end):
                return self._late(end)
            case Short(end):
                self._short(end)
            case Disconnected():
                self._questions.wait_anew()
            case _:
                pass
        return None

    def _bar(self, bar: ClosedBar) -> list[Joined]:
        """Takes a bar that was sampled or streamed; asks for what is missing before it."""
        if self._grouped and bar.bar is None and bar.price is not None and self._after < bar.ts_event:
            self._bare[bar.ts_event] = bar.price
            return self._lost(bar.ts_event)
        given = self._put(bar)
        if not self._waiting or (self._questions.open is not None and len(self._waiting) <= self._most):
            return given
        return given + self._missing(min(self._waiting) - self._interval_ns)

    def _put(self, bar: ClosedBar) -> list[Joined]:
        """Gives a bar where it is the next one, with what waited behind it; else it waits, or is counted."""
        end, price, _ = bar
        if end <= self._after or end in self._waiting:
            self.repeated += 1
            if self._last is not None and end == self._last.ts_event and price not in (None, self._last.price):
                self.other += 1
            if price is not None and end in self._waiting and self._waiting[end].price is None:
                self._waiting[end] = bar
            return []
        asked = self._questions.open
        begins = not self._after and (asked is None or end == asked.from_ns)
        if begins or (end == self._after + self._interval_ns and self._after):
            return self._give(bar) + self._follow()
        self._waiting[end] = bar
        return []

    def _give(self, bar: ClosedBar) -> list[Joined]:
        """Gives a bar as the next one; without a price, one in which nothing traded."""
        end, price, group = bar
        if price is None:
            if self._last is None:
                return self._cut(end) if self._after else []
            price = self._last.price
            group = self._silent(price) if group is None else group
        if group is not None:
            self._like = group
        elif self._grouped:
            self.bare += 1
        self._last, self._after = Close(end, price), end
        self._bare.pop(end, None)
        return [Close(end, price, group)]

    def _silent(self, price: Decimal) -> BarGroup | None:
        """Returns the group of a bar in which nothing traded: it tells what the others do."""
        like = self._like
        if like is None:
            return None
        return _bar_group(
            open=float(price),
            high=float(price),
            low=float(price),
            volume=0.0,
            quote_volume=None if like.quote_volume is None else 0.0,
            trades=None if like.trades is None else 0,
            taker_volume=None if like.taker_volume is None else 0.0,
        )

    def _follow(self) -> list[Joined]:
        """Gives the bars that wait directly behind the last one."""
        given: list[Joined] = []
        waiting = self._waiting
        while waiting and (end := self._after + self._interval_ns) in waiting:
            given += self._give(waiting.pop(end))
        return given

    def _missing(self, until: int) -> list[Joined]:
        """Asks for the missing bars until `until`; where it cannot, or too many wait, it fills or cuts."""
        if self._fetch and self._questions.open is None and len(self._waiting) <= self._most:
            return [self._questions.ask(self._now, self._after + self._interval_ns, until)]
        self._questions.end()
        return self._fill(until, complete=False)

    def _lost(self, end: int) -> list[Joined]:
        """Takes that the bar that ended then will not come by itself."""
        if end in self._waiting:
            return []  # it was fetched
        if not self._after:  # nothing was before it
            first = self._grouped and self._fetch and self._questions.open is None
            return [self._questions.ask(self._now, end, end)] if first else []
        self._lost_ns = max(self._lost_ns, end)
        return self._missing_lost()

    def _missing_lost(self) -> list[Joined]:
        """Asks for the bars that are lost, unless a question is open."""
        asks = self._after < self._lost_ns and self._questions.open is None
        return self._missing(self._lost_ns) if asks else []

    def _late(self, end: int) -> list[Joined] | None:
        """Takes that the bar that ended then was wrong: one that waits is missing, behind one that is out is a Cut."""
        self._waiting.pop(end, None)  # then it is missing
        self._bare.pop(end, None)
        if end > self._after or not self._after:
            return None
        self._last = None
        return [Cut(self._after, GapCause.LATE)]

    def _short(self, end: int) -> None:
        """Takes back the group of a bar that waits: it is missing then. One that is out stays as it was."""
        held = self._waiting.get(end)
        if held is not None and held.price is not None:
            self._bare[end], self._lost_ns = held.price, max(self._lost_ns, end)
            del self._waiting[end]

    def _clock(self, now: int) -> list[Joined]:
        first, self._now = not self._now, max(self._now, now)
        if (question := self._questions.open) is not None:
            return self._settle(question, complete=False) if self._questions.is_late(now) else []
        if first and self._warm and self._fetch and not self._after:
            until = now - now % self._interval_ns
            return [self._questions.ask(self._now, until - (self._warm - 1) * self._interval_ns, until)]
        return []

    def _settle(self, question: Missing, complete: bool) -> list[Joined]:
        """Ends the question: fills or cuts what it left open, gives what follows, asks for what is open then."""
        self._questions.end()
        given: list[Joined] = []
        if not self._after and self._waiting:  # the start: there is nothing that could be cut
            first = min(self._waiting)
            given += self._give(self._waiting.pop(first)) + self._follow()
        if self._after:
            given += self._fill(question.to_ns, complete)
        if self._waiting and self._questions.open is None:
            given += self._missing(min(self._waiting) - self._interval_ns)
        return given + self._missing_lost()

    def _fill(self, until: int, complete: bool) -> list[Joined]:
        """Gives what is open until `until`: what came without its group, what is silent if the answer was complete, or
        a Cut, and what waits behind it.
        """
        given: list[Joined] = []
        while self._after < until:
            end = self._after + self._interval_ns
            if (price := self._bare.get(end)) is not None:
                given += self._give(ClosedBar(end, price))
            elif complete and self._last is not None:
                given += self._give(ClosedBar(end, None))
            else:
                known = [known for known in (*self._waiting, *self._bare) if end <= known <= until]
                given += self._cut(min(known, default=until + self._interval_ns) - self._interval_ns)
            given += self._follow()
        return given

    def _cut(self, until: int) -> list[Joined]:
        self._last, self._after = None, until
        self._bare = {end: price for end, price in self._bare.items() if end > until}
        return [Cut(until, GapCause.UNFILLED)]

    def state(self) -> State:
        """Returns all of it but the parameters."""
        last = self._last
        question, asked_now, no = self._questions.saved()
        return _snapshot(
            repeated=self.repeated,
            other=self.other,
            fetched=self.fetched,
            last=None if last is None else saved_price(ts_event=last.ts_event, price=last.price),
            after=self._after,
            lost_ns=self._lost_ns,
            waiting=[saved_whole_bar(**self._waiting[end]._asdict()) for end in sorted(self._waiting)],
            question=question,
            asked_now=asked_now,
            no=no,
            now=self._now,
            bare=[saved_price(ts_event=end, price=price) for end, price in sorted(self._bare.items())] or None,
            like=self._like,
        )

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = BarJoinSnapshot.of(state)
        self.repeated, self.other, self.fetched = saved.repeated, saved.other, saved.fetched
        self._last = None if saved.last is None else Close(saved.last.ts_event, saved.last.price)
        self._after, self._lost_ns = saved.after, saved.lost_ns
        self._waiting = {bar.ts_event: ClosedBar(bar.ts_event, bar.price, bar.bar) for bar in saved.waiting}
        self._bare, self._like = {bar.ts_event: bar.price for bar in saved.bare or ()}, saved.like
        self._questions.restore(saved.question, saved.asked_now, saved.no)
        self._now = saved.now


def _end(bar: ClosedBar) -> int:
    return bar.ts_event
