"""Troubles of a run, for the person who looks at it: what logs tell, how long a silence lasts, which folder is gone."""

import contextlib
import json
import os
import re
import shlex
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from services.console.run.processes import NO_RESTART

MOST_OF_A_REASON = 300
TAIL_BYTES = 8_192
MOST_BYTES = 65_536  # of a log at a time
LISTENED_TO = ("ingestor", "recorder")  # their warnings too: nothing else shows what they lack
FROM_ALL = ("stands by",)  # a warning, and nobody does that service's work here
# What lasts: the event that ends each. It is said with its length, again while it goes on, and when it is over.
ENDED_BY = {
    "market data": "market data again",
    "exchange silent": "exchange is back",
    "cannot compare with the venue": "journal and venue agree",
    "cannot get ready": "partitions taken",
    "alert channel": "alert channel again",
}
NOT_AGAIN = "market data"  # a venue's many small troubles: begin and end say enough
BEGUN_BY = {end: begin for begin, end in ENDED_BY.items()}
SET_ASIDE = "entry set aside"
SAID_ONCE = 1_000
MOST_LINES = 20
MINUTE_S = 60.0
NEXT_S = (3.0, 10.0, 30.0, 60.0)  # of a silence; from then on every minute
LOW_BYTES = 100_000_000  # a bus that rewrites its log needs more than that in a moment
MB = 1_000_000


class Troubles:
    """Troubles reads the logs from now on: errors of all services, warnings of those that nothing else shows.

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
        self._lasting: dict[tuple[str, str, str], tuple[SilenceLines, str]] = {}
        self._minute_s, self._count = clock(), 0

    def new(self) -> list[str]:
        """Returns what came since the last call."""
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
        """Yields whole lines; one that is longer than is read at a time is left out."""
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
        silence = SilenceLines(what, joined(name, ENDED_BY[event], *about), first_s=0.0)
        self._lasting[key] = silence, reason
        lasted_s = said.get("since_s")
        return silence.goes_on_since(now_s, float(lasted_s) if isinstance(lasted_s, int | float) else 0.0, reason)

    def _ends(self, name: str, event: str, about: Sequence[str], now_s: float) -> str:
        key = (name, BEGUN_BY[event], joined(*about))
        silence, _ = self._lasting.pop(key, (None, ""))
        return "" if silence is None else silence.over(now_s)


def last_why(log: Path, since: int = 0) -> str:
    """Returns the newest reason in a service's log behind its first `since` bytes; empty where there is none."""
    for line in reversed(_tail(log, since).splitlines()):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return str(json.loads(line)["why"])[:MOST_OF_A_REASON]
    return ""


def _tail(log: Path, since: int) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(log.stat().st_size - TAIL_BYTES, since, 0))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def joined(*parts: str) -> str:
    """Returns the parts of a line with colons between them: none empty, none twice, nothing that a terminal obeys.

    >>> joined("gateway", "alarm", "BTCUSDT", "", "BTCUSDT: BTCUSDT: no  answer")
    'gateway: alarm: BTCUSDT: no answer'
    """
    line = ": ".join(part for part in (" ".join(part.split()).strip(": ") for part in parts) if part)
    line = re.sub(r"(?:: ?){2,}", ": ", line)
    line = re.sub(r"(?:(?<=^)|(?<=: ))([^:]{1,100}): (?=\1(?::|$))", "", line)
    return "".join(char if char.isprintable() else "?" for char in line)


