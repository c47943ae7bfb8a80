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
from shared.orders.events import Event, Expire, Resolve, Send
from shared.orders.life import Life, Note, NoteKind, Step, on_event
from shared.orders.request import OrderRequest

__all__ = [
    "Absent",
    "Ambiguous",
    "Answer",
    "Event",
    "Expire",
    "FundingPayment",
    "Life",
    "Note",
    "NoteKind",
    "OrderRequest",
    "Refused",
    "Resolve",
    "Send",
    "Snapshot",
    "Step",
    "VenueFill",
    "VenueOrder",
    "VenuePosition",
    "VenueQuote",
    "on_event",
]
