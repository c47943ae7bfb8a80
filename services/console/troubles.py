"""What the services' logs say of trouble while they run, for a person who looks at a run."""

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from services.console.supervisor import NO_RESTART

MOST_BYTES = 65_536  # of a log at a time
LISTENED_TO = ("ingestor", "recorder")  # their warnings too: nothing else shows what they lack
AGAIN = "market data again"
SAID_ONCE = 1_000
MOST_LINES = 20
MINUTE_S = 60.0


class Troubles:
    """Lines of the logs from now on: errors of all services, warnings of those that nothing else shows.

    The market data's begin and end. Of others, which come again with each attempt, one text is given once. What ends a
    run is not given: the run ends with it. At most MOST_LINES a minute.
    """

    def __init__(self, logs: Path, names: Sequence[str]) -> None:
        self._paths = {name: logs / f"{name}.log" for name in names}
        self._at = {name: path.stat().st_size if path.exists() else 0 for name, path in self._paths.items()}
        self._logs = logs
        self._said: set[str] = set()
        self._minute_s, self._count = time.monotonic(), 0

    def new(self) -> list[str]:
        """What came since the last call."""
        now_s = time.monotonic()
        if now_s - self._minute_s >= MINUTE_S:
            self._minute_s, self._count = now_s, 0
        found = [line for name in self._paths for text in self._read(name) if (line := self._line(name, text))]
        left, self._count = MOST_LINES - self._count, self._count + len(found)
        if 0 <= left < len(found):
            return [*found[:left], f"more trouble than is shown here: see {self._logs}"]
        return found[: max(left, 0)]

    def _read(self, name: str) -> Iterator[bytes]:
        """Whole lines; a longer one than is read at a time is left out."""
        try:
            with self._paths[name].open("rb") as file:
                file.seek(self._at[name])
                data = file.read(MOST_BYTES)
        except FileNotFoundError:
            return
        whole, end, _ = data.rpartition(b"\n")
        self._at[name] += len(whole) + 1 if end else len(data) // MOST_BYTES * MOST_BYTES
        yield from whole.splitlines()

    def _line(self, name: str, text: bytes) -> str:
        try:
            said = json.loads(text)
            event, level = said["event"], said["level"]
        except (ValueError, KeyError, TypeError):
            return ""
        shown = level in ("error", "critical") or (level == "warning" and name in LISTENED_TO) or event == AGAIN
        if not shown or said.get("exit_code") in NO_RESTART:
            return ""
        about = [str(said[key]) for key in ("venue", "about", "sym") if key in said]
        why = [str(said[key]) for key in ("what", "why") if key in said]
        line = ": ".join((name, event, *about, *why))
        line = "".join(char if char.isprintable() else "?" for char in " ".join(line.split()))
        if "about" not in said:
            what = ": ".join((name, *(why or [event])))
            if what in self._said or len(self._said) >= SAID_ONCE:
                return ""
            self._said.add(what)
        return line
