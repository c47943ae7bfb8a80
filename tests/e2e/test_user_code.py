"""A strategy that raises: its author is told file, line and symbol, and the summary is there all the same."""

import json
import runpy
from pathlib import Path

import pytest

from shared.strategies.registry import STRATEGIES
from tests.e2e.command import Command, Tickline
from tests.e2e.conftest import write_bars
from tests.e2e.test_errors import refused

MINE = """\
from decimal import Decimal
from shared.account import Order
from shared.strategies.decider import Decider

class Mine(Decider):
    wrong: str = "divide"
    def decide(self, prediction, account):
        if self.wrong == "divide":
            return [Order(prediction.sym, Decimal(1) / 0)]
        if self.wrong == "float":
            return [Order(prediction.sym, 0.5)]
        return None
"""
REGISTERED = "import mine\nfrom shared.strategies.registry import STRATEGIES\nSTRATEGIES['mine'] = mine.Mine\n"
pytestmark = pytest.mark.timeout(150)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("divide", "BTCUSDT: DivisionByZero: "),
        ("float", 'BTCUSDT: TypeError: an order\'s signed_qty is a Decimal, not float 0.5: write Decimal("0.5")'),
        ("none", "BTCUSDT: WrongDecision: it returned None: return a list of Order for BTCUSDT, or a Reason"),
    ],
)
def test_a_backtest_ends_with_one_line(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str, said: str
) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.setitem(STRATEGIES, "mine", runpy.run_path(str(tmp_path / "mine.py"))["Mine"])
    file = write_bars(tmp_path / "bars.csv", 40)
    done = command("backtest", "--data", file, "--sym", "BTCUSDT", "--strategy", "mine", "--param", f"wrong={wrong}")
    refused(done, 7, said)
    line = {"divide": 9, "float": 11, "none": 7}[wrong]
    assert f"{tmp_path}/mine.py:{line}, in decide" in done.err


def test_a_run_says_it_and_writes_its_summary(tickline: Tickline, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tickline.folder / "mine"
    mine.mkdir()
    (mine / "mine.py").write_text(MINE)
    (mine / "sitecustomize.py").write_text(REGISTERED)
    monkeypatch.setenv("PYTHONPATH", str(mine))
    file = write_bars(tickline.folder / "bars.csv", 400)
    done = tickline("run", "--data", file, "--sym", "BTCUSDT", "--interval", "12h", "--strategy", "mine")
    assert done.code == 7, done
    first, *between, last = done.err.splitlines()
    assert first[11:].startswith("model btcusdt_12h_linear (")
    (said,) = (line for line in between if "your code failed" in line)
    where = f"({mine}/mine.py:9, in decide)"
    assert "strategy: your code failed: BTCUSDT: predictions " in said
    assert said.endswith(where)
    assert last.startswith("tickline: BTCUSDT: predictions ")
    assert last.endswith(where)
    assert (done.summary["finished"], done.summary["orders"], done.summary["parity"]) == (False, 0, None)
    assert done.summary["failed"] in last
    assert "parity: not compared (your code failed, see below)" in done.out
    assert "Traceback" not in json.dumps(done)
