"""A strategy turns a prediction into orders. Nothing here needs torch."""

from shared.strategies.basic_taker import BasicTaker, BasicTakerStrat
from shared.strategies.decider import AnyPrediction, BarePrediction, Decider
from shared.strategies.registry import make_decider
from shared.strategies.strategy import Strategy
from shared.strategies.threshold import Threshold

__all__ = [
    "AnyPrediction",
    "BarePrediction",
    "BasicTaker",
    "BasicTakerStrat",
    "Decider",
    "Strategy",
    "Threshold",
    "make_decider",
]
