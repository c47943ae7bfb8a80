"""A stop goes from phase to phase by one pure function, `on_stop_event(life, event, grace_ms)`.

    SENT -> UNKNOWN -> WAITING -> TRIGGERING -> TRIGGERED;  any of these -> CANCELING -> CANCELED;  any -> FAILED

A stop is placed once under its id; what replaces it has an id of its own. The rules:

1. **An answer that says nothing** makes one that is SENT UNKNOWN, and changes nothing later.
2. **What is told only goes on**: WAITING, TRIGGERING, and an end. A list that is behind takes nothing back.
3. **A refusal counts at once**, for a stop that was never shown. `Beyond` is one with a reason of its own; `Occupied`
   says that another of its kind is there, and that this one never was.
4. **One that an entry carries** is SENT as long as that is open. Nothing of that filled: it never was.
5. **"Not there" is no proof.** Said twice, each asked more than `grace_ms` after the last news and the end of the
   request's validity, and so far apart, it ends a stop as FAILED, NOT_ON_VENUE: it is not counted upon any more. What
   shows up after all is told, and counts again. One whose cancel was sent is CANCELED then.
6. **TRIGGERED is its end**: it has become an order, whose life `transitions.py` has.
7. **A cancel is a question**, as an order's: only its answer, or what the exchange tells later, ends the stop.

`_RULES` has the function for each event. Each returns the life after it, or the very same one where nothing is new.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from shared.messages.reasons import Reason, StopKind
from shared.orders.answers import Absent, Ambiguous
from shared.orders.state import Cancel
from shared.orders.stops import Beyond, Occupied, StopAnswer, StopPhase, StopReport

OCCUPIED = "occupied"  # how the text of a stop begins that was refused since another one of its kind is there


class StopLife(NamedTuple):
    """A life holds what we know of one stop: it is the stop's row in the journal. Times are ms, the venue's clock.

    - stop_id: ours. opened_by: the order that opened the position; revision: see `stop_id` in stops.py
    - held_qty: what it closes, signed base units; whole: it closes whatever is held
    - price: what triggers it, in ticks; of a TRAIL what its distance hangs on
    - at_ms, valid_until_ms: the request's timestamp and end of validity
    - carried_by: the client order id of the entry that carries it, empty where it was sent by itself
    - venue_id: the exchange's; empty until it is told. order_id: of the order that it became
    - seen_ms: when it was last told as waiting, 0 before; heard_ms: when its phase last changed
    - absent_ms: since when it is not there, 0 while it is
    - reduces: the exchange says that it can only reduce; one of which it does not is replaced
    - reason: why it FAILED; text: for a person
    - epoch, updated_ms: of whoever wrote it
    """

    stop_id: str
    book: str
    sym: str
    opened_by: str
    kind: StopKind
    revision: int
    held_qty: Decimal
    price: Decimal
    trail_bps: Decimal | None
    whole: bool
    phase: StopPhase
    at_ms: int
    valid_until_ms: int
    carried_by: str = ""
    venue_id: str = ""
    order_id: str = ""
    seen_ms: int = 0
    heard_ms: int = 0
    absent_ms: int = 0
    reduces: bool = True
    reason: Reason | None = None
    text: str = ""
    epoch: int = 0
    updated_ms: int = 0

    @property
    def live(self) -> bool:
        """Says whether it may be at the exchange, waiting or about to become an order."""
        return self.phase in LIVE

    @property
    def revivable(self) -> bool:
        """Says whether it may count again: nothing but silence has ended it."""
        return self.reason is Reason.NOT_ON_VENUE

    @property
    def occupied(self) -> bool:
        """Says whether it was refused since another one of its kind is there."""
        return self.phase is StopPhase.CANCELED and self.text.startswith(OCCUPIED)

    @property
    def kept(self) -> "StopLife":
        """Returns what of it the journal must have: all but when it was last looked at, and by whom."""
        return self._replace(seen_ms=0, absent_ms=0, epoch=0, updated_ms=0)

    @property
    def fired_name(self) -> str:
        """Returns the client order id, in our journal, of the order that it becomes."""
        return "stop" + self.stop_id[:28]

    @property
    def report(self) -> StopReport:
        """Returns it as the exchange's side names it, e.g. to cancel it."""
        qty = Decimal(0) if self.whole else -self.held_qty
        return StopReport(
            self.sym, self.kind, self.phase, self.venue_id, self.stop_id, self.price, qty, self.whole,
            reduce_only=self.reduces,
        )  # fmt: skip


LIVE = frozenset({StopPhase.SENT, StopPhase.UNKNOWN, StopPhase.WAITING, StopPhase.CANCELING, StopPhase.TRIGGERING})
UNANSWERED = frozenset({StopPhase.SENT, StopPhase.UNKNOWN})
# How far a phase is on a stop's way: before WAITING 0, an end _RANK_OF_END.
_RANK = {StopPhase.WAITING: 1, StopPhase.TRIGGERING: 2}
_RANK_OF_END = 3


class Placed(NamedTuple):
    """The exchange has answered the request that places it, or has not."""

    answer: StopAnswer
    heard_ms: int


class Told(NamedTuple):
    """The exchange tells how it stands: in its list, when it is looked up, or when it was cancelled."""

    report: StopReport
    heard_ms: int


class EntryEnded(NamedTuple):
    """The entry that carries it is over. filled: so far that it leaves it, as the exchange says."""

    filled: bool
    at_ms: int


