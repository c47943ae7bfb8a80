"""What the risk check is told at one moment, and what is made of the equity that is observed."""

from decimal import Decimal
from typing import cast

import pytest

from services.gateway.risk import RiskRules
from services.gateway.risk.check import Pass, ProposedOrder, Verdict
from services.gateway.risk.context import RiskContext
from services.gateway.risk.limits import RiskCheck
from shared.config import Mode
from shared.config.risk import RiskSettings
from shared.control.books import Books
from shared.journal.rows import LatchRow
from shared.messages.reasons import Reason
from tests.journal_rows import order

BTC, ETH = "BTCUSDT", "ETHUSDT"


class Heard:
    """A check that lets all pass, and keeps what it was asked."""

    def on_tick(self, asked: ProposedOrder) -> Verdict:
        self.asked = asked
        return Pass(asked.signed_qty, asked.reduce_only, None, ())


@pytest.mark.parametrize("reason", [Reason.MARKET_CLOSED, Reason.ACCOUNT_MODES])
def test_what_stops_one_symbol_stops_no_other(reason: Reason) -> None:
    heard = Heard()
    risk = RiskContext(cast(RiskCheck, heard), Books([BTC, ETH], Decimal(100)), {}, 60.0)
    risk.stopped[ETH, reason] = "why"
    risk.judge(order(sym=BTC))
    assert heard.asked.context.blocked == ()
    risk.blocked = (Reason.CLOCK_SKEW,)
    risk.judge(order(sym=ETH))
    assert heard.asked.context.blocked == (Reason.CLOCK_SKEW, reason)


def test_one_observation_past_a_limit_is_doubted_and_two_in_a_row_latch() -> None:
    """A balance that was read around a fill is no loss."""
    rules = RiskRules(Mode.LIVE, RiskSettings(daily_loss=Decimal(100)), frozenset({"BTCUSDT"}), "hash")
    made = RiskContext(RiskCheck(rules), Books(["BTCUSDT"], Decimal(1_000)), {}, 90.0)

    def seen(equity: int) -> tuple[list[str], bool]:
        changes = made.see_equity(Decimal(equity))
        return [row.name for row in changes if isinstance(row, LatchRow)], made.doubtful

    assert [seen(equity) for equity in (1_000, 500, 1_000, 500)] == [([], False), ([], True)] * 2
    assert seen(500) == (["DAILY_LOSS", "DRAWDOWN"], False)
