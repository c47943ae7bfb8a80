"""The journal's rows: each class is one kind, its fields are the columns of a table, behind the account.

A row that is written replaces the one with the same key, where it may. A new column is a field with a default and a
step in migrations/.

Money and quantities are exact Decimals in base or quote units, quantities signed (+ buys). `_ms` is the venue's or the
wall clock, `_ns` a `ts_event`. An account's rows never meet another account's. A stop's row is its StopLife.
"""

from decimal import Decimal
from typing import NamedTuple, TypeAlias

from shared.messages.reasons import Leg, OrderPhase, OrderType, Reason, TimeInForce
from shared.orders.stop_life import StopLife


class OrderRow(NamedTuple):
    """An order's row has its whole life: the intent as it was read, the request as it was sent, and its fills.

    Key: client_order_id. The intent (book to content) is written once and for all; the rest changes until `state` is
    terminal, and then nothing does.

    - content: sha256 (hex) of all in the intent that decides.
    - after: the order that must be FILLED before this one is sent, empty for none.
    - at_ms, valid_until_ms: the request's timestamp and end of validity, 0 before it is sent.
    - paid: Σ |qty| · price in quote units.
    - by: who decided on it, as the intent has it; empty where a version before 0004 read it.
    - type, limit_price, time_in_force, trigger_price: as the intent has them; a version before 0005 knew market orders.
    - sent_price: the limit price as it was sent, in the venue's ticks; None before, and of a market order.
    - canceled_ms: when the venue took a cancel of it, 0 if it has not.
    - became: the venue's id of the order that it became when it was triggered; empty if it was not.
    - stop_id: of the stop that has become this order; empty for every other.
    """

    client_order_id: str
    book: str
    sym: str
    tick_n: int
    tr: str
    ts_event: int
    leg: Leg
    intended_qty: Decimal
    reduce_only: bool
    price: Decimal
    valid_until_ns: int
    after: str
    content: str
    order_n: int
    state: OrderPhase
    signed_qty: Decimal
    at_ms: int
    valid_until_ms: int
    venue_order_id: str
    filled_qty: Decimal
    paid: Decimal
    commission: Decimal
    reason: Reason | None
    epoch: int
    updated_ms: int
    by: str = ""
    type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    trigger_price: Decimal | None = None
    sent_price: Decimal | None = None
    canceled_ms: int = 0
    became: str = ""
    stop_id: str = ""


class FillRow(NamedTuple):
    """A fill is one trade at the venue. Key: sym, trade_id and venue_order_id; written twice it must be the same.

    - client_order_id: empty where the venue does not name it; it may be added later.
    - fee: in fee_currency, positive when paid.
    - extra_fees: those in other currencies, e.g. taxes, as shared/orders/fees.py writes them; None where an earlier
      version has not kept them.
    """

    sym: str
    trade_id: str
    venue_order_id: str
    client_order_id: str
    signed_qty: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    at_ms: int
    extra_fees: str | None = None


class ExecutionRow(NamedTuple):
    """An execution is an order's one terminal report. Key: book and seq, which counts from 1 without a hole.

    - report: the ExecutionReport by name, with its wire (`keep`); its n is seq.
    """

    book: str
    seq: int
    client_order_id: str
    report: bytes
    at_ms: int


class LimitRow(NamedTuple):
    """A risk limit remembers a state, e.g. the day's loss. Key: name.

    - value: the state by name, with its wire (`keep`).
    """

    name: str
    value: bytes


class LatchRow(NamedTuple):
    """A latch is a stop that stays until a person drops it: the halt, the day's loss limit ... Key: name."""

    name: str
    reason: str
    by: str
    at_ms: int


class ArmingRow(NamedTuple):
    """An arming is a person's word that the account may trade, until when and how much. One per account.

    - by: the person.
    - decided_by: the `by` of the orders that it is for; empty in one of a version before 0004, which is for none.
    """

    max_notional: Decimal
    armed_at_ms: int
    expires_at_ms: int
    config_hash: str
    by: str
    decided_by: str = ""


class EventRow(NamedTuple):
    """An event is something a person may look up later: who did what, what was seen. Only added, never changed."""

    kind: str
    sym: str
    client_order_id: str
    text: str
    at_ms: int


class ExternalRow(NamedTuple):
    """An external row is a difference between venue and journal that is not ours. Key: kind, sym, key.

    - adopted_by: who adopted it, empty until then.
    - expected, found: what journal and venue say.
    - price, fees (`0.1 USDT, 0.002 BNB`): of a trade; None where there is none, or the version that wrote the row
      did not keep it.
    """

    kind: str
    sym: str
    key: str
    text: str
    at_ms: int
    adopted_by: str
    expected: str | None = None
    found: str | None = None
    price: Decimal | None = None
    fees: str | None = None


class FundingRow(NamedTuple):
    """A funding payment is in quote units, positive when received. Key: sym and payment_id; as a fill."""

    sym: str
    payment_id: str
    amount: Decimal
    at_ms: int


class NakedRow(NamedTuple):
    """A position that should have a stop had none for a time. Key: book and from_ms. Times: the venue's clock.

    - until_ms: when it had one, or was closed; 0: it has none yet.
    - opened_by: the order that opened the position.
    - why: in words.
    """

    book: str
    from_ms: int
    until_ms: int
    opened_by: str
    why: str


class RequestRow(NamedTuple):
    """A request is what a person at the page wants of the gateway that has the account. Key: request_id.

    - kind: CANCEL_ALL or FLATTEN, see shared/control/requests.py.
    - until_ms: nobody begins it later.
    - taken_ms: when a gateway began it; done_ms: when that was over; 0 until then.
    - well: whether all of it was done. answer: what was done, in words.
    """

    request_id: str
    kind: str
    by: str
    at_ms: int
    until_ms: int
    taken_ms: int = 0
    done_ms: int = 0
    well: bool = False
    answer: str = ""


class DropLatch(NamedTuple):
    """Take a latch away; no error where there is none."""

    name: str


class DropArming(NamedTuple):
    """End the arming; no error where there is none."""


class DropExternal(NamedTuple):
    """Take a difference away that is no more; no error where there is none."""

    kind: str
    sym: str
    key: str


class SetBusId(NamedTuple):
    """Name the bus that the account belongs to, by its random id."""

    bus_id: str


class EpochRow(NamedTuple):
    """The holder of the newest epoch may write; 0 and nobody before the first."""

    epoch: int
    owner: str
    raised_ms: int


# What a person may change from another process, without being the gateway: no order, fill, execution or limit.
PersonChange: TypeAlias = LatchRow | DropLatch | ArmingRow | DropArming | EventRow | ExternalRow | SetBusId | RequestRow
Change: TypeAlias = (
    OrderRow | StopLife | NakedRow | FillRow | ExecutionRow | LimitRow | FundingRow | DropExternal | PersonChange
)
