"""What the first run comes to: the shipped model on the simulated market, with the defaults, after fees."""

import statistics
from decimal import Decimal

import pytest

from services.research.in_process_line import InProcessLine, line_plans
from shared.config import Settings, load_settings
from shared.messages import Stream

MINUTES = 5
SEEDS = range(1, 21)
SYMBOLS = 3  # of the eight: enough to see it, and eight take ten seconds


def profit(settings: Settings, ticks: int) -> Decimal:
    """Of all books together, after so many ticks of each symbol."""
    plans, equity = line_plans(settings), Decimal(0)
    for sym in settings.symbols:
        line = InProcessLine(plans, sym, muted=(Stream.FEATURES, Stream.DECISIONS))
        for quote in plans.source.open(sym, 0).take(ticks):
            line.on_tick(quote)
        equity += line.strategy.equity()
    return equity - settings.strategy.balance * len(settings.symbols)


@pytest.mark.long
def test_the_first_run_earns_in_the_median_of_many_seeds() -> None:
    """Within 5 minutes at the default pace. By a few per cent to some ten, not by magic."""
    defaults = load_settings()
    defaults = defaults.model_copy(update={"symbols": defaults.symbols[:SYMBOLS]})
    ticks = round(defaults.ingestor.ticks_per_s * 60 * MINUTES)
    profits = []
    for seed in SEEDS:
        market = defaults.ingestor.model_copy(update={"seed": seed, "ticks_per_s": 0.0})
        profits.append(profit(defaults.model_copy(update={"ingestor": market}), ticks))
    start = defaults.strategy.balance * len(defaults.symbols)
    assert Decimal("0.02") * start < statistics.median(profits) < Decimal("0.5") * start
    assert min(profits) > Decimal("-0.10") * start
