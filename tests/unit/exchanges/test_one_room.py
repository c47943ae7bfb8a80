"""One room speaks to exchanges: only it loads ccxt, and only an exchange's own module asks which exchange it is."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.exchanges.client import load_ccxt
from shared.exchanges.registry import PROFILES, traded

ROOT = Path(__file__).parents[3]
OWN = tuple(f"shared/exchanges/{name}" for name in (*traded(), "registry"))  # modules, or folders of them
EXCHANGES = frozenset(load_ccxt().exchanges)
CONTAINERS = ast.Tuple | ast.List | ast.Set


def modules() -> Iterator[Path]:
    for room in ("shared", "services"):
        yield from (ROOT / room).rglob("*.py")


def names_one(node: ast.AST) -> bool:
    """Whether it is the name of an exchange, or some of them."""
    if isinstance(node, CONTAINERS):
        return any(names_one(one) for one in node.elts)
    return isinstance(node, ast.Constant) and node.value in EXCHANGES


def asked(tree: ast.AST) -> Iterator[int]:
    """The lines in which something is compared with an exchange's name, or chosen by it."""
    for node in ast.walk(tree):
        if (
            (isinstance(node, ast.Compare) and any(map(names_one, [node.left, *node.comparators])))
            or (isinstance(node, ast.MatchValue) and names_one(node.value))
            or (isinstance(node, ast.Dict) and any(names_one(key) for key in node.keys if key is not None))
            or (isinstance(node, ast.Call) and by_name(node))
        ):
            yield node.lineno


def by_name(node: ast.Call) -> bool:
    """`name.startswith("binance")`, `dict.fromkeys(("binance", "okx"), …)`, `table.get("okx")`."""
    told = isinstance(node.func, ast.Attribute) and node.func.attr in ("startswith", "endswith", "fromkeys", "get")
    return told and any(map(names_one, node.args))


@pytest.mark.parametrize("code", [
    'name == "okx"', '"binance" != name', 'name in ("okx", "bybit")', 'match name:\n    case "okx":\n        pass',
    '{"binance": 1}', 'name.startswith("binance")', 'dict.fromkeys(("gate", "deribit"), 1)',
])  # fmt: skip
def test_it_is_seen(code: str) -> None:
    assert list(asked(ast.parse(code)))


def test_only_an_exchanges_own_module_asks_which_exchange_it_is() -> None:
    found = []
    for path in modules():
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith((*OWN, "services/simulator/")):
            found += [f"{name}:{line}" for line in asked(ast.parse(path.read_text()))]
    assert found == []


def test_a_profile_stands_by_the_name_that_ccxt_has_for_it() -> None:
    assert PROFILES.keys() <= EXCHANGES
    assert {name: profile.exchange for name, profile in PROFILES.items()} == {name: name for name in PROFILES}


def loads_ccxt(tree: ast.AST) -> bool:
    """Whether ccxt is imported, by whatever means, and if only for the type checker."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            names = [str(given.value) for given in node.args if isinstance(given, ast.Constant)]
        if any(name.partition(".")[0] == "ccxt" for name in names):
            return True
    return False


def test_only_the_clients_module_loads_ccxt() -> None:
    found = [path.relative_to(ROOT).as_posix() for path in modules() if loads_ccxt(ast.parse(path.read_text()))]
    assert found == ["shared/exchanges/client.py"]
