"""A spot account through the real command: coins that are bought are no loss, and they stand behind the positions."""

import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from shared.journal.rows import OrderRow
from shared.messages.reasons import OrderPhase, Reason
from tests.e2e.account import ask, at_terminal, with_journal
from tests.e2e.command import RUN_S, Tickline, wait_for
from tests.e2e.fake_session import FLIP

CONFIG = """
symbols = ["BTCUSDT"]
interval = "1s"
[signal]
model = "none"
[ingestor]
source = "fake"
[strategy]
name = "flip.py:Flip"
balance = 1000
order_valid_s = 5
prediction_stale_s = 5
[gateway]
mode = "testnet"
venue = "fake"
exchange = "binance"
reconcile_s = 1
account = "spot2"
markets = {BTCUSDT = "BTC/USDT"}
[gateway.risk]
max_order_notional = 2500
max_position_notional = 1250
orders_per_minute = 300
daily_loss = 5000
max_tick_age_s = 10
max_prediction_age_s = 10
"""
CASH = Decimal(1100)  # with the default max_drawdown of 10 % the first buy's cash alone would be past it
ARM = ("arm", "--account", "spot2", "--max-notional", "2500", "--for", "1h")

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


@pytest.fixture
def url() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "services", "simulator", "--venue", "binance-spot", "--port", "0", "--simulated", "1s",
         "--cash", str(CASH)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    yield process.stdout.readline().split()[-1]
    process.terminate()
    process.communicate(timeout=RUN_S)


def orders(folder: Path) -> list[OrderRow]:
    if not (folder / "journal-spot2.db").exists():
        return []
    return with_journal(folder, "spot2", lambda journal: journal.orders(open_only=False))


def test_the_first_buy_latches_nothing_and_refuses_no_other(tickline: Tickline, url: str) -> None:
    folder = tickline.folder
    config = folder / "tickline.toml"
    (folder / "flip.py").write_text(FLIP)
    config.write_text(CONFIG.replace('account = "spot2"', f'account = "spot2"\nfake_url = "{url}"'))
    environment = tickline.environment() | {"TICKLINE_CONFIG": str(config)}
    armed = at_terminal(folder, environment, *ARM, typed="spot2")
    assert armed.code == 0, armed.shown
    assert f"equity {CASH}; 1 book of 1000" in armed.shown
    running = tickline.start("run", "--limit", "300")
    wait_for(
        lambda: (
            sum(row.state is OrderPhase.FILLED for row in orders(folder)) >= 4 or running.process.poll() is not None
        ),
        "coins are bought and sold",
        every_s=0.5,
    )
    running.interrupt(whole_group=True)
    running.done()
    cash = ask(url, "book")["cash"]
    assert Decimal(cash["BTC"]) >= 0 and Decimal(cash["USDT"]) != CASH
    reasons = {row.reason for row in orders(folder)}
    assert not reasons & {Reason.LEVERAGE, Reason.DRAWDOWN, Reason.DAILY_LOSS}
    assert with_journal(folder, "spot2", lambda journal: journal.latches()) == {}
