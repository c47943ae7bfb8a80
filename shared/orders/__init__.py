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
from shared.orders.request import OrderRequest

__all__ = [
    "Absent",
    "Ambiguous",
    "Answer",
    "FundingPayment",
    "OrderRequest",
    "Refused",
    "Snapshot",
    "VenueFill",
    "VenueOrder",
    "VenuePosition",
    "VenueQuote",
]
