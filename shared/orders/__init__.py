"""Pure functions say how an order's state changes and whether account and books agree: no I/O, no clock."""

from shared.orders.answers import (
    Absent,
    Ambiguous,
    Answer,
    FundingPayment,
    OrderStatusReport,
    Refused,
    VenueFill,
    VenueOrder,
    VenuePosition,
    VenueQuote,
)
from shared.orders.fees import Fees, distinct, fees_of, third_currencies
from shared.orders.outcome import OrderOutcome, outcome
from shared.orders.reconcile import (
    Difference,
    DifferenceKind,
    OwnOrder,
    OwnView,
    Reconciliation,
    VenueView,
    persistent,
    reconcile,
)
from shared.orders.state import Event, Expire, Note, NoteKind, OrderRequest, OrderState, Resolve, Send, Step
from shared.orders.transitions import on_event

__all__ = [
    "Absent",
    "Ambiguous",
    "Answer",
    "Difference",
    "DifferenceKind",
    "Event",
    "Expire",
    "Fees",
    "FundingPayment",
    "Note",
    "NoteKind",
    "OrderOutcome",
    "OrderRequest",
    "OrderState",
    "OrderStatusReport",
    "OwnOrder",
    "OwnView",
    "Reconciliation",
    "Refused",
    "Resolve",
    "Send",
    "Step",
    "VenueFill",
    "VenueOrder",
    "VenuePosition",
    "VenueQuote",
    "VenueView",
    "distinct",
    "fees_of",
    "on_event",
    "outcome",
    "persistent",
    "reconcile",
    "third_currencies",
]
