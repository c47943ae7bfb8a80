"""A restart brings nothing but snapshots: what is remembered elsewhere is lost, or known twice."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from services.research.lookahead.cuts import choose_cuts
from services.research.lookahead.digests import DECIDED, compared, digest_of, in_words
from services.research.lookahead.steps import BookedByItself, Snapshots, SteppedLine, WroteFile, fresh_modules
from shared.config import Settings
from shared.history import HistoryBar, bars
from shared.history.times import time_text
from shared.messages import Message

RESTARTS = 4  # behind so many ticks
FOLLOWED = 1_000  # ticks behind each

# As a service that goes on behind an older snapshot; and as one that was killed, whose modules are new.
WAYS: tuple[tuple[str, Callable[[], AbstractContextManager[None]]], ...] = (
    ("the line goes back to its snapshot", nullcontext),
    ("the line restarts with its snapshot", fresh_modules),
)
_OF_STATE = (
    "what a feature, model or strategy remembers stands in its own attributes, which state() saves: in no variable of "
    "a module or a class, and in no file"
)


class Restarted(NamedTuple):
    """The line decided the same behind each restart. digests: of each tick that was traded on, n first."""

    restarts: int
    digests: list[tuple[int, int]]


class RestartFault(NamedTuple):
    """A fault says what is wrong at tick n, in one line without the file's name. certain: whatever else is random."""

    n: int
    text: str
    certain: bool = False


class RestartCheck:
    """The check takes the line bar by bar, and begins again behind some ticks: it must decide the same from there.

    - settings: of a backtest of the file `path`.
    - window: only bars whose end is in it are traded on; None: no bound.
    """

    def __init__(self, settings: Settings, path: Path, window: tuple[int | None, int | None]) -> None:
        self._settings = settings
        self._path = path
        self._start_ns, self._end_ns = window[0] or 0, window[1]

    def run(self, decided_at: Sequence[int]) -> Restarted | RestartFault:
        """Returns the first that is wrong, or that nothing is.

        - decided_at: n of each tick with a decision, ascending.
        """
        try:
            return self._run(decided_at)
        except BookedByItself as found:
            return RestartFault(
                found.n,
                f"lookahead at {self._at(found.n)}: {found.why}: a strategy books nothing by itself, and at no price "
                "within its bar: on_tick comes when the bar is over, and what it orders fills at the tick's price",
                certain=True,
            )
        except WroteFile as found:
            return RestartFault(
                found.n, f"{self._at(found.n)}: {found.path} was opened to write: {_OF_STATE}", certain=True
            )

    def _run(self, decided_at: Sequence[int]) -> Restarted | RestartFault:
        points = set(choose_cuts(decided_at, RESTARTS))
        steps = SteppedLine(self._settings, self._start_ns)
        found: list[Snapshots] = []
        digests: list[tuple[int, int]] = []
        decided: dict[int, list[Message]] = {}
        for bar in self._bars(0):
            n, messages = steps.on_bar(bar)
            if bar.ts_event >= self._start_ns:
                digests.append((n, digest_of(_deciding(messages))))
            if found and n <= found[-1].n + FOLLOWED:
                decided[n] = _deciding(messages)
            if n in points:
                found.append(steps.snapshots())
        for kept in reversed(found):  # the last first: what came before it was not seen anew by then
            for way, modules in WAYS:
                with modules():
                    told = self._again(kept, way, decided)
                if told is not None:
                    return told
        return Restarted(len(found), digests)

    def _again(self, kept: Snapshots, way: str, decided: dict[int, list[Message]]) -> RestartFault | None:
        steps = SteppedLine(self._settings, self._start_ns)
        steps.restore(kept)
        for bar in islice(self._bars(kept.n), FOLLOWED):
            n, messages = steps.on_bar(bar)
            again = _deciding(messages)
            if digest_of(again) != digest_of(decided[n]):
                was, is_now = in_words(decided[n], again)
                return RestartFault(
                    n, f"{self._at(n)}: {was}, but if {way} behind tick {kept.n}: {is_now}: {_OF_STATE}"
                )
        return None

    def _bars(self, skip: int) -> Iterator[HistoryBar]:
        own = self._settings
        for bar in bars(self._path, own.interval, skip=skip, timezone=own.ingestor.timezone):
            if self._end_ns is not None and bar.ts_event >= self._end_ns:
                return
            yield bar

    def _at(self, n: int) -> str:
        when = next((f" ({time_text(bar.ts_event)})" for bar in self._bars(n - 1)), "")
        return f"tick {n}{when} of {self._settings.symbols[0]}"


def _deciding(messages: Sequence[Message]) -> list[Message]:
    return [compared(message) for message in messages if message.to in DECIDED]
