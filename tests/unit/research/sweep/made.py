"""A market that reverts, as a file of hourly prices, and the settings of a sweep over it."""

from decimal import Decimal
from pathlib import Path

from services.research.sweep import Trading
from services.research.sweep.data import PriceSeries, Span
from services.research.sweep.fold import Task
from services.research.train import FitSpec
from shared.config import Settings, load_settings
from shared.history import bars
from tests.unit.research.train.market import prices_of, reverting_returns, write_prices

SYM = "BTCUSDT"
PRICES = prices_of(reverting_returns(300))
WAYS = (
    Trading("compounding", Decimal(1), 0.0, False),
    Trading("constant", Decimal(2), 0.001, True),
)


def settings_of(path: Path, fee: str = "0.0003") -> Settings:
    settings: Settings = load_settings(
        interval="1h",
        symbols=(SYM,),
        run_id="sweep",
        gateway={"fee": fee},
        ingestor={"source": "replay", "files": {SYM: path}},
        strategy={"balance": Decimal(100)},
    )
    return settings


def written(folder: Path, prices: list[Decimal] = PRICES) -> Path:
    return write_prices(folder / "bars.csv", prices)


def task_of(path: Path, first: int = 200, last: int = 250, ways: tuple[Trading, ...] = WAYS) -> Task:
    """Traded on the bars first to last - 1 of the file; two lags."""
    prices = PriceSeries.of("1h", bars(path, "1h"))
    span = Span(*prices.ts[[first, last]].tolist())
    return Task("one", settings_of(path), prices, 2, span, FitSpec(), ways)
