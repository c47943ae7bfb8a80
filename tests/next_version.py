"""The next Tickline: this one with a wire more, and a field more in several records. What it writes, this one reads."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from shared.record import WIRE

ROOT = Path(__file__).parents[1]
NEXT_WIRE = WIRE + 1
FIELD = "added"  # what every record below has in the next version: a text, empty where an older one wrote it
TEXT = "by the next version"  # what the next version writes there

RECORDS = {
    "AccountSnapshot": "shared/account/account.py",
    "PositionSnapshot": "shared/account/position.py",
    "StrategySnapshot": "services/strategy/stage.py",
    "SymbolSnapshot": "shared/runner/symbol.py",
    "TakenSnapshot": "shared/runner/symbol.py",
    "MarketTick": "shared/messages/market.py",
    "Prediction": "shared/messages/signals.py",
    "OrderIntent": "shared/messages/orders.py",
    "ExecutionReport": "shared/messages/orders.py",
}

_FIELD = f"""
    {FIELD}: _Annotated[str, _Since({NEXT_WIRE})] = ""
"""
_IMPORTS = """from typing import Annotated as _Annotated
from shared.record import Since as _Since


"""


def make_next(folder: Path) -> Path:
    """Put the next version's `shared` and `services` into `folder`, and give that back.

    What is made there without validation has TEXT in the new field, all else its default.
    """
    for package in ("shared", "services"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    record = folder / "shared/record.py"
    change(record, rf"^WIRE = {WIRE}$", f"WIRE = {NEXT_WIRE}")
    change(
        record,
        r"^( +)(if len\(fields\) != count:)$",
        rf'\1if "{FIELD}" in names:\n\1    fields["{FIELD}"] = "{TEXT}"\n\1\2',
    )
    for name, file in RECORDS.items():
        add_field(folder / file, name)
    return folder


def add_field(file: Path, record: str) -> None:
    """Give a record the new field."""
    change(file, rf'^(class {record}\(.*?"""\n(?=\n|    \w))', lambda found: _IMPORTS + found[1] + _FIELD, re.DOTALL)


def change(file: Path, pattern: str, by: str | Callable[[re.Match[str]], str], flags: int = 0) -> None:
    """Put `by` in the only place where the pattern matches."""
    text, count = re.subn(pattern, by, file.read_text(), flags=flags | re.MULTILINE)
    assert count == 1, f"{file}: {count} places match {pattern}"
    file.write_text(text)


def run_next(folder: Path, *arguments: str | Path, timeout_s: float = 60) -> str:
    """What the next version's Python prints for these arguments (`-m tests.some_module`, or a script's path)."""
    path = os.pathsep.join((str(folder), str(ROOT)))
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=timeout_s,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
