"""The fast engine trades arrays as the line would, and the exact one beside it says whether it did."""

from services.research.fast.engine import (
    BarColumns,
    FastRun,
    Fills,
    Floats,
    compile_kernel,
    trade,
)
from services.research.fast.gate import EnginesDiffer, ExactRun, require_same
from services.research.fast.predictions import Asked, predict_all
from services.research.fast.terms import WHY, OnlyExact, Terms

__all__ = [
    "WHY", "Asked", "BarColumns", "EnginesDiffer", "ExactRun", "FastRun", "Fills", "Floats", "OnlyExact", "Terms",
    "compile_kernel", "predict_all", "require_same", "trade",
]  # fmt: skip
