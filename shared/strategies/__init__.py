"""A strategy turns a prediction into orders. Nothing here needs torch."""

from shared.strategies.basic_taker import BasicTaker, BasicTakerStrat
from shared.strategies.decider import Decider, Forecast, Signal
from shared.strategies.registry import make_decider
from shared.strategies.strategy import Strategy
from shared.strategies.threshold import Threshold

__all__ = ["BasicTaker", "BasicTakerStrat", "Decider", "Forecast", "Signal", "Strategy", "Threshold", "make_decider"]
