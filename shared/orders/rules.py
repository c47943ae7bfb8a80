"""The rules of `life.py`, one function for each cell of its table: (life, event, grace_ms) → step."""

from dataclasses import replace
from decimal import Decimal

from shared.messages.reasons import OrderPhase, Reason
from shared.orders.answers import Absent, Ambiguous, Answer, Refused, Snapshot
from shared.orders.state import ENDED, Event, Expire, Note, NoteKind, OrderState, Resolve, Send, Step

_AGREED = 2
_FURTHER: dict[OrderPhase | None, int] = {None: 0, OrderPhase.NEW: 1, OrderPhase.PARTIALLY_FILLED: 2}
_OVER = 3


def same(life: OrderState, _: Event, __: int) -> Step:
    """It says nothing, or nothing new."""
    return Step(life)


def bug(life: OrderState, event: Event, _: int) -> Step:
    """We did what must not be done now."""
    raise ValueError(f"an order that is {life.state} takes no {type(event).__name__}")


def send(life: OrderState, event: Send, _: int) -> Step:
    """From now on it may reach the venue."""
    return Step(replace(life, state=OrderPhase.SENT, at_ms=event.at_ms, valid_until_ms=event.at_ms + event.validity_ms))


def expire(life: OrderState, event: Expire, _: int) -> Step:
    """It never leaves the house."""
    return Step(replace(life, state=OrderPhase.EXPIRED, reason=event.reason))


def doubt(life: OrderState, _: Ambiguous, __: int) -> Step:
    """The send's answer is lost."""
    return Step(replace(life, state=OrderPhase.UNKNOWN))


def refuse(life: OrderState, event: Refused, _: int) -> Step:
    """Our own check refused it, or the venue the request; but not an order that the venue has shown."""
    if life.seen:
        return _contradiction(
            life, f"the venue refused an order that it had shown as {life.venue_order_id}: {event.text}"
        )
    return Step(replace(life, state=OrderPhase.REJECTED, reason=event.reason))


def refuse_late(life: OrderState, event: Refused, _: int) -> Step:
    """The order is over. Refused agrees with an order that never was on the venue."""
    if life.seen:
        return _contradiction(life, f"the venue refused an order that is {life.state}: {event.text}")
    return Step(life)


def missed(life: OrderState, event: Absent, grace_ms: int) -> Step:
    """The venue does not know it."""
    if life.seen:
        return _stale(life, event.at_ms, "the venue does not know an order that it had shown")
    life = _agree(life, event.at_ms, grace_ms)
    if life.agreeing >= _AGREED:
        life = replace(life, state=OrderPhase.EXPIRED, reason=Reason.NOT_ON_VENUE)
    return Step(life)


def learn(life: OrderState, event: Answer, grace_ms: int) -> Step:
    """Keep the larger part of what was known and what is told; see whether that settles it."""
    told = event.what
    if impossible := _impossible(life, told):
        return _contradiction(life, impossible)
    joined = _joined(life, event)
    if told.state is OrderPhase.FILLED and told.filled_qty == joined.filled_qty == life.asked_qty and told.paid > 0:
        return Step(_end(joined, OrderPhase.FILLED))
    if joined is not life:
        return Step(joined, _other_quantity(joined))
    if (told.filled_qty, told.paid) != (life.filled_qty, life.paid) or _rank(told.state) < _rank(life.told):
        return _stale(life, event.at_ms, f"{_text(told)} is less than was known")
    life = _agree(life, event.at_ms, grace_ms)
    if life.agreeing < _AGREED:
        return Step(life)
    if told.state in ENDED:
        return Step(_end(life, told.state))
    return Step(replace(life, state=_open_state(life.filled_qty)))


def compare(life: OrderState, event: Answer, _: int) -> Step:
    """The order is over: what the venue shows agrees, or is older, or contradicts."""
    told = event.what
    over = told.state in ENDED
    differs = (
        not life.at_ms  # it was never sent
        or (over and told.state is not life.state)
        or (not over and not life.seen)
        or abs(told.filled_qty) > abs(life.filled_qty)
        or (told.filled_qty == life.filled_qty and told.paid > life.paid)
    )
    if differs:
        return _contradiction(life, f"{_text(told)} on the venue, ended here as {life.state} of {life.filled_qty}")
    if impossible := _impossible(life, told):
        return _contradiction(life, impossible)
    if over and (told.filled_qty, told.paid) == (life.filled_qty, life.paid):
        return Step(life)
    return Step(life, (Note(NoteKind.STALE, f"{_text(told)} is less than was known"),))


