"""The next Tickline: this one with a wire more, a field more in several records, and a column more in the journal."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from shared.journal.upgrade import HEAD
from shared.record import WIRE

ROOT = Path(__file__).parents[1]
NEXT_WIRE = WIRE + 1
NEXT_HEAD = f"{int(HEAD) + 1:04}"
FIELD = "added"  # what every record below has in the next version: a text, empty where an older one wrote it
TEXT = "by the next version"  # what the next version writes there

RECORDS = {
    "AccountSnapshot": "shared/account/account.py",
    "PositionSnapshot": "shared/account/position.py",
    "LiveSnapshot": "services/ingestor/live/stage.py",
    "StrategySnapshot": "services/strategy/stage.py",
    "SymbolSnapshot": "shared/runner/symbol.py",
    "TakenSnapshot": "shared/runner/symbol.py",
    "MarketTick": "shared/messages/market.py",
    "Prediction": "shared/messages/signals.py",
    "OrderIntent": "shared/messages/orders.py",
    "ExecutionReport": "shared/messages/orders.py",
    "Marks": "services/gateway/risk/marks.py",
}

_FIELD = f"""
    {FIELD}: _Annotated[str, _Since({NEXT_WIRE})] = ""
"""
_COLUMN = 'Text, nullable=False, server_default=""'
_STEP = f"""
import sqlalchemy as sa
from alembic import op

revision = "{NEXT_HEAD}"
down_revision = "{HEAD}"
readable_by = "{HEAD}"


def upgrade() -> None:
    op.add_column("orders", sa.Column("{FIELD}", sa.{_COLUMN}))
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
    add_column(folder / "shared/journal")
    for name, file in RECORDS.items():
        add_field(folder / file, name)
    return folder


def add_column(journal: Path) -> None:
    """Give orders the new column, in a step of the journal's that this version's code can work with."""
    change(journal / "upgrade.py", rf'^HEAD = "{HEAD}"', f'HEAD = "{NEXT_HEAD}"')
    (journal / "migrations/versions/next.py").write_text(_STEP)
    change(journal / "schema.py", r'^(    _must\("updated_ms", Whole\),\n)', rf'\1    Column("{FIELD}", {_COLUMN}),\n')
    change(journal / "rows.py", r"^(    epoch: int\n    updated_ms: int\n)", rf'\1    {FIELD}: str = ""\n')


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
