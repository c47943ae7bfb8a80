"""One symbol's trades without repetition, in order and without a hole; where a hole stays, MissingTrades say so.

    trades, heard and fetched ─▶ put in order ─▶ given: trades, Watermark, MissingTrades
                                     └─ something may be missing ─▶ Missing: a question ─ Page, Answered ─▶ settled

The order is by id where ids are consecutive (OrderById), else by time (OrderByTime): `_certain` says which. The rules:
- Consecutive ids alone decide what comes next: a trade that follows the last one proves that nothing is missing before
  it. Other trades go by time, and a hole is suspected after a lost connection, after a longer silence, and where a
  trade was not believed.
- The series begins with the first connection. A trade of before, whoever still tells of it, is not its: nobody knows
  what else was traded until then.
- What comes behind a hole waits. A hole that does not close by itself within the bounds of order is asked for
  (`Missing`), and nothing goes out before the answer. What is still missing then gives `MissingTrades`.
- Silence is believed for `silence_ns` after the last event, while the connection stands. After that the stage asks for
  all trades since. The feed is deaf (`FeedSilent`) where the answer, complete or not, has trades that should have been
  heard over this connection, or where there is no answer.
- Where an id is behind, at a time that is far ahead, the venue counts anew, and so does the stage, with MissingTrades.
- While nothing is in doubt, each Clock gives a `Watermark`: until then everything was given. So does a complete answer.
"""

from operator import attrgetter
from typing import Annotated, Any, cast

from services.ingestor.live.questions import Questions, SavedQuestion
from services.ingestor.live.trade_order import OrderById, OrderByTime
from shared.exchanges.market_data.events import (
    Answered,
    Clock,
    Connected,
    Disconnected,
    Event,
    FeedSilent,
    Missing,
    MissingTrades,
    Ordered,
    Page,
    Trade,
    Watermark,
)
from shared.exchanges.market_data.options import ContinuityRules
from shared.later_fields import Since
from shared.record import Snapshot, fields_of
from shared.tick import State, Tick

_NEVER = 2**63 - 1
_BY_ID, _BY_TIME = attrgetter("id"), attrgetter("ts_event")


class ContinuitySnapshot(Snapshot):
    """The saved form of a Continuity, by the names of its attributes."""

    order: Any
    ahead: int
    fetched: int
    holes: int
    deaf: int
    now: int
    believed_ns: int
    heard_ns: int
    begun: bool
    connected: bool
    connected_ns: int
    doubt: bool
    doubtful_ns: int
    hole_now: int
    hole_ns: int
    question: SavedQuestion | None
    asked_now: int
    ask_after: int
    unheard: bool
    no: int
    began_ns: Annotated[int, Since(4)] = 0


_snapshot = fields_of(ContinuitySnapshot)