def foreign(life: OrderState, event: Answer, _: int) -> Step:
    """The venue shows an order that was not sent."""
    return _contradiction(life, f"{_text(event.what)} on the venue, never sent here")


def resolve(life: OrderState, event: Resolve, grace_ms: int) -> Step:
    """A person says how it ended."""
    said = event.snapshot
    if event.at_ms <= life.valid_until_ms + grace_ms:
        raise ValueError("the request may still reach the venue: wait until its validity and the grace time are over")
    if said.state not in ENDED:
        raise ValueError(f"an order is resolved by how it ended, not by {said.state}")
    if impossible := _impossible(life, said):
        raise ValueError(impossible)
    if abs(said.filled_qty) < abs(life.filled_qty) or said.paid < life.paid:
        raise ValueError(f"{life.filled_qty} was filled for {life.paid} already, not {said.filled_qty} for {said.paid}")
    joined = _joined(life, Answer(event.at_ms, said, event.at_ms))
    return Step(replace(joined, state=said.state, reason=Reason.RESOLVED), _other_quantity(joined))


def _impossible(life: OrderState, told: Snapshot) -> str:
    """Why this cannot be our order, empty if it can."""
    if told.venue_order_id and life.venue_order_id and told.venue_order_id != life.venue_order_id:
        return f"two orders of one id on the venue: {life.venue_order_id} and {told.venue_order_id}"
    if told.filled_qty and told.filled_qty.is_signed() != life.asked_qty.is_signed():
        return f"asked for {life.asked_qty}, filled {told.filled_qty}: the other side"
    return ""


def _joined(life: OrderState, answer: Answer) -> OrderState:
    """The larger part of what was known and what is told; `life` itself where that is nothing new."""
    told = answer.what
    state = told.state if _rank(told.state) > _rank(life.told) or _other_end(life, told) else life.told
    filled = max(life.filled_qty, told.filled_qty, key=abs)
    paid = max(life.paid, told.paid)
    venue_order_id = life.venue_order_id or told.venue_order_id
    if (state, filled, paid, venue_order_id) == (life.told, life.filled_qty, life.paid, life.venue_order_id):
        return life
    doubtful = life.state is OrderPhase.UNKNOWN or state in ENDED
    where = OrderPhase.UNKNOWN if doubtful else _open_state(filled)
    return replace(
        life, state=where, told=state, filled_qty=filled, paid=paid, venue_order_id=venue_order_id,
        news_ms=max(life.news_ms, answer.heard_ms), agreeing=0,
    )  # fmt: skip


def _other_end(life: OrderState, told: Snapshot) -> bool:
    return told.state in ENDED and told.state is not life.told


def _open_state(filled: Decimal) -> OrderPhase:
    return OrderPhase.PARTIALLY_FILLED if filled else OrderPhase.NEW


def _rank(state: OrderPhase | None) -> int:
    return _FURTHER.get(state, _OVER)


def _agree(life: OrderState, asked_ms: int, grace_ms: int) -> OrderState:
    """Count an answer that says just what is known, if it was asked late enough and after the one before."""
    settled_ms = max(life.valid_until_ms, life.news_ms) + grace_ms
    if asked_ms <= max(settled_ms, life.asked_ms):
        return life
    return replace(life, agreeing=life.agreeing + 1, asked_ms=asked_ms)


def _end(life: OrderState, state: OrderPhase) -> OrderState:
    return replace(life, state=state, reason=None if state is OrderPhase.FILLED else Reason.ENDED_BY_VENUE)


def _other_quantity(life: OrderState) -> tuple[Note, ...]:
    if abs(life.filled_qty) <= abs(life.asked_qty) and (
        life.told is not OrderPhase.FILLED or life.filled_qty == life.asked_qty
    ):
        return ()
    return (Note(NoteKind.OTHER_QUANTITY, f"asked for {life.asked_qty}, filled {life.filled_qty}"),)


def _stale(life: OrderState, asked_ms: int, text: str) -> Step:
    """Not applied; but the venue has not said the same twice in a row."""
    if asked_ms > life.asked_ms:
        life = replace(life, agreeing=0, asked_ms=asked_ms)
    return Step(life, (Note(NoteKind.STALE, text),))


def _contradiction(life: OrderState, text: str) -> Step:
    return Step(life, (Note(NoteKind.CONTRADICTION, text),))


def _text(told: Snapshot) -> str:
    return f"{told.state} of {told.filled_qty}"
