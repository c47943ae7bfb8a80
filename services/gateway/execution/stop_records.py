"""Pure functions of one stop: what is wanted, its request, its row, and the rows of the orders that come of it."""

from decimal import Decimal
from hashlib import blake2b

from services.gateway.execution.protection import Place, WantedStop
from services.gateway.execution.records import NS_PER_MS
from shared.exchanges.trading.stop_profile import trigger_price
from shared.exchanges.trading.venue import MarketRules
from shared.journal.rows import OrderRow
from shared.messages import Leg
from shared.messages.protect import ProtectTerms
from shared.messages.reasons import FIRED, OrderPhase, Reason, StopKind
from shared.orders.stop_life import StopLife
from shared.orders.stops import StopPhase, StopRequest, stop_id

_ZERO = Decimal(0)
BPS = Decimal(10_000)
CLOSE_VALID_MS = 10_000  # a close at market that did not go out by then is decided anew


def wanted_stops(
    terms: ProtectTerms, hangs_on: Decimal, held: Decimal, rules: MarketRules, nearest: Decimal | None = None
) -> dict[StopKind, WantedStop]:
    """Returns the stops that a position should have, by kind.

    - hangs_on: the decision price of the order that opened it. held: signed base units.
    - nearest: a stop lies no further away than this, so that it comes before the liquidation; None: none is known.
    """
    found: dict[StopKind, WantedStop] = {}
    for kind in StopKind:
        price = terms.price(kind, hangs_on, long=held > 0)
        if price is None:
            continue
        if kind is StopKind.TRAIL:
            found[kind] = WantedStop(hangs_on, terms.distance(kind))
            continue
        if kind is StopKind.STOP and nearest is not None:
            price = max(price, nearest) if held > 0 else min(price, nearest)
        found[kind] = WantedStop(trigger_price(rules, StopRequest("", "", kind, held, price)))
    return found


def nearest_stop(liquidation: Decimal | None, held: Decimal, margin_bps: Decimal) -> Decimal | None:
    """Returns the price beyond which no stop may lie; None where no liquidation price is told.

    >>> nearest_stop(Decimal(100), Decimal(1), Decimal(100)), nearest_stop(Decimal(100), Decimal(-1), Decimal(100))
    (Decimal('101.00'), Decimal('99.00'))
    """
    if not liquidation:
        return None
    return liquidation * (1 + (margin_bps / BPS).copy_sign(held))


def placed_life(place: Place, book: str, sym: str, at_ms: int, validity_ms: int, carried_by: str = "") -> StopLife:
    """Returns the stop that is about to be sent."""
    return StopLife(
        stop_id=stop_id(book, place.opened_by, place.kind, place.revision), book=book, sym=sym,
        opened_by=place.opened_by, kind=place.kind, revision=place.revision, held_qty=place.held_qty,
        price=place.wanted.price, trail_bps=place.wanted.trail_bps, whole=place.whole, phase=StopPhase.SENT,
        at_ms=at_ms, valid_until_ms=at_ms + validity_ms, carried_by=carried_by, heard_ms=at_ms,
    )  # fmt: skip


def request_of(life: StopLife) -> StopRequest:
    """Returns the request that places a stop."""
    return StopRequest(
        life.sym, life.stop_id, life.kind, life.held_qty, life.price, life.trail_bps, life.whole, life.at_ms,
        life.valid_until_ms - life.at_ms,
    )  # fmt: skip


def fired_row(life: StopLife, held: Decimal, opener: OrderRow | None, since_ms: int, now_ms: int) -> OrderRow:
    """Returns the row of the order that a stop has become.

    - held: the position; one that is sized by it asks for all of that, unless it was turned meanwhile.
    - since_ms: its trades are not older, by the venue's clock. now_ms: the wall clock.
    """
    qty = -held if life.whole and held * life.held_qty > 0 else -life.held_qty
    return _row(life, life.fired_name, qty, opener, now_ms)._replace(
        state=OrderPhase.TRIGGERED, signed_qty=qty, at_ms=since_ms, valid_until_ms=since_ms, became=life.order_id,
        reason=FIRED[life.kind], stop_id=life.stop_id,
    )  # fmt: skip


def closing_row(life: StopLife, held: Decimal, opener: OrderRow | None, reason: Reason, now_ms: int) -> OrderRow:
    """Returns the row of the order that closes at market what a stop has not; it is not sent yet."""
    name = blake2b(f"close {life.stop_id} {now_ms}".encode(), digest_size=16).hexdigest()
    valid_until_ns = (now_ms + CLOSE_VALID_MS) * NS_PER_MS
    return _row(life, name, -held, opener, now_ms)._replace(reason=reason, valid_until_ns=valid_until_ns)


def of_protector(row: OrderRow) -> bool:
    """Says whether nobody but the gateway has decided on an order: what the strategy decides has another content."""
    return row.leg is Leg.STOP and row.content == row.client_order_id


def _row(life: StopLife, name: str, qty: Decimal, opener: OrderRow | None, now_ms: int) -> OrderRow:
    trace = opener.tr if opener is not None else f"stop:{life.sym}:{life.stop_id}"
    return OrderRow(
        client_order_id=name, book=life.book, sym=life.sym, tick_n=0, tr=trace, ts_event=now_ms * NS_PER_MS,
        leg=Leg.STOP, intended_qty=qty, reduce_only=True, price=life.price, valid_until_ns=0, after="", content=name,
        order_n=0, state=OrderPhase.INTENT, signed_qty=_ZERO, at_ms=0, valid_until_ms=0, venue_order_id="",
        filled_qty=_ZERO, paid=_ZERO, commission=_ZERO, reason=None, epoch=life.epoch, updated_ms=now_ms,
    )  # fmt: skip
