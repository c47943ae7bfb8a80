"""An order's life and the account's reconciliation, as pure functions: no I/O, no clock."""

from shared.orders.answers import (
    Absent,
    Ambiguous,
    Answer,
    FundingPayment,
    Refused,
    Snapshot,
    VenueFill,
    VenueOrder,
    VenuePosition,
    VenueQuote,
)
from shared.orders.difference import Difference, DifferenceKind, persistent
from shared.orders.fees import Fees, distinct, fees_of, third_currencies
from shared.orders.life import Note, NoteKind, Step, on_event
from shared.orders.outcome import Outcome, outcome
from shared.orders.reconcile import OwnOrder, OwnView, Reconciliation, VenueView, reconcile
from shared.orders.state import Event, Expire, OrderRequest, OrderState, Resolve, Send

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
    "OrderRequest",
    "OrderState",
    "Outcome",
    "OwnOrder",
    "OwnView",
    "Reconciliation",
    "Refused",
    "Resolve",
    "Send",
    "Snapshot",
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