class Continuity(Tick[Event, list[Ordered]]):
    """The stage takes a source's events and gives its trades in order, with what is known of the rest.

    That is: Watermark, MissingTrades, Missing and FeedSilent. It counts trades that came again or too late (`old`),
    that were not believed (`ahead`), and that came only because it asked (`fetched`); holes that stayed (`holes`), and
    how often the feed was silent (`deaf`).

    >>> from decimal import Decimal
    >>> from shared.intervals import NS_PER_S
    >>> feed = Continuity(ContinuityRules())
    >>> _ = [feed.on_tick(val) for val in (Clock(10**18), Connected())]
    >>> two, three, five = (Trade(i, 10**18 + i, Decimal(1), Decimal(1)) for i in (2, 3, 5))
    >>> [[val.id for val in feed.on_tick(trade) or []] for trade in (two, three, two, five)]
    [[2], [3], [], []]
    >>> feed.on_tick(Clock(10**18 + NS_PER_S))
    [Missing(no=1, what='trades', from_id=4, to_id=4, from_ns=1000000000000000003, to_ns=1000000000000000005)]
    """

    def __init__(self, rules: ContinuityRules) -> None:
        self.ahead = self.fetched = self.holes = self.deaf = 0
        self._rules = rules
        self._order = OrderById() if rules.consecutive else OrderByTime(rules.order_ns, rules.order_count)
        self._certain = rules.consecutive  # ids are consecutive: the order itself shows every hole

        # Times: `_now` ones are by the last Clock, `_ns` ones by the trades.
        self._now = 0
        self._believed_ns = _NEVER  # a trade after it is not believed
        self._heard_ns = 0  # until then everything was heard

        # The connection.
        self._begun = False  # the series has begun: with the first connection or trade
        self._began_ns = 0  # with that connection, by the Clock before it
        self._connected = False
        self._connected_ns = 0  # since when, by the Clock before it

        # A doubt is that something may be missing behind what was given; nothing goes out by time before an answer.
        self._doubt = False
        self._doubtful_ns = 0  # of the first trade that came in doubt, 0 without one

        # A hole is seen where ids are consecutive: something waits.
        self._hole_now = 0  # when it was noticed, 0 without one
        self._hole_ns = 0  # of the first trade behind it

        self._questions = Questions("trades", rules.fill_ns)
        self._ask_after = 0  # none about all trades before
        self._unheard = False  # the answer had a trade that should have been heard

    @property
    def question(self) -> Missing | None:
        """Returns the question that is still open, or None."""
        return self._questions.open

    @property
    def last_ns(self) -> int:
        """Returns the time of the last trade that went out."""
        return self._order.last_ns

    @property
    def old(self) -> int:
        """Returns how many trades came again, or after the stage had given them up."""
        return self._order.old

    def on_tick(self, val: Event) -> list[Ordered] | None:
        """Takes one event; None when nothing follows from it."""
        if val.__class__ is Trade:
            return self._trade(val)
        match val:
            case Clock():
                return self._clock(val.now) or None
            case Page():
                return self._page(val) or None
            case Answered(no, "trades", complete) if (question := self._questions.answered(no)) is not None:
                return self._settle(question, complete) or None
            case Connected():
                self._connect()
            case Disconnected():
                self._disconnect()
            case _:
                pass  # bars, candles and quotes are not its
        return None

    def _trade(self, trade: Trade) -> list[Ordered] | None:
        ts_event = trade.ts_event
        if ts_event < self._began_ns:
            self._order.old += 1
            return None
        if ts_event > self._believed_ns:
            self.ahead += 1
            self._doubt = self._doubt or not self._certain  # by id, the hole that it leaves is seen
            return None
        return self._by_id(trade, ts_event) if self._certain else self._by_time(trade, ts_event)

    def _by_id(self, trade: Trade, ts_event: int) -> list[Ordered] | None:
        """Takes a trade whose id says what comes next: it goes out, waits behind a hole, or is old."""
        given = self._order.put(trade)
        if given:
            self._begun, self._doubt = True, False
            if ts_event > self._heard_ns:
                self._heard_ns = ts_event
            return cast(list[Ordered], given)
        waiting = self._order.waiting
        if self._renumbered(trade, ts_event):
            return self._begin_anew(trade)
        if not waiting or self._questions.open is not None:
            return self._overflow() if waiting > self._rules.waiting else None
        if not self._hole_now:
            self._hole_now, self._hole_ns = self._now, ts_event
        out_of_order = waiting <= self._rules.order_count and ts_event - self._hole_ns <= self._rules.order_ns
        return None if out_of_order and not self._doubt else [self._ask_for_hole()]

    def _renumbered(self, trade: Trade, ts_event: int) -> bool:
        """Says whether the exchange began to count anew: the id is long past at the trade's time."""
        expected, rules = self._order.next_id, self._rules
        behind = expected is not None and isinstance(trade.id, int) and trade.id < expected
        return behind and ts_event - self._order.last_ns > rules.silence_ns + rules.ahead_ns

    def _begin_anew(self, trade: Trade) -> list[Ordered]:
        """Takes a trade as the first one of new numbers."""
        since = self._order.last_ns  # that nothing traded after it was an answer about the old numbers
        self._order, self._hole_now = OrderById(self._order.old), 0
        self._questions.end()
        self.holes += 1
        return [MissingTrades(trade.ts_event, since), *(self._by_id(trade, trade.ts_event) or ())]

    def _by_time(self, trade: Trade, ts_event: int) -> list[Ordered] | None:
        """Takes a trade that goes by its time: it goes out, or waits while something is in doubt."""
        if self._begun and ts_event - self._heard_ns > self._rules.silence_ns:
            self._doubt = True
        given = self._order.put(trade, hold=self._doubt or self._questions.open is not None)
        if not self._doubt:
            self._begun, self._heard_ns = True, max(self._heard_ns, ts_event)
        elif not self._doubtful_ns:
            self._doubtful_ns = ts_event
        if self._order.waiting > self._rules.waiting:
            return self._overflow()
        return cast(list[Ordered], given) or None

    def _clock(self, now: int) -> list[Ordered]:
        """Takes a time: asks where that is due, else says until when everything was given."""
        self._now = now = max(self._now, now)
        self._believed_ns = now + self._rules.ahead_ns
        self._heard_ns = self._heard_ns or now
        if (question := self._questions.open) is not None:
            return self._settle(question, complete=False) if self._questions.is_late(now) else []
        if self._certain and self._order.waiting:
            self._hole_now = self._hole_now or now
            return [self._ask_for_hole()] if self._doubt or now - self._hole_now > self._rules.order_ns else []
        if not self._begun:
            return []
        if self._doubt or not self._connected or now - self._heard_ns > self._rules.silence_ns:
            return [self._ask_for_all()] if now >= self._ask_after else []
        return [*self._order.release(now), Watermark(self._order.given_until(now))]

    def _page(self, page: Page) -> list[Ordered]:
        """Takes trades that were fetched, and notes whether one of them should have been heard."""
        given: list[Ordered] = []
        question = self._questions.open
        order_ns = self._rules.order_ns
        # A trade between these times, of an answer about all trades, should have come over the connection.
        heard_since_ns = self._connected_ns + order_ns
        due_ns = question.to_ns - order_ns if question is not None and question.to_id is None else -1
        hold = self._doubt or question is not None
        for trade in sorted(page.trades, key=_BY_ID if self._certain else _BY_TIME):
            if trade.ts_event > self._believed_ns:
                self.ahead += 1
                continue
            old = self._order.old
            given += self._order.put(trade, hold)
            if self._order.old == old:  # it was new
                self.fetched += 1
                self._unheard = self._unheard or heard_since_ns < trade.ts_event <= due_ns
        self._begun = self._begun or bool(given)
        return given

    def _settle(self, question: Missing, complete: bool) -> list[Ordered]:
        """Ends the question; returns what may go out now, and the next question where there is one."""
        self._questions.end()
        self._hole_now, self._ask_after = 0, self._now + self._rules.ask_ns
        doubtful_ns = self._doubtful_ns and max(self._doubtful_ns, self._connected_ns)
        given: list[Ordered] = [*self._order.settle(question, complete, doubtful_ns, self._heard_ns)]
        holes = sum(isinstance(val, MissingTrades) for val in given)
        self.holes += holes
        deaf = self._settle_doubt(question, complete, holes) or (self._connected and self._unheard)
        self._unheard = False
        if deaf:
            self.deaf += 1
            given.append(FeedSilent())
        if self._certain and self._order.waiting:
            given.append(self._ask_for_hole())
        elif not self._doubt:
            given += self._order.release(self._now)
        if question.to_id is None and complete and not self._order.waiting:
            given.append(Watermark(self._order.given_until(question.to_ns)))
        return given

    def _settle_doubt(self, question: Missing, complete: bool, holes: int) -> bool:
        """Ends or begins the doubt by an answer; returns whether the feed is silent: neither heard nor answered."""
        if question.to_id is None and complete:  # everything until `to_ns` is known
            self._heard_ns = max(self._heard_ns, question.to_ns)
            if self._connected and question.to_ns > self._connected_ns:
                self._doubt, self._doubtful_ns = False, 0
        elif not complete and not holes and not self._certain and self._order.waiting:
            self._doubt = True  # what was fetched may stand behind what was not
        elif question.to_id is None and self._silent():
            return True
        elif holes and not self._certain:  # the hole was told, and what waited behind it went out
            self._doubt, self._doubtful_ns = False, 0
        return False

    def _silent(self) -> bool:
        """Says whether nothing at all came for too long over a connection that stands."""
        since = max(self._connected_ns, self._heard_ns)
        return self._connected and not self._order.waiting and self._now - since > self._rules.silence_ns

    def _overflow(self) -> list[Ordered]:
        """Gives up what was asked for: more waits than may."""
        question = self._questions.open
        if question is None or (self._certain and question.to_id is None):
            from_ns, to_ns, from_id, to_id = self._hole()
            question = Missing(self._questions.no, "trades", from_id, to_id, from_ns, to_ns)
        return self._settle(question, complete=False)

    def _ask_for_hole(self) -> Missing:
        """Asks for what is missing before the first trade that waits."""
        self._unheard = False
        return self._questions.ask(self._now, *self._hole())

    def _hole(self) -> tuple[int, int, int | None, int | None]:
        """Returns what is missing before the first trade that waits: its times, and its ids where they tell."""
        first = self._order.hole()
        assert first is not None
        to_id = first.id - 1 if self._certain and isinstance(first.id, int) else None
        return self._order.last_ns, first.ts_event, self._order.next_id, to_id

    def _ask_for_all(self) -> Missing:
        """Asks for all trades since the last one that went out."""
        self._unheard = False
        since = self._order.last_ns or self._heard_ns
        return self._questions.ask(self._now, since, self._now, self._order.next_id)

    def _connect(self) -> None:
        self._connected, self._connected_ns = True, self._now
        if not self._begun:
            self._begun, self._heard_ns, self._began_ns = True, self._now, self._now
        else:
            self._doubt, self._doubtful_ns = True, 0
            if not self._certain:  # REST may be behind, and what it lacks would be older than what goes out then
                self._ask_after = max(self._ask_after, self._now + self._rules.order_ns)

    def _disconnect(self) -> None:
        self._connected, self._doubt, self._doubtful_ns = False, self._begun, 0
        self._questions.wait_anew()

    def state(self) -> State:
        """Returns all of it but the rules."""
        question, asked_now, no = self._questions.saved()
        return _snapshot(
            order=self._order.state(), ahead=self.ahead, fetched=self.fetched, holes=self.holes, deaf=self.deaf,
            now=self._now, believed_ns=self._believed_ns, heard_ns=self._heard_ns, begun=self._begun,
            connected=self._connected, connected_ns=self._connected_ns, doubt=self._doubt,
            doubtful_ns=self._doubtful_ns, hole_now=self._hole_now, hole_ns=self._hole_ns, question=question,
            asked_now=asked_now, ask_after=self._ask_after, unheard=self._unheard, no=no, began_ns=self._began_ns,
        )  # fmt: skip

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = ContinuitySnapshot.of(state)
        self._order.restore(saved.order)
        self.ahead, self.fetched, self.holes, self.deaf = saved.ahead, saved.fetched, saved.holes, saved.deaf
        self._now, self._believed_ns, self._heard_ns = saved.now, saved.believed_ns, saved.heard_ns
        self._begun, self._connected, self._connected_ns = saved.begun, saved.connected, saved.connected_ns
        self._doubt, self._doubtful_ns = saved.doubt, saved.doubtful_ns
        self._hole_now, self._hole_ns = saved.hole_now, saved.hole_ns
        self._questions.restore(saved.question, saved.asked_now, saved.no)
        self._ask_after, self._unheard = saved.ask_after, saved.unheard
        self._began_ns = saved.began_ns
