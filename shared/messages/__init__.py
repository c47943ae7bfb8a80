"""Messages go over the wire; the codec writes and reads them."""

from shared.messages.base import Message, Stream
from shared.messages.codec import DecodeError, decode, encode
from shared.messages.decisions import Decision
from shared.messages.market import Gap, MarketTick
from shared.messages.monitor import DriftReading, LateBars, RangeReading
from shared.messages.orders import ExecutionReport, OrderIntent
from shared.messages.reasons import (
    GapCause,
    Leg,
    OrderPhase,
    OrderStatus,
    OrderType,
    Origin,
    Reason,
    StopKind,
    TimeInForce,
)
from shared.messages.signals import Features, Prediction, Tensor

__all__ = [
    "Decision",
    "DecodeError",
    "DriftReading",
    "ExecutionReport",
    "Features",
    "Gap",
    "GapCause",
    "LateBars",
    "Leg",
    "MarketTick",
    "Message",
    "OrderIntent",
    "OrderPhase",
    "OrderStatus",
    "OrderType",
    "Origin",
    "Prediction",
    "RangeReading",
    "Reason",
    "StopKind",
    "Stream",
    "Tensor",
    "TimeInForce",
    "decode",
    "encode",
]
