"""A strategy turns market data and predictions into orders. Nothing here needs torch."""

from shared.strategies.basic_taker import BasicTaker, BasicTakerStrat
from shared.strategies.cool_down import CoolDown
from shared.strategies.decider import AnyPrediction, BarePrediction, Decider, Prediction
from shared.strategies.exit import Exit
from shared.strategies.moving_average_cross import MovingAverageCross
from shared.strategies.registry import AnyStrategy, make_strategy
from shared.strategies.stateful import Made, StatefulStrategy
from shared.strategies.strategy import Strategy
from shared.strategies.take_profit import TakeProfit
from shared.strategies.threshold import Threshold
from shared.strategies.trailing_stop import TrailingStop
from shared.strategies.wrapper import Wrapper

__all__ = [
    "AnyPrediction",
    "AnyStrategy",
    "BarePrediction",
    "BasicTaker",
    "BasicTakerStrat",
    "CoolDown",
    "Decider",
    "Exit",
    "Made",
    "MovingAverageCross",
    "Prediction",
    "StatefulStrategy",
    "Strategy",
    "TakeProfit",
    "Threshold",
    "TrailingStop",
    "Wrapper",
    "make_strategy",
]
