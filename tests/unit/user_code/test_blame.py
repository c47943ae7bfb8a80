"""Whose line raised, as their author is told it."""

import inspect
import runpy
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import tickline
from shared.account import Account, Order
from shared.errors import DataError, UserCodeFailed
from shared.features.log_return_lags import LogReturnLags
from shared.features.registry import FEATURES
from shared.messages import Reason
from shared.models.registry import MODELS
from shared.strategies import BasicTaker
from shared.strategies.decider import BarePrediction, require_orders
from shared.strategies.registry import STRATEGIES, WRAPPERS
from shared.user_code import load
from shared.user_code.blame import _MACHINERY, ROOT, WrongDecision, _is_authors, blaming, place_of

MINE = """
from decimal import Decimal
from shared.account import Order
def divide(x):
    return x / 0
def parse(text):
    return Decimal(text)
def bad_order(qty):
    return Order("A", qty)
def feature(lags):
    return lags.on_tick("no price")
"""


@pytest.fixture
def mine(tmp_path: Path) -> dict[str, Callable[..., Any]]:
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return runpy.run_path(str(path))


@pytest.mark.parametrize(
    ("function", "given", "line", "raised"),
    [
        ("divide", 1, 5, "ZeroDivisionError: division by zero"),
        ("parse", "x", 7, "InvalidOperation: "),  # raised in the standard library
        ("bad_order", 0.5, 9, 'TypeError: an order\'s signed_qty is a Decimal, not float 0.5: write Decimal("0.5")'),
        ("bad_order", Decimal(0), 9, "ValueError: "),  # raised in ours
        ("feature", LogReturnLags(3), 11, "ValueError: "),  # in ours, too
    ],
)
def test_it_is_the_authors_last_line(
    mine: dict[str, Callable[..., Any]], tmp_path: Path, function: str, given: object, line: int, raised: str
) -> None:
    with pytest.raises(UserCodeFailed) as failed, blaming("BTCUSDT"):
        mine[function](given)
    assert str(failed.value).startswith(f"BTCUSDT: {raised}")
    assert str(failed.value).endswith(f"({tmp_path}/mine.py:{line}, in {function})")
    assert failed.value.exit_code == 7


def test_a_name_of_ours_whose_library_is_missing_is_asked_for_in_their_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(vars(tickline), "TensorWindow", raising=False)
    monkeypatch.setitem(sys.modules, "shared.windows.tensor_window", None)  # as where torch is not installed
    (tmp_path / "mine.py").write_text("X = 1\nfrom tickline import TensorWindow as Mine\n")
    with pytest.raises(UserCodeFailed, match=r"ModuleNotFoundError: .* \(.*/mine\.py:2, in <module>\)$"):
        load("mine.py:Mine", tmp_path)


def test_in_the_authors_folders_each_file_is_a_shipped_authors_or_machinery() -> None:
    shipped = [kind for registry in (STRATEGIES, WRAPPERS, FEATURES, MODELS) for kind in registry.values()]
    authors = {Path(inspect.getfile(kind)) for kind in shipped}
    files = {path for name in ("strategies", "features", "models") for path in (ROOT / "shared" / name).glob("*.py")}
    assert {path for path in files if _is_authors(str(path))} == authors
    assert {path.name for path in files - authors} == _MACHINERY


def test_what_is_nobodys_goes_through_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.user_code.blame._is_authors", lambda file: False)
    with pytest.raises(KeyError), blaming("A"):
        {}["a"]
    with pytest.raises(DataError), blaming("A"):
        raise DataError("row 3")


@pytest.mark.parametrize(
    "made", [None, (), ["BUY"], [Order("A", Decimal(1)), Order("B", Decimal(1))], "BUY", Order("A", Decimal(1))]
)
def test_what_is_no_decision_is_refused(made: object) -> None:
    """An order for another symbol was sent for this one; of None there was no order and no word."""
    with pytest.raises(WrongDecision, match="return a list of Order for A, or a Reason") as wrong:
        require_orders(made, "A", BasicTaker.decide)
    place = place_of(wrong.value)
    assert place is not None
    assert (Path(place.file).name, place.function) == ("basic_taker.py", "decide")


def test_decisions_pass() -> None:
    made = BasicTaker().decide(BarePrediction("A", 0.1, Decimal(5)), Account(Decimal(100)))
    assert not isinstance(made, Reason)
    require_orders(made, "A", BasicTaker.decide)
    require_orders([], "A", BasicTaker.decide)
