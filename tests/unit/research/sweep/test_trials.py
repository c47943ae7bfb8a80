"""The grid."""

from decimal import Decimal
from pathlib import Path

from services.research.sweep import SweepSpec, Trading, trials
from shared.strategies import BasicTaker, Threshold, make_decider
from tests.unit.research.sweep.made import settings_of


def test_every_combination_is_there_once() -> None:
    spec = SweepSpec(
        lags=(1, 3), intervals=("1h", "2h"), sizings=("compounding", "constant"), leverages=(Decimal(1), Decimal(3)),
        thresholds=(0.0, 0.1, 0.2),
    )  # fmt: skip
    found = trials(spec)
    assert len(found) == len(set(found)) == 2 * 2 * 2 * 2 * 3


def test_a_trading_is_a_strategy() -> None:
    base = settings_of(Path("f"))
    for trading, expected in (
        (Trading("constant", Decimal("1.5"), 0.0, False), BasicTaker(sizing="constant", leverage=Decimal("1.5"))),
        (Trading("compounding", Decimal(1), 0.1, True), Threshold(threshold=0.1, netting=True)),
    ):
        own = trading.settings(base).strategy
        assert make_decider(own.name, own.params) == expected
        assert own.balance == base.strategy.balance
