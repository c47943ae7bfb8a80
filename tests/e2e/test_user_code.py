"""Code of a user's that raises, at each stage: its author is told file, line and symbol in one line."""

import json
from pathlib import Path

import pytest

from tests.e2e.command import Command, Tickline
from tests.e2e.conftest import write_bars
from tests.e2e.test_errors import refused

DECIDER = """\
from decimal import Decimal
from tickline import Decider, Order

class Mine(Decider):
    wrong: str = "divide"
    def decide(self, prediction, account):
        if self.wrong == "divide":
            return [Order(prediction.sym, Decimal(1) / 0)]
        if self.wrong == "float":
            return [Order(prediction.sym, 0.5)]
        return None
"""
STATEFUL = """\
from tickline import StatefulStrategy

class Mine(StatefulStrategy):
    wrong: str = "on_tick"
    _seen: object = None
    def on_tick(self, bar):
        if self.wrong == "on_tick":
            return {}[bar.sym]
        if self.wrong == "state":
            self._seen = open
    def on_prediction(self, prediction):
        if self.wrong == "on_prediction":
            return prediction.no_such_field
"""
FEATURE = """\
from tickline import Feature

class Mine(Feature):
    def __init__(self, wrong):
        if wrong == 1:
            raise KeyError(wrong)
    def on_tick(self, val):
        return val / 0
"""
MODEL = """\
from torch import nn

class Mine(nn.Module):
    def __init__(self, no_features, wrong=0):
        super().__init__()
        self.layer = nn.Linear(no_features, 1)
    def forward(self, x):
        return self.layer(x).no_such_method()
"""
BACKTEST = "backtest --data bars.csv --sym BTCUSDT --strategy mine.py:Mine"
TRAIN = "train --data bars.csv --sym BTCUSDT"
pytestmark = pytest.mark.timeout(150)


@pytest.mark.parametrize(
    ("code", "typed", "said", "line", "function"),
    [
        ("import json\n1 / 0\n", BACKTEST, "mine.py:Mine: ZeroDivisionError: division by zero", 2, "<module>"),
        ("import json\nclass Mine(:\n", BACKTEST, "mine.py:Mine: SyntaxError: ", 2, "<module>"),
        ("import helper\n", BACKTEST, "mine.py:Mine: ModuleNotFoundError: No module named 'helper'", 1, "<module>"),
        (DECIDER, f"{BACKTEST} --param wrong=divide", "BTCUSDT: DivisionByZero: ", 8, "decide"),
        (DECIDER, f"{BACKTEST} --param wrong=float",
         'BTCUSDT: TypeError: an order\'s signed_qty is a Decimal, not float 0.5: write Decimal("0.5")', 10, "decide"),
        (DECIDER, f"{BACKTEST} --param wrong=none",
         "BTCUSDT: WrongDecision: it returned None: return a list of Order for BTCUSDT, or a Reason", 6, "decide"),
        (STATEFUL, f"{BACKTEST} --param wrong=on_tick", "BTCUSDT: KeyError: 'BTCUSDT'", 8, "on_tick"),
        (STATEFUL, f"{BACKTEST} --param wrong=on_prediction", "BTCUSDT: AttributeError: ", 13, "on_prediction"),
        (FEATURE, f"{TRAIN} --features mine.py:Mine(1)", "feature mine.py:Mine(1): KeyError: 1", 6, "__init__"),
        (FEATURE, f"{TRAIN} --features mine.py:Mine(2)", "BTCUSDT: ZeroDivisionError: ", 8, "on_tick"),
        (MODEL, f"{TRAIN} --class mine.py:Mine", "BTCUSDT: AttributeError: ", 8, "forward"),
    ],
    ids=["load", "syntax", "import", "decide", "order", "no decision", "on_tick", "on_prediction", "constructor",
         "feature", "model"],
)  # fmt: skip
def test_a_verb_ends_with_one_line(
    command: Command, tmp_path: Path, code: str, typed: str, said: str, line: int, function: str
) -> None:
    (tmp_path / "mine.py").write_text(code)
    write_bars(tmp_path / "bars.csv", 60)
    done = command(*typed.split())
    refused(done, 7, said)
    assert done.err.strip().endswith(f"({tmp_path}/mine.py:{line}, in {function})")


def test_a_class_that_is_no_strategy_is_refused(command: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("class Mine: ...\n")
    write_bars(tmp_path / "bars.csv", 60)
    done = command(*BACKTEST.split())
    refused(done, 2, "config: strategy mine.py:Mine: it is no Decider and no StatefulStrategy")


@pytest.mark.long
@pytest.mark.parametrize(
    ("wrong", "said", "where"),
    [
        ("on_tick", "KeyError: 'BTCUSDT'", "mine.py:8, in on_tick)"),
        ("state", "Mine._seen holds a builtin_function_or_method: ", ""),
    ],
)
def test_a_run_says_it_and_writes_its_summary(tickline: Tickline, wrong: str, said: str, where: str) -> None:
    (tickline.folder / "mine.py").write_text(STATEFUL)
    file = write_bars(tickline.folder / "bars.csv", 400)
    done = tickline.in_process(
        "run", "--data", file, "--sym", "BTCUSDT", "--interval", "12h", "--strategy", "mine.py:Mine",
        "--param", f"wrong={wrong}", "--model", "none",
    )  # fmt: skip
    assert done.code == 7, done
    first, *between, last = done.err.splitlines()
    assert first[10:].startswith("model none, strategy mine.py:Mine(")
    (told,) = (line for line in between if "your code failed" in line)
    for line in (told, last):
        assert said in line
        assert line.endswith(where)
    assert last.startswith("tickline: ")
    assert (done.summary["finished"], done.summary["orders"], done.summary["parity"]) == (False, 0, None)
    assert done.summary["failed"] in last
    assert "parity: not compared (your code failed, see below)" in done.out
    assert "Traceback" not in json.dumps(done)
