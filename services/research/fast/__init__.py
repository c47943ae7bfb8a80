"""The fast engine trades arrays as the line would, and the exact one beside it says whether it did."""

from services.research.fast.engine import WHY, FastRun, Fills, Floats, OnlyExact, Terms, compile_kernel, trade
from services.research.fast.gate import EnginesDiffer, ExactRun, require_same
from services.research.fast.predictions import Asked, predictions

__all__ = [
    "WHY", "Asked", "EnginesDiffer", "ExactRun", "FastRun", "Fills", "Floats", "OnlyExact", "Terms", "compile_kernel",
    "predictions", "require_same", "trade",
]  # fmt: skip
