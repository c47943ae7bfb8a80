"""An order goes from phase to phase by one pure function, `on_event(order, event, grace_ms)`.

`MAY_BECOME` says which phase may follow which, and `_TABLE`, beneath the functions, which of them takes an event.

An order is sent once. After that only the venue knows what became of it, and its answers come late, twice, in another
order than they were asked for, out of a replica that lags, or not at all. The rules:

1. **Nobody invents an outcome.** An answer that says nothing (time-out, 5xx, lost connection) makes a SENT order
   UNKNOWN and changes nothing later: a poll that failed is no news. Such answers may come for ever.
2. **What is known only grows.** An order goes from open to ended; its filled quantity and what was paid for it rise. So
   the truth is at least the most that the venue ever told, in whatever order it told it: we keep the larger part of
   each answer. An answer that says less is stale, and so is "not there" about an order that was shown. Neither counts.
3. **FILLED in full counts at once**, by whatever way it comes: nothing can follow it. **So does an end short of the
   quantity** where the order's own row says it and its trades, asked for after that, come to what the row says: the
   venue writes that row once, with all that was filled, and a list of trades that lags comes to less.
4. **Everything else counts when the venue says it twice**: two answers in a row that repeat just what we know, the
   second asked later than the first (a doubled answer is one answer), both asked more than `grace_ms` after the last
   answer with news and, for an order that was never shown, after the end of the request's validity. This holds for an
   order that is not there (it is EXPIRED; before that time the request may still be on its way, and be executed), for
   any other end short of the quantity asked (its last fills may not be visible yet; until then the order is UNKNOWN)
   and for an UNKNOWN order that the venue shows as open. `grace_ms` must exceed the lag of the venue's reads plus our
   error about its clock.
5. **A cancel is a question.** The order is open, CANCELING, until the venue says how it ended: it may be filled first.
   A cancel that the venue has taken says that it ends, and not with how much; some venues forget such an order. From
   then on, and from the sending on where its answer is lost, "not there" counts, by rule 4, where the order's trades
   were asked for and come to what is known: it is CANCELED. An answer that shows it as open begins that row anew.
6. **An order that waited for a price becomes another one**, of another id, when that is reached: it is TRIGGERED, and
   open under either id until the venue says how the other one ended. A cancel may have been sent before. That the
   first one's row is over, with nothing filled, is no end.
7. **A refusal of the very request that we sent counts at once**, also when it comes late: that request was the only
   one. A lookup cannot refuse. A refused order that was shown is a contradiction.
8. **An end is final.** A later answer that contradicts it (more fills, another end, an order that should not exist)
   gives a note for the alarm and changes nothing: the books have moved on, and a person has to look.
9. **A person may end an order** about which nobody can ask the venue, after the grace time, and never below the
   quantity that we know to be filled.

Nothing that the venue does raises. An event of ours at the wrong time, e.g. a second Send, is a bug: ValueError.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from shared.messages.reasons import OrderPhase, Reason
from shared.orders.answers import Absent, Ambiguous, Answer, CancelAccepted, OrderStatusReport, Refused, Triggered
from shared.orders.state import ENDED, Cancel, Event, Expire, Note, NoteKind, OrderState, Resolve, Send, Step

# fmt: off
_ENDS = "FILLED CANCELED REJECTED EXPIRED"
MAY_BECOME: dict[OrderPhase, frozenset[OrderPhase]] = {
    phase: frozenset(OrderPhase(name) for name in names.split()) for phase, names in {
        OrderPhase.INTENT:           "SENT REJECTED EXPIRED",
        OrderPhase.SENT:             f"UNKNOWN NEW PARTIALLY_FILLED CANCELING TRIGGERED {_ENDS}",
        OrderPhase.UNKNOWN:          f"        NEW PARTIALLY_FILLED CANCELING TRIGGERED {_ENDS}",
        OrderPhase.NEW:              f"UNKNOWN     PARTIALLY_FILLED CANCELING TRIGGERED {_ENDS}",
        OrderPhase.PARTIALLY_FILLED: f"UNKNOWN                      CANCELING TRIGGERED {_ENDS}",
        OrderPhase.CANCELING:        f"UNKNOWN                                TRIGGERED {_ENDS}",
        OrderPhase.TRIGGERED:        f"UNKNOWN                                          {_ENDS}",
        **dict.fromkeys(ENDED, ""),
    }.items()
}
# fmt: on

_AGREED = 2  # so many agreeing answers in a row count (rule 4)
# How far a phase that the venue tells is on an order's way; None: it has told none. All others are ends.
_RANK: dict[OrderPhase | None, int] = {None: 0, OrderPhase.NEW: 1, OrderPhase.PARTIALLY_FILLED: 2}
_RANK_OF_END = 3


def _same(order: OrderState, _: Event, __: int) -> Step:
    """The event tells nothing new."""
    return Step(order)


def _bug(order: OrderState, event: Event, _: int) -> Step:
    """The event must not happen in this phase."""
    raise ValueError(f"an order that is {order.phase} takes no {type(event).__name__}")


def _send(order: OrderState, event: Send, _: int) -> Step:
    """The request may reach the venue from now on."""
    valid_until_ms = event.at_ms + event.validity_ms
    return Step(replace(order, phase=OrderPhase.SENT, at_ms=event.at_ms, valid_until_ms=valid_until_ms))


def _expire(order: OrderState, event: Expire, _: int) -> Step:
    """The request never leaves this process."""
    return Step(replace(order, phase=OrderPhase.EXPIRED, reason=event.reason))


def _doubt(order: OrderState, _: Ambiguous, __: int) -> Step:
    """The answer to the send is lost."""
    return Step(replace(order, phase=OrderPhase.UNKNOWN))


def _refuse(order: OrderState, event: Refused, _: int) -> Step:
    """Our own check or the venue refused the request, which contradicts an order that the venue has shown."""
    if order.seen:
        text = f"the venue refused an order that it had shown as {order.venue_order_id}: {event.text}"
        return _contradiction(order, text)
    return Step(replace(order, phase=OrderPhase.REJECTED, reason=event.reason))


def _refuse_late(order: OrderState, event: Refused, _: int) -> Step:
    """A refusal after the end agrees only with an order that the venue has never shown."""
    if order.seen:
        return _contradiction(order, f"the venue refused an order that is {order.phase}: {event.text}")
    return Step(order)


def _missed(order: OrderState, event: Absent, grace_ms: int) -> Step:
    """The venue does not know the order."""
    if event.traded_qty is not None and (order.canceled_ms or order.phase is OrderPhase.CANCELING):
        return _forgotten(order, event, event.traded_qty, grace_ms)
    if order.seen:
        return _stale(order, event.at_ms, "the venue does not know an order that it had shown")
    order = _agree(order, event.at_ms, grace_ms)
    if order.agreeing >= _AGREED:
        order = replace(order, phase=OrderPhase.EXPIRED, reason=Reason.NOT_ON_VENUE)
    return Step(order)


def _forgotten(order: OrderState, event: Absent, traded_qty: Decimal, grace_ms: int) -> Step:
    """A cancel was sent, and the venue shows it no more; its trades say what was filled."""
    known = OrderStatusReport(OrderPhase.NEW, traded_qty, event.paid, order.venue_order_id)
    if impossible := _impossible(order, known):
        return _contradiction(order, impossible)
    if abs(traded_qty) < abs(order.filled_qty) or event.paid < order.paid:
        return _stale(order, event.at_ms, f"trades of {traded_qty}: less than was known")
    if (traded_qty, event.paid) != (order.filled_qty, order.paid):
        news_ms = max(order.news_ms, event.heard_ms)
        return Step(replace(order, filled_qty=traded_qty, paid=event.paid, news_ms=news_ms, agreeing=0))
    if not order.canceled_ms and not order.news_ms:  # from the journal: nobody knows when the cancel was sent
        return Step(replace(order, news_ms=event.heard_ms))
    order = _agree(order, event.at_ms, grace_ms)
    ends_as = order.told if order.told in ENDED and order.told is not OrderPhase.FILLED else OrderPhase.CANCELED
    return Step(order if order.agreeing < _AGREED else _end(order, ends_as))


def _learn(order: OrderState, event: Answer, grace_ms: int) -> Step:
    """Keeps the larger part of what we know and what the venue tells, and sees whether that ends the order."""
    told = event.what
    if impossible := _impossible(order, told):
        return _contradiction(order, impossible)
    if _before_it_became(order, told):
        return Step(order)
    # Rules 2 and 3: what is new, and what counts at once.
    joined = _joined(order, event)
    if told.phase is OrderPhase.FILLED and told.filled_qty == joined.filled_qty == order.asked_qty and told.paid > 0:
        return Step(_end(joined, OrderPhase.FILLED))
    if _proven_short(joined, told):
        return Step(_end(joined, told.phase))
    if joined is not order:
        return Step(joined, _other_quantity(joined))
    if (told.filled_qty, told.paid) != (order.filled_qty, order.paid) or _rank(told.phase) < _rank(order.told):
        return _stale(order, event.at_ms, f"{_text(told)} is less than was known")
    # Rule 4: it repeats just what we know. An order that we know as open is none the wiser for being open.
    if told.phase not in ENDED and not order.unanswered:
        return Step(replace(order, agreeing=0, asked_ms=max(order.asked_ms, event.at_ms)))
    order = _agree(order, event.at_ms, grace_ms)
    if order.agreeing < _AGREED:
        return Step(order)
    if told.phase in ENDED:
        return Step(_end(order, told.phase))
    return Step(replace(order, phase=_open_phase(order, order.filled_qty)))


def _cancel(order: OrderState, event: Cancel, _: int) -> Step:
    """The cancel is on its way; until the venue has told, the order is open."""
    news_ms = max(order.news_ms, event.at_ms)
    return Step(replace(order, phase=OrderPhase.CANCELING, news_ms=news_ms, agreeing=0))


def _canceled(order: OrderState, event: CancelAccepted, _: int) -> Step:
    """The order ends: with what, only the venue knows."""
    if order.canceled_ms:
        return Step(order)
    known = replace(order, canceled_ms=event.heard_ms, news_ms=max(order.news_ms, event.heard_ms), agreeing=0)
    return Step(known if order.unanswered else replace(known, phase=_open_phase(known, known.filled_qty)))


def _canceled_late(order: OrderState, _: CancelAccepted, __: int) -> Step:
    """The end was there first, or is that of this cancel."""
    if not order.seen:
        return _contradiction(order, f"the venue took a cancel of an order that is {order.phase}")
    return Step(order)


def _trigger(order: OrderState, event: Triggered, _: int) -> Step:
    """It goes on as another order, under a second id."""
    if order.became == event.became:
        return Step(order)
    if order.became:
        return _contradiction(order, f"two orders have come of one: {order.became} and {event.became}")
    if order.told in ENDED:
        return _contradiction(order, f"it became {event.became}, and had ended as {order.told}")
    news_ms = max(order.news_ms, event.heard_ms)
    return Step(replace(order, phase=OrderPhase.TRIGGERED, became=event.became, news_ms=news_ms, agreeing=0))


def _trigger_late(order: OrderState, event: Triggered, _: int) -> Step:
    """Its end was that of the order that it became, or it never became one."""
    if order.became == event.became:
        return Step(order)
    return _contradiction(order, f"it became {event.became} on the venue, ended here as {order.phase}")


def _strange(order: OrderState, event: CancelAccepted | Triggered, _: int) -> Step:
    """The venue speaks of an order that we have not sent."""
    return _contradiction(order, f"{type(event).__name__} of an order that was never sent here")


def _compare(order: OrderState, event: Answer, _: int) -> Step:
    """An answer after the end agrees with it, is older, or contradicts it."""
    told = event.what
    if _before_it_became(order, told):
        return Step(order)
    over = told.phase in ENDED
    differs = (
        not order.at_ms  # it was never sent
        or (over and told.phase is not order.phase)
        or (not over and not order.seen)
        or abs(told.filled_qty) > abs(order.filled_qty)
        or (told.filled_qty == order.filled_qty and told.paid > order.paid)
    )
    if differs:
        return _contradiction(order, f"{_text(told)} on the venue, ended here as {order.phase} of {order.filled_qty}")
    if impossible := _impossible(order, told):
        return _contradiction(order, impossible)
    if over and (told.filled_qty, told.paid) == (order.filled_qty, order.paid):
        return Step(order)
    return Step(order, (Note(NoteKind.STALE, f"{_text(told)} is less than was known"),))


def _foreign(order: OrderState, event: Answer, _: int) -> Step:
    """The venue shows an order that we have not sent."""
    return _contradiction(order, f"{_text(event.what)} on the venue, never sent here")


def _resolve(order: OrderState, event: Resolve, grace_ms: int) -> Step:
    """A person says how it ended."""
    said = event.report
    if event.at_ms <= order.valid_until_ms + grace_ms:
        raise ValueError("the request may still reach the venue: wait until its validity and the grace time are over")
    if said.phase not in ENDED:
        raise ValueError(f"an order is resolved by how it ended, not by {said.phase}")
    if impossible := _impossible(order, said):
        raise ValueError(impossible)
    if abs(said.filled_qty) < abs(order.filled_qty) or said.paid < order.paid:
        known = f"{order.filled_qty} was filled for {order.paid} already"
        raise ValueError(f"{known}, not {said.filled_qty} for {said.paid}")
    joined = _joined(order, Answer(event.at_ms, said, event.at_ms))
    return Step(replace(joined, phase=said.phase, reason=Reason.RESOLVED), _other_quantity(joined))


# The function for each event (rows) in each phase (columns).

# fmt: off
_TABLE: dict[type[Any], tuple[Callable[[OrderState, Any, int], Step], ...]] = {
    #               INTENT      SENT        UNKNOWN     NEW, PARTIALLY_  CANCELING   TRIGGERED   ended
    #                                                   FILLED
    Send:           (_send,     _bug,       _bug,       _bug,            _bug,       _bug,       _bug),
    Expire:         (_expire,   _bug,       _bug,       _bug,            _bug,       _bug,       _bug),
    Refused:        (_refuse,   _refuse,    _refuse,    _refuse,         _refuse,    _refuse,    _refuse_late),
    Ambiguous:      (_same,     _doubt,     _same,      _same,           _same,      _same,      _same),
    Absent:         (_same,     _same,      _missed,    _missed,         _missed,    _missed,    _same),
    Answer:         (_foreign,  _learn,     _learn,     _learn,          _learn,     _learn,     _compare),
    Cancel:         (_bug,      _same,      _same,      _cancel,         _same,      _same,      _same),
    CancelAccepted: (_strange,  _canceled,  _canceled,  _canceled,       _canceled,  _canceled,  _canceled_late),
    Triggered:      (_strange,  _trigger,   _trigger,   _trigger,        _trigger,   _trigger,   _trigger_late),
    Resolve:        (_bug,      _resolve,   _resolve,   _resolve,        _resolve,   _resolve,   _bug),
}
_COLUMN = {
    OrderPhase.INTENT: 0, OrderPhase.SENT: 1, OrderPhase.UNKNOWN: 2, OrderPhase.NEW: 3, OrderPhase.PARTIALLY_FILLED: 3,
    OrderPhase.CANCELING: 4, OrderPhase.TRIGGERED: 5,
}
_ENDED = 6
# fmt: on


def on_event(order: OrderState, event: Event, grace_ms: int) -> Step:
    """Returns the order's state after `event`, with notes about what is odd about the event.

    >>> from decimal import Decimal
    >>> order, _ = on_event(OrderState(Decimal(2)), Send(at_ms=1_000, validity_ms=5_000), grace_ms=3_000)
    >>> order, _ = on_event(order, Ambiguous("time-out"), 3_000)
    >>> order, _ = on_event(order, Absent(at_ms=9_001), 3_000)
    >>> order.phase.name
    'UNKNOWN'
    >>> order, _ = on_event(order, Absent(at_ms=9_500), 3_000)
    >>> order.phase.name, order.reason.name
    ('EXPIRED', 'NOT_ON_VENUE')
    """
    step = _TABLE[type(event)][_COLUMN.get(order.phase, _ENDED)](order, event, grace_ms)
    assert step.state.phase is order.phase or step.state.phase in MAY_BECOME[order.phase]
    return step


def _impossible(order: OrderState, told: OrderStatusReport) -> str:
    """Says why this cannot be our order; empty where it can."""
    known = {order.venue_order_id, order.became} - {""}
    if told.venue_order_id and order.venue_order_id and told.venue_order_id not in known:
        return f"two orders of one id on the venue: {order.venue_order_id} and {told.venue_order_id}"
    if told.filled_qty and told.filled_qty.is_signed() != order.asked_qty.is_signed():
        return f"asked for {order.asked_qty}, filled {told.filled_qty}: the other side"
    return ""


def _before_it_became(order: OrderState, told: OrderStatusReport) -> bool:
    """Says whether the row is that of the order which this one was, and which was over when it became another."""
    of_first = bool(order.became) and told.venue_order_id != order.became
    return of_first and told.phase in ENDED and not told.filled_qty


def _joined(order: OrderState, answer: Answer) -> OrderState:
    """Returns the larger part of what we know and what the venue tells; `order` itself where nothing is new."""
    told = answer.what
    furthest = told.phase if _rank(told.phase) > _rank(order.told) or _other_end(order, told) else order.told
    filled = max(order.filled_qty, told.filled_qty, key=abs)
    paid = max(order.paid, told.paid)
    own_id = "" if told.venue_order_id == order.became else told.venue_order_id
    venue_order_id = order.venue_order_id or own_id
    if (furthest, filled, paid, venue_order_id) == (order.told, order.filled_qty, order.paid, order.venue_order_id):
        return order
    doubtful = order.phase is OrderPhase.UNKNOWN or furthest in ENDED
    phase = OrderPhase.UNKNOWN if doubtful else _open_phase(order, filled)
    cancel_taken = order.phase is OrderPhase.CANCELING and furthest in ENDED  # says as much as the cancel's answer
    return replace(
        order, phase=phase, told=furthest, filled_qty=filled, paid=paid, venue_order_id=venue_order_id,
        news_ms=max(order.news_ms, answer.heard_ms), agreeing=0,
        canceled_ms=order.canceled_ms or (answer.heard_ms if cancel_taken else 0), cause=told.cause or order.cause,
    )  # fmt: skip


def _other_end(order: OrderState, told: OrderStatusReport) -> bool:
    return told.phase in ENDED and told.phase is not order.told


def _proven_short(order: OrderState, told: OrderStatusReport) -> bool:
    """Says whether the venue's own row and the order's trades agree that it ended with this, and not in full."""
    return (
        told.phase in ENDED
        and told.phase is not OrderPhase.FILLED
        and told.traded_qty == told.filled_qty == order.filled_qty
        and told.paid == order.paid
        and abs(told.filled_qty) <= abs(order.asked_qty)
    )


def _open_phase(order: OrderState, filled: Decimal) -> OrderPhase:
    """Returns the phase of an order that is open, and that the venue has shown."""
    if order.became:
        return OrderPhase.TRIGGERED
    if order.canceled_ms or order.phase is OrderPhase.CANCELING:
        return OrderPhase.CANCELING
    return OrderPhase.PARTIALLY_FILLED if filled else OrderPhase.NEW


def _rank(phase: OrderPhase | None) -> int:
    return _RANK.get(phase, _RANK_OF_END)


def _agree(order: OrderState, asked_ms: int, grace_ms: int) -> OrderState:
    """Counts an answer that repeats what we know, if it was asked for late enough and after the one before (rule 4)."""
    arrived_ms = order.canceled_ms if order.seen else order.valid_until_ms
    settled_ms = max(arrived_ms, order.news_ms) + grace_ms
    if asked_ms <= max(settled_ms, order.asked_ms):
        return order
    return replace(order, agreeing=order.agreeing + 1, asked_ms=asked_ms)


def _end(order: OrderState, phase: OrderPhase) -> OrderState:
    return replace(order, phase=phase, reason=None if phase is OrderPhase.FILLED else Reason.ENDED_BY_VENUE)


def _other_quantity(order: OrderState) -> tuple[Note, ...]:
    """Returns a note where more was filled than asked for, or FILLED is not the quantity asked for."""
    in_part = order.told is not OrderPhase.FILLED and abs(order.filled_qty) <= abs(order.asked_qty)
    if in_part or order.filled_qty == order.asked_qty:
        return ()
    return (Note(NoteKind.OTHER_QUANTITY, f"asked for {order.asked_qty}, filled {order.filled_qty}"),)


def _stale(order: OrderState, asked_ms: int, text: str) -> Step:
    """Ignores the answer, but ends the row of agreeing ones."""
    if asked_ms > order.asked_ms:
        order = replace(order, agreeing=0, asked_ms=asked_ms)
    return Step(order, (Note(NoteKind.STALE, text),))


def _contradiction(order: OrderState, text: str) -> Step:
    return Step(order, (Note(NoteKind.CONTRADICTION, text),))


def _text(told: OrderStatusReport) -> str:
    return f"{told.phase} of {told.filled_qty}"