class Superseded(NamedTuple):
    """A newer one has taken its place, in the same request."""

    at_ms: int


StopEvent = Placed | Told | Absent | Cancel | EntryEnded | Superseded


def on_stop_event(life: StopLife, event: StopEvent, grace_ms: int) -> StopLife:
    """Returns the stop after `event`; the very same one where that says nothing new.

    - grace_ms: more than the lag of the venue's reads and our error about its clock.

    >>> life = StopLife(
    ...     "a1", "b", "BTCUSDT", "e1", StopKind.STOP, 0, Decimal(1), Decimal(95), None, True, StopPhase.SENT, 0, 5_000
    ... )
    >>> life = on_stop_event(life, Placed(Ambiguous("time-out"), 100), 3_000)
    >>> life.phase.name
    'UNKNOWN'
    >>> life = on_stop_event(life, Told(life.report._replace(phase=StopPhase.WAITING, venue_id="7"), 200), 3_000)
    >>> life.phase.name, life.venue_id
    ('WAITING', '7')
    """
    if not life.live and not (life.revivable and isinstance(event, Told)):
        return life
    return _RULES[type(event)](life, event, grace_ms)


def _placed(life: StopLife, event: Placed, _: int) -> StopLife:
    answer = event.answer
    if isinstance(answer, StopReport):
        return _joined(life, answer, event.heard_ms)
    if isinstance(answer, Ambiguous):
        return _to(life, StopPhase.UNKNOWN, event.heard_ms, answer.cause) if life.phase is StopPhase.SENT else life
    if life.seen_ms:  # rule 3: it was shown
        return life
    if isinstance(answer, Occupied):
        return _to(life, StopPhase.CANCELED, event.heard_ms, f"{OCCUPIED}: {answer.text}")
    reason = Reason.STOP_BEYOND if isinstance(answer, Beyond) else answer.reason
    return _to(life, StopPhase.FAILED, event.heard_ms, answer.text)._replace(reason=reason)


def _told(life: StopLife, event: Told, _: int) -> StopLife:
    return _joined(life, event.report, event.heard_ms)


def _missed(life: StopLife, event: Absent, grace_ms: int) -> StopLife:
    """Rule 5: the first such answer is noted, a second one long after it ends the stop."""
    settled_ms = max(life.valid_until_ms, life.heard_ms) + grace_ms
    if life.phase is StopPhase.TRIGGERING or event.at_ms <= settled_ms:
        return life
    if not life.absent_ms:
        return life._replace(absent_ms=event.at_ms)
    if event.at_ms <= life.absent_ms + grace_ms:
        return life
    if life.phase is StopPhase.CANCELING:
        return _to(life, StopPhase.CANCELED, event.at_ms, "it is not there any more")
    gone = _to(life, StopPhase.FAILED, event.at_ms, "the exchange does not know it")
    return gone._replace(reason=Reason.NOT_ON_VENUE)


def _cancel(life: StopLife, event: Cancel, _: int) -> StopLife:
    if life.phase in (StopPhase.CANCELING, StopPhase.TRIGGERING):
        return life
    return _to(life, StopPhase.CANCELING, event.at_ms, life.text)


def _entry_ended(life: StopLife, event: EntryEnded, _: int) -> StopLife:
    if life.phase not in UNANSWERED:
        return life
    if not event.filled:
        return _to(life, StopPhase.CANCELED, event.at_ms, "its entry ended, and left none")
    return life._replace(heard_ms=event.at_ms)


def _superseded(life: StopLife, event: Superseded, _: int) -> StopLife:
    return _to(life, StopPhase.CANCELED, event.at_ms, "another has taken its place")


_RULES: dict[type[Any], Callable[[StopLife, Any, int], StopLife]] = {
    Placed: _placed,
    Told: _told,
    Absent: _missed,
    Cancel: _cancel,
    EntryEnded: _entry_ended,
    Superseded: _superseded,
}


def _joined(life: StopLife, told: StopReport, heard_ms: int) -> StopLife:
    """Takes over what is told, unless it is behind."""
    if _RANK.get(told.phase, _RANK_OF_END) < _RANK.get(life.phase, 0):
        return life
    life = life._replace(
        venue_id=told.venue_id or life.venue_id,
        price=told.trigger_price if told.trigger_price and life.kind is not StopKind.TRAIL else life.price,
        held_qty=-told.signed_qty or life.held_qty,
        whole=told.whole,
        reduces=told.reduce_only,
        absent_ms=0,
        reason=None,
    )
    if told.phase is StopPhase.WAITING:
        if life.phase not in (StopPhase.CANCELING, StopPhase.WAITING):  # a cancel that was sent stands
            life = _to(life, StopPhase.WAITING, heard_ms, "")
        return life._replace(seen_ms=max(life.seen_ms, heard_ms))
    if told.phase is life.phase:
        return life
    life = _to(life, told.phase, heard_ms, told.text)
    if told.phase is StopPhase.TRIGGERED:
        return life._replace(order_id=told.order_id)
    return life._replace(reason=Reason.STOP_FAILED) if told.phase is StopPhase.FAILED else life


def _to(life: StopLife, phase: StopPhase, at_ms: int, text: str) -> StopLife:
    """Returns the stop in another phase, since `at_ms`."""
    return life._replace(phase=phase, heard_ms=max(life.heard_ms, at_ms), text=text)
