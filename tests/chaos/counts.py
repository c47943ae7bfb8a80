"""What the forms of chaos at exchanges have met: each writes its counts to one file, which tests.chaos.sums adds up."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tests.chaos.line import ROOT

FOLDER = ROOT / "build"


@dataclass
class Counts:
    """Counts of one form on one exchange; times in ms.

    - orders: that the exchange took. asked: that the strategy asked for.
    - iocs: of these orders, and ended_short: of these, those that missed or were filled in part.
    - kills: processes killed, ended or stopped; beyond_lease: of these, stopped for longer. takeovers: of the account.
    - triggers: of stops, failed: of these, those that left their position open. orphans: stops without a position.
    - races: cancels that met a fill or a trigger.
    - held_ms: time with a position. naked_ms: each time without a stop, by what StopEvidence calls it.
    - bound_ms: how long a position may have none where its stop follows the trade.
    - left_filled: entries that were filled with nobody there any more. left_closed, left_turned: of these, those that
      their stop has closed, and those that it has closed and then opened on the other side.
    """

    asked: int = 0
    orders: int = 0
    iocs: int = 0
    ended_short: int = 0
    kills: int = 0
    beyond_lease: int = 0
    takeovers: int = 0
    triggers: int = 0
    failed: int = 0
    races: int = 0
    orphans: int = 0
    held_ms: int = 0
    naked_ms: dict[str, list[int]] = field(default_factory=dict)
    bound_ms: int = 0
    left_filled: int = 0
    left_closed: int = 0
    left_turned: int = 0


class Written(NamedTuple):
    """What stands of a form. counts: None where it has begun, and has not come to a good end."""

    form: str
    exchange: str
    commit: str
    at: str
    took_s: float
    counts: Counts | None


class CountsFile:
    """A file of JSON lines: that a form has begun, and its counts when it has come to a good end."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, *, short: bool) -> "CountsFile":
        """Returns that of the short forms, or of the full ones."""
        return cls(FOLDER / f"chaos{'-short' if short else ''}.jsonl")

    @contextmanager
    def form(self, name: str, exchange: str) -> Iterator[Counts]:
        """Yields what the form counts in; it stands in the file when the block has ended well."""
        began_s, counts, commit = time.monotonic(), Counts(), commit_now()
        self._write(Written(name, exchange, commit, _now(), 0.0, None))
        yield counts
        self._write(Written(name, exchange, commit, _now(), round(time.monotonic() - began_s, 1), counts))

    def newest(self) -> dict[tuple[str, str], Written]:
        """Returns the last that stands of each form on each exchange."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return {(one.form, one.exchange): one for one in map(_read, lines)}

    def _write(self, written: Written) -> None:
        content = written._asdict() | {"counts": None if written.counts is None else asdict(written.counts)}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        data = f"{json.dumps(content)}\n".encode()
        number = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)  # in one write: others write here, too
        try:
            os.write(number, data)
        finally:
            os.close(number)


def _read(line: str) -> Written:
    content = json.loads(line)
    counts = content.pop("counts")
    return Written(counts=None if counts is None else Counts(**counts), **content)


def commit_now() -> str:
    """Returns the commit that is run, with a + where files are changed; empty where this is no clone."""
    asked = ("git", "describe", "--always", "--dirty=+", "--exclude=*", "--abbrev=8")
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
