"""The order's life: one pure function, `on_event(life, event, grace_ms)`.

An order is sent once. After that only the venue knows what became of it, and its answers come late, twice, in another
order than they were asked for, out of a replica that lags, or not at all. The rules:

1. **Nobody invents an outcome.** An answer that says nothing (time-out, 5xx, lost connection) makes a SENT order
   UNKNOWN and changes nothing later: a poll that failed is no news. Such answers may come for ever.
2. **What is known only grows.** An order goes from open to ended; its filled quantity and what was paid for it rise. So
   the truth is at least the most that was ever told, whatever came first: of each answer the larger part is kept. One
   that says less is stale, and so is "not there" about an order that was shown. Neither is applied.
3. **FILLED in full is believed at once**, by whatever way it comes: nothing can be added to it.
4. **Everything else is believed when it is said twice**: two answers in a row that say just what is known, the second
   asked later than the first (a doubled answer is one answer), both asked more than `grace_ms` after the request's
   validity was over, and after the last answer that taught anything had come. This holds for an order that is not
   there (it is EXPIRED; before that time the request may still be on its way, and be executed), for an end short of
   the quantity asked (its last fills may not be visible yet; until then the order is UNKNOWN) and for an UNKNOWN order
   that is found open. `grace_ms` must exceed what the venue's reads lag behind plus the error of our idea of its clock.
5. **A refusal of the very request that we sent counts at once**, also when it comes late: that request was the only
   one. A lookup cannot refuse; and an order that was shown cannot have been refused: that is a contradiction.
6. **An end is final.** What contradicts it later (more fills, another end, an order that should not exist) is returned
   as a note for the alarm, never applied: the books have moved on, and a person has to look.
7. **A person may end an order** that the venue cannot be asked about, after the grace time, never below the quantity
   that is known to be filled.

What the venue does never raises. What we do at the wrong time, e.g. a second Send, is a bug of ours: ValueError.
"""

from collections.abc import Callable
from typing import Any

from shared.messages.reasons import OrderPhase
from shared.orders import rules
from shared.orders.answers import Absent, Ambiguous, Answer, Refused
from shared.orders.state import Event, Expire, Note, NoteKind, OrderState, Resolve, Send, Step

__all__ = ["MAY_BECOME", "Note", "NoteKind", "OrderState", "Step", "on_event"]

# fmt: off
_TABLE: dict[type[Any], tuple[Callable[[OrderState, Any, int], Step], ...]] = {
    #           INTENT          SENT           UNKNOWN         NEW, PARTIALLY_  ended
    #                                                          FILLED
    Send:      (rules.send,     rules.bug,     rules.bug,      rules.bug,       rules.bug),
    Expire:    (rules.expire,   rules.bug,     rules.bug,      rules.bug,       rules.bug),
    Refused:   (rules.refuse,   rules.refuse,  rules.refuse,   rules.refuse,    rules.refuse_late),
    Ambiguous: (rules.same,     rules.doubt,   rules.same,     rules.same,      rules.same),
    Absent:    (rules.same,     rules.same,    rules.missed,   rules.missed,    rules.same),
    Answer:    (rules.foreign,  rules.learn,   rules.learn,    rules.learn,     rules.compare),
    Resolve:   (rules.bug,      rules.resolve, rules.resolve,  rules.resolve,   rules.bug),
}
_COLUMN = {
    OrderPhase.INTENT: 0, OrderPhase.SENT: 1, OrderPhase.UNKNOWN: 2, OrderPhase.NEW: 3, OrderPhase.PARTIALLY_FILLED: 3,
}
_ENDED = 4

MAY_BECOME: dict[OrderPhase, frozenset[OrderPhase]] = {
    state: frozenset(OrderPhase(name) for name in names.split()) for state, names in {
        OrderPhase.INTENT:           "SENT                                         REJECTED EXPIRED",
        OrderPhase.SENT:             "     UNKNOWN NEW PARTIALLY_FILLED FILLED CANCELED REJECTED EXPIRED",
        OrderPhase.UNKNOWN:          "             NEW PARTIALLY_FILLED FILLED CANCELED REJECTED EXPIRED",
        OrderPhase.NEW:              "     UNKNOWN     PARTIALLY_FILLED FILLED CANCELED REJECTED EXPIRED",
        OrderPhase.PARTIALLY_FILLED: "     UNKNOWN                      FILLED CANCELED REJECTED EXPIRED",
        OrderPhase.FILLED:           "",
        OrderPhase.CANCELED:         "",
        OrderPhase.REJECTED:         "",
        OrderPhase.EXPIRED:          "",
    }.items()
}
# fmt: on


def on_event(life: OrderState, event: Event, grace_ms: int) -> Step:
    """The order after `event`, and notes about what the event contradicts.

    >>> from decimal import Decimal
    >>> life, _ = on_event(OrderState(Decimal(2)), Send(at_ms=1_000, validity_ms=5_000), grace_ms=3_000)
    >>> life, _ = on_event(life, Ambiguous("time-out"), 3_000)
    >>> life, _ = on_event(life, Absent(at_ms=9_001), 3_000)
    >>> life.state.name
    'UNKNOWN'
    >>> life, _ = on_event(life, Absent(at_ms=9_500), 3_000)
    >>> life.state.name, life.reason.name
    ('EXPIRED', 'NOT_ON_VENUE')
    """
    step = _TABLE[type(event)][_COLUMN.get(life.state, _ENDED)](life, event, grace_ms)
    assert step.life.state is life.state or step.life.state in MAY_BECOME[life.state]
    return step
