"""A market that reverts, as a file of hourly prices, and the settings of a sweep over it."""

from decimal import Decimal
from pathlib import Path

from services.research.sweep import Learner, Trading
from services.research.sweep.data import BarSeries, Span
from services.research.sweep.fold import Task
from services.research.sweep.traded import Traded, block_edges
from services.research.train import FitSpec
from shared.config import Settings, load_settings
from shared.history import bars
from shared.user_code.bundle import Bundle
from tests.unit.research.train.market import prices_of, reverting_returns, write_prices

SYM = "BTCUSDT"
PRICES = prices_of(reverting_returns(300))
WAYS = (
    Trading((("threshold", 0.0),)),
    Trading((("sizing", "constant"), ("leverage", 2), ("threshold", 0.001), ("strategy.netting", True))),
)


def settings_of(path: Path, fee: str = "0.0003") -> Settings:
    settings: Settings = load_settings(
        interval="1h",
        symbols=(SYM,),
        run_id="sweep",
        gateway={"fee": fee},
        ingestor={"source": "replay", "files": {SYM: path}},
        strategy={"balance": Decimal(100), "name": "threshold", "params": {"threshold": 0.0}},
    )
    return settings


def written(folder: Path, prices: list[Decimal] = PRICES) -> Path:
    return write_prices(folder / "bars.csv", prices)


def task_of(path: Path, first: int = 200, last: int = 250, ways: tuple[Trading, ...] = WAYS) -> Task:
    """Traded on the bars first to last - 1 of the file; two lags."""
    series = BarSeries.of("1h", bars(path, "1h"))
    span = Span(*series.ts[[first, last]].tolist())
    learner = Learner(("log_return_lags(2)",), FitSpec(), 1, (("lags", 2),))
    edges = block_edges([series.ts], *span)
    return Task("one", settings_of(path), series, span, learner, ways, frozenset(), Bundle.of([]), edges)


def bits(found: list[Traded]) -> list[object]:
    """Returns all that the tradings gave, so that one bit more or less shows."""
    return [
        (vars(each.moments), each.growth, each.fills, each.ruined, each.blocks.tobytes(), each.exact) for each in found
    ]
