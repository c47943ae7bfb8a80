"""Tickline's face: all that notebooks and a user's own code import. It holds nothing of its own.

Each name is loaded when somebody asks for it, so that `import tickline` loads neither torch nor polars.

>>> import tickline
>>> tickline.DequeWindow(3)
DequeWindow(capacity=3, values=[])
"""

from tickline.own_packages import TYPE_CHECKING, put_first

put_first()  # before anything of ours or of the standard library is imported

if TYPE_CHECKING:  # for editors and mypy; the table below is what runs
    from services.research.notebook import BacktestResult as BacktestResult
    from services.research.notebook import backtest as backtest
    from shared.account import Account as Account
    from shared.account import Fill as Fill
    from shared.account import Order as Order
    from shared.account import Position as Position
    from shared.account import RoundTrip as RoundTrip
    from shared.bar import Bar as Bar
    from shared.errors import ConfigError as ConfigError
    from shared.errors import DataError as DataError
    from shared.errors import TicklineError as TicklineError
    from shared.features.atr import Atr as Atr
    from shared.features.bollinger import Bollinger as Bollinger
    from shared.features.contract import check_feature as check_feature
    from shared.features.ema import Ema as Ema
    from shared.features.feature import AnyFeature as AnyFeature
    from shared.features.feature import BarFeature as BarFeature
    from shared.features.feature import Feature as Feature
    from shared.features.funding import Funding as Funding
    from shared.features.log_return import LogReturn as LogReturn
    from shared.features.log_return_lags import LogReturnLags as LogReturnLags
    from shared.features.realised_volatility import RealisedVolatility as RealisedVolatility
    from shared.features.registry import make_feature as make_feature
    from shared.features.rolling_mean import RollingMean as RollingMean
    from shared.features.rolling_std import RollingStd as RollingStd
    from shared.features.rsi import Rsi as Rsi
    from shared.features.spread import Spread as Spread
    from shared.features.taker_imbalance import TakerImbalance as TakerImbalance
    from shared.features.time_of_day import TimeOfDay as TimeOfDay
    from shared.features.time_of_week import TimeOfWeek as TimeOfWeek
    from shared.features.vector import FeatureVector as FeatureVector
    from shared.features.volume_z import VolumeZ as VolumeZ
    from shared.features.z_score import ZScore as ZScore
    from shared.history import bars as bars
    from shared.history import infer_interval as infer_interval
    from shared.messages import ExecutionReport as ExecutionReport
    from shared.messages import Gap as Gap
    from shared.messages import Leg as Leg
    from shared.messages import Reason as Reason
    from shared.messages.market import Group as Group
    from shared.models import ModelRefused as ModelRefused
    from shared.models.dataset import Dataset as Dataset
    from shared.models.dataset import dataset as dataset
    from shared.models.linear_model import LinearModel as LinearModel
    from shared.models.load_model import LoadedModel as LoadedModel
    from shared.models.load_model import load_model as load_model
    from shared.models.model import Model as Model
    from shared.models.model import Predict as Predict
    from shared.models.non_linear_model import NonLinearModel as NonLinearModel
    from shared.models.save_model import save_model as save_model
    from shared.strategies import AnyPrediction as AnyPrediction
    from shared.strategies import AnyStrategy as AnyStrategy
    from shared.strategies import BarePrediction as BarePrediction
    from shared.strategies import BasicTaker as BasicTaker
    from shared.strategies import BasicTakerStrat as BasicTakerStrat
    from shared.strategies import CoolDown as CoolDown
    from shared.strategies import Decider as Decider
    from shared.strategies import Exit as Exit
    from shared.strategies import Made as Made
    from shared.strategies import MovingAverageCross as MovingAverageCross
    from shared.strategies import Prediction as Prediction
    from shared.strategies import StatefulStrategy as StatefulStrategy
    from shared.strategies import Strategy as Strategy
    from shared.strategies import TakeProfit as TakeProfit
    from shared.strategies import Threshold as Threshold
    from shared.strategies import TrailingStop as TrailingStop
    from shared.strategies import Wrapper as Wrapper
    from shared.tick import Pipe as Pipe
    from shared.tick import Tick as Tick
    from shared.windows import DequeWindow as DequeWindow
    from shared.windows import Last as Last
    from shared.windows import NumpyWindow as NumpyWindow
    from shared.windows.tensor_window import TensorWindow as TensorWindow

# module -> what it has for a user's code
_NAMES = {
    "services.research.notebook": "BacktestResult backtest",
    "shared.account": "Account Fill Order Position RoundTrip",
    "shared.bar": "Bar",
    "shared.errors": "ConfigError DataError TicklineError",
    "shared.features.atr": "Atr",
    "shared.features.bollinger": "Bollinger",
    "shared.features.contract": "check_feature",
    "shared.features.ema": "Ema",
    "shared.features.feature": "AnyFeature BarFeature Feature",
    "shared.features.funding": "Funding",
    "shared.features.log_return": "LogReturn",
    "shared.features.log_return_lags": "LogReturnLags",
    "shared.features.realised_volatility": "RealisedVolatility",
    "shared.features.registry": "make_feature",
    "shared.features.rolling_mean": "RollingMean",
    "shared.features.rolling_std": "RollingStd",
    "shared.features.rsi": "Rsi",
    "shared.features.spread": "Spread",
    "shared.features.taker_imbalance": "TakerImbalance",
    "shared.features.time_of_day": "TimeOfDay",
    "shared.features.time_of_week": "TimeOfWeek",
    "shared.features.vector": "FeatureVector",
    "shared.features.volume_z": "VolumeZ",
    "shared.features.z_score": "ZScore",
    "shared.history": "bars infer_interval",
    "shared.messages": "ExecutionReport Gap Leg Reason",
    "shared.messages.market": "Group",
    "shared.models": "ModelRefused",
    "shared.models.dataset": "Dataset dataset",
    "shared.models.linear_model": "LinearModel",
    "shared.models.load_model": "LoadedModel load_model",
    "shared.models.model": "Model Predict",
    "shared.models.non_linear_model": "NonLinearModel",
    "shared.models.save_model": "save_model",
    "shared.strategies": (
        "AnyPrediction AnyStrategy BarePrediction BasicTaker BasicTakerStrat CoolDown Decider Exit Made "
        "MovingAverageCross Prediction StatefulStrategy Strategy TakeProfit Threshold TrailingStop Wrapper"
    ),
    "shared.tick": "Pipe Tick",
    "shared.windows": "DequeWindow Last NumpyWindow",
    "shared.windows.tensor_window": "TensorWindow",
}
_WHERE = {name: module for module, names in _NAMES.items() for name in names.split()}
__all__ = list(_WHERE)


if not TYPE_CHECKING:  # or editors and mypy would take any name for one of ours

    def __getattr__(name: str) -> object:
        """Returns one of `__all__`, and keeps it at hand."""
        if name not in _WHERE:
            raise AttributeError(f"tickline has no {name!r:.60}; dir(tickline) has all names")
        from importlib import import_module

        found = globals()[name] = getattr(import_module(_WHERE[name]), name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
