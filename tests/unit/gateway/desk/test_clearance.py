"""What the desk makes of the equity that it observes."""

from decimal import Decimal

from services.gateway.desk.books import Books
from services.gateway.desk.clearance import Clearance
from services.gateway.risk import Risk, Rules
from shared.config import Mode
from shared.config.risk import RiskSettings
from shared.journal.rows import LatchRow


def test_one_observation_past_a_limit_is_doubted_and_two_in_a_row_latch() -> None:
    """A balance that was read around a fill is no loss."""
    rules = Rules(Mode.LIVE, RiskSettings(daily_loss=Decimal(100)), frozenset({"BTCUSDT"}), "hash")
    made = Clearance(Risk(rules), Books(["BTCUSDT"], Decimal(1_000)), lambda sym: (), 90.0)

    def seen(equity: int) -> tuple[list[str], bool]:
        changes = made.see_equity(Decimal(equity))
        return [row.name for row in changes if isinstance(row, LatchRow)], made.doubtful

    assert [seen(equity) for equity in (1_000, 500, 1_000, 500)] == [([], False), ([], True)] * 2
    assert seen(500) == (["DAILY_LOSS", "DRAWDOWN"], False)
