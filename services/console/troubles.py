"""What the services' logs say of trouble while they run, for a person who looks at a run."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from services.console.silence import Silence
from services.console.supervisor import NO_RESTART

MOST_BYTES = 65_536  # of a log at a time
LISTENED_TO = ("ingestor", "recorder")  # their warnings too: nothing else shows what they lack
FROM_ALL = ("stands by",)  # a warning, and nobody does that service's work here
# What lasts: the event that ends each. It is said with its length, again while it goes on, and when it is over.
ENDED_BY = {
    "market data": "market data again",
    "exchange silent": "exchange is back",
    "cannot compare with the venue": "journal and venue agree",
    "cannot get ready": "partitions taken",
}
NOT_AGAIN = "market data"  # a venue's many small troubles: begin and end say enough
BEGUN_BY = {end: begin for begin, end in ENDED_BY.items()}
SET_ASIDE = "entry set aside"
SAID_ONCE = 1_000
MOST_LINES = 20
MINUTE_S = 60.0


class Troubles:
    """Lines of the logs from now on: errors of all services, warnings of those that nothing else shows.

    What lasts is given when it begins, again while it goes on, and when it ends. Of others, which come again with each
    attempt, one text is given once. What ends a run is not given: the run ends with it. At most MOST_LINES a minute.
    code: the first line about an author's code that raised; empty where none did.
    """

    def __init__(self, logs: Path, names: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        self.code = ""
        self._paths = {name: logs / f"{name}.log" for name in names}
        self._at = {name: path.stat().st_size if path.exists() else 0 for name, path in self._paths.items()}
        self._logs, self._clock = logs, clock
        self._said: set[str] = set()
        self._lasting: dict[tuple[str, str, str], tuple[Silence, str]] = {}
        self._minute_s, self._count = clock(), 0

    def new(self) -> list[str]:
        """What came since the last call."""
        now_s = self._clock()
        if now_s - self._minute_s >= MINUTE_S:
            self._minute_s, self._count = now_s, 0
        found = [line for name in self._paths for text in self._read(name) if (line := self._line(name, text, now_s))]
        lasting = [held for (_, event, _), held in self._lasting.items() if event != NOT_AGAIN]
        found += [line for silence, why in lasting if (line := silence.goes_on(now_s, why))]
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
        except OSError:
            return
        whole, end, _ = data.rpartition(b"\n")
        self._at[name] += len(whole) + 1 if end else len(data) // MOST_BYTES * MOST_BYTES
        yield from whole.splitlines()

    def _line(self, name: str, text: bytes, now_s: float) -> str:
        try:
            said = json.loads(text)
            event, level = said["event"], said["level"]
        except (ValueError, KeyError, TypeError):
            return ""
        about = [str(said[key]) for key in ("exchange", "venue", "about", "sym") if key in said]
        why = [str(said[key]) for key in ("what", "why") if key in said]
        if event in ENDED_BY and (about or event != NOT_AGAIN):
            return self._begins(name, event, about, why, said, now_s)
        if event in BEGUN_BY:
            return self._ends(name, event, about, now_s)
        listened_to = name in LISTENED_TO or event in FROM_ALL
        shown = level in ("error", "critical") or (level == "warning" and listened_to)
        if not shown or said.get("exit_code") in NO_RESTART:
            return ""
        what = joined(name, *(why or [event]))
        if event == SET_ASIDE and "code" in said:
            event = "your code failed"
            self.code = self.code or joined(*why)
            what = joined(name, what.split(": ")[1], str(said["code"]))  # each symbol and line once
        line = joined(name, event, *about, *why)
        if "about" not in said:
            if what in self._said or len(self._said) >= SAID_ONCE:
                return ""
            self._said.add(what)
        return line

    def _begins(
        self, name: str, event: str, about: Sequence[str], why: Sequence[str], said: Mapping[str, Any], now_s: float
    ) -> str:
        key = (name, event, joined(*about))
        reason = joined(*why)
        if key in self._lasting:
            silence, known = self._lasting[key]
            self._lasting[key] = silence, reason or known
            return "" if reason in ("", known) else joined(name, event, *about, *why)
        what = joined(name, event, *about)
        silence = Silence(what, joined(name, ENDED_BY[event], *about), first_s=0.0)
        self._lasting[key] = silence, reason
        lasted_s = said.get("since_s")
        return silence.goes_on_since(now_s, float(lasted_s) if isinstance(lasted_s, int | float) else 0.0, reason)

    def _ends(self, name: str, event: str, about: Sequence[str], now_s: float) -> str:
        key = (name, BEGUN_BY[event], joined(*about))
        silence, _ = self._lasting.pop(key, (None, ""))
        return "" if silence is None else silence.over(now_s)


def joined(*parts: str) -> str:
    """Parts of a line with colons between them: none empty, none twice, and nothing that a terminal would obey.

    >>> joined("gateway", "alarm", "BTCUSDT", "", "BTCUSDT: BTCUSDT: no  answer")
    'gateway: alarm: BTCUSDT: no answer'
    """
    line = ": ".join(part for part in (" ".join(part.split()).strip(": ") for part in parts) if part)
    line = re.sub(r"(?:: ?){2,}", ": ", line)
    line = re.sub(r"(?:(?<=^)|(?<=: ))([^:]{1,100}): (?=\1(?::|$))", "", line)
    return "".join(char if char.isprintable() else "?" for char in line)
