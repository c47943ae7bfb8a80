"""ccxt that was loaded leanly is ccxt, but for the exchanges that nobody asked for."""

import json
import subprocess
import sys
from typing import Any

# Of the exchanges' classes every twelfth is asked for, and ours: each is a module that takes its time to load.
NAMES = """
import json, sys
from importlib import import_module
{before}
told = {{}}
for package in ("ccxt", "ccxt.async_support", "ccxt.pro"):
    module = import_module(package)
    listed = set(module.exchanges)
    asked = {{*module.exchanges[::12], "binance", "bybit", "okx", "hyperliquid"}}
    own = [name for name in sorted(vars(module)) if not name.startswith("_") and name not in listed]
    values = {{name: getattr(module, name) for name in [*sorted(asked), *own, "__version__"]}}
    told[package] = {{name: getattr(value, "__qualname__", str(value)) for name, value in values.items()}}
    told[package] |= {{name: value.__module__ for name, value in values.items() if name in listed}}
print(json.dumps(told))
"""
LEANLY = """
from shared.exchanges.client import exchange_class, load_ccxt
ccxt = load_ccxt(websockets=True)
made = exchange_class(ccxt, "binanceusdm", websockets=True)
loaded = {name.rpartition(".")[2] for name in sys.modules if name.startswith("ccxt.") and name.count(".") < 3}
assert loaded & set(ccxt.exchanges) == {"binance", "binanceusdm"}, loaded
"""


def told(before: str) -> Any:
    """What a process finds in ccxt's packages."""
    code = NAMES.format(before=before)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_has_what_ccxt_itself_gives_and_loads_one_exchange_and_its_parents() -> None:
    assert told(LEANLY) == told("import ccxt.pro")


def test_a_name_that_is_none_of_its_exchanges_is_missing_as_anywhere() -> None:
    code = (
        "from shared.exchanges.client import load_ccxt\n"
        "try: load_ccxt().nosuch\n"
        "except AttributeError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout == "module 'ccxt.async_support' has no attribute 'nosuch'\n"
