"""The next Tickline: this one with a wire more, a field more in every record, and a column more in the journal."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from shared.journal.migrations import HEAD
from shared.record import WIRE

ROOT = Path(__file__).parents[1]
NEXT_WIRE = WIRE + 1
NEXT_HEAD = f"{int(HEAD) + 1:04}"
FIELD = "added"  # what every record has in the next version: a text, empty where an older one wrote it
TEXT = "by the next version"  # what the next version writes there

_RECORD = r'^(class (?!Snapshot|Message)\w+\((?:Record|Snapshot|Message)\):\n    """.*?"""\n(?=\n|    \w))'
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
from shared.later_fields import Since as _Since


"""


def make_next(folder: Path) -> Path:
    """Puts the next version's `shared` and `services` into `folder`, and returns that.

    What is made there without validation has TEXT in the new field, all else its default. Compiled files go with those
    that stay as they are: Python goes by their time and size.
    """
    for package in ("shared", "services"):
        being_written = shutil.ignore_patterns("*.pyc.*")
        shutil.copytree(ROOT / package, folder / package, ignore=being_written)
    record = folder / "shared/record.py"
    change(record, rf"^WIRE = {WIRE}$", f"WIRE = {NEXT_WIRE}")
    change(
        record,
        r"^( +)(if len\(fields\) != count:)$",
        rf'\1if "{FIELD}" in names:\n\1    fields["{FIELD}"] = "{TEXT}"\n\1\2',
    )
    change(
        record,
        r"^( +)(fields = .* for name in names\))$",
        rf'\1\2\n\1if "{FIELD}" in names:\n\1    names.remove("{FIELD}")'
        rf'\n\1    fields = fields.replace(": {FIELD}", ": {TEXT!r}")',
    )
    add_column(folder / "shared/journal")
    for file in (file for package in ("shared", "services") for file in (folder / package).rglob("*.py")):
        add_fields(file)
    return folder


def add_column(journal: Path) -> None:
    """Gives orders the new column, in a step of the journal that this version's code can work with."""
    change(journal / "migrations/__init__.py", rf'^HEAD = "{HEAD}"', f'HEAD = "{NEXT_HEAD}"')
    (journal / "migrations/versions/next.py").write_text(_STEP)
    change(journal / "rows.py", r"^(    epoch: int\n    updated_ms: int\n)", rf'\1    {FIELD}: str = ""\n')


def add_fields(file: Path) -> None:
    """Gives every record in the file the new field."""
    text = file.read_text()
    wanted = len(re.findall(r"^class (?!Snapshot|Message)\w+\((?:Record|Snapshot|Message)\):$", text, re.MULTILINE))
    text, count = re.subn(_RECORD, lambda found: _IMPORTS + found[1] + _FIELD, text, flags=re.DOTALL | re.MULTILINE)
    assert count == wanted, f"{file}: {count} of {wanted} records have a docstring and a field"
    if count:
        file.write_text(text)


def change(file: Path, pattern: str, by: str | Callable[[re.Match[str]], str], flags: int = 0) -> None:
    """Puts `by` in the only place where the pattern matches."""
    text, count = re.subn(pattern, by, file.read_text(), flags=flags | re.MULTILINE)
    assert count == 1, f"{file}: {count} places match {pattern}"
    file.write_text(text)


def run_next(folder: Path, *arguments: str | Path, timeout_s: float = 500) -> str:
    """Returns what the next version's Python prints for these arguments: `-m tests.some_module`, or a script."""
    path = os.pathsep.join((str(folder), str(ROOT)))
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=timeout_s,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