class SilenceLines:
    """Lines tell soon, and then less and less often, how long something does not answer; and that it is back.

    One silence at a time; `what` begins each line. now_s: seconds that never go back.

    >>> bus = SilenceLines("the bus does not answer", "the bus is back")
    >>> [bus.goes_on(now_s, "refused") for now_s in (100.0, 102.0, 103.0, 104.0, 110.0)]
    ['', '', 'the bus does not answer, for 3 s: refused', '', 'the bus does not answer, for 10 s: refused']
    >>> bus.over(115.0), bus.over(116.0)
    ('the bus is back, after 15 s', '')
    """

    def __init__(self, what: str, back: str, first_s: float = NEXT_S[0]) -> None:
        self._what, self._back, self._first_s = what, back, first_s
        self._since_s: float | None = None
        self._said_s = 0.0

    def begins(self, now_s: float) -> float:
        """Begins a silence, unless there is one; returns since when it lasts."""
        if self._since_s is None:
            self._since_s, self._said_s = now_s, -1.0
        return self._since_s

    def goes_on(self, now_s: float, why: str = "") -> str:
        """Returns the line that is due; empty where none is."""
        lasts_s = now_s - self.begins(now_s)
        if lasts_s < self._first_s or lasts_s < _after(self._said_s):
            return ""
        self._said_s = lasts_s
        return f"{self._what}, for {lasts_s:.0f} s{f': {why}' if why else ''}"

    def goes_on_since(self, now_s: float, lasts_s: float, why: str) -> str:
        """Returns the first line of one that has lasted a while already; at its very beginning without a length.

        >>> SilenceLines("exchange silent", "exchange is back", 0.0).goes_on_since(100.0, 0.0, "time-out")
        'exchange silent: time-out'
        """
        self._since_s = now_s - lasts_s
        self._said_s = -1.0
        if lasts_s >= 1:
            return self.goes_on(now_s, why)
        self._said_s = lasts_s
        return f"{self._what}{f': {why}' if why else ''}"

    def over(self, now_s: float) -> str:
        """Ends the silence; returns the line for it, empty where none was said of it."""
        since_s, self._since_s = self._since_s, None
        if since_s is None or self._said_s < 0:
            return ""
        return f"{self._back}, after {now_s - since_s:.0f} s"


def _after(said_s: float) -> float:
    """Returns how long a silence lasts when it is said again."""
    return next((due_s for due_s in NEXT_S if due_s > said_s), said_s + NEXT_S[-1])


class FolderWatch:
    """A watch tells when a folder that the run writes to is gone, or its disk full, and when it is back.

    - folders: what each holds -> where it is; they must be there.
    - free: bytes that may be written to a path.
    """

    def __init__(
        self, folders: Mapping[str, Path], free: Callable[[Path], int] = lambda p: shutil.disk_usage(p).free
    ) -> None:
        self._free = free
        self._held = {what: (path, os.open(path, os.O_RDONLY | os.O_DIRECTORY)) for what, path in folders.items()}
        self._gone: set[str] = set()
        self._full: set[Path] = set()

    def close(self) -> None:
        """Closes the folders."""
        for _, held in self._held.values():
            os.close(held)
        self._held = {}

    def news(self) -> Iterator[str]:
        """Yields what has changed since the last call."""
        for what, (path, held) in self._held.items():
            if any(self._held[gone][0] in path.parents for gone in self._gone):
                continue  # with the folder around it
            there = _is_still(path, held)
            if there and what in self._gone:
                self._gone.remove(what)
                yield f"{path} is back"
            elif not there and what not in self._gone:
                self._gone.add(what)
                yield _gone(what, path, held)
            if there:
                yield from self._room(path)

    def _room(self, path: Path) -> Iterator[str]:
        try:
            free = self._free(path)
        except OSError:
            return
        if free < LOW_BYTES and path not in self._full:
            self._full.add(path)
            yield (
                f"{path}: its disk has {free // MB} MB left: make room; what cannot be written is waited for, and no "
                "order is sent meanwhile"
            )
        elif free >= 2 * LOW_BYTES and path in self._full:
            self._full.remove(path)
            yield f"{path}: its disk has room again, {free // MB} MB"


def _gone(what: str, path: Path, held: int) -> str:
    moved = _place(held)
    if moved is not None:
        return (
            f"{path} was moved to {moved} while it is in use: what is written ({what}) goes there, and no verb of this "
            f"line finds it: move it back: mv {shlex.quote(str(moved))} {shlex.quote(str(path))}"
        )
    return (
        f"{path} was removed while it is in use: what is written there from now on ({what}) is lost when "
        "this run ends: end it, then put the folder back from a copy, or begin anew without it"
    )


def _place(held: int) -> Path | None:
    """Returns where an open folder stands now; None where it is no more, or the system does not tell."""
    try:
        place = Path(os.readlink(f"/proc/self/fd/{held}"))
    except OSError:
        return None
    return place if _is_still(place, held) else None


def _is_still(path: Path, held: int) -> bool:
    """Returns whether an open folder is the one that stands there: a new one may have taken its place."""
    try:
        return os.path.samestat(path.stat(), os.fstat(held))
    except OSError:
        return False
