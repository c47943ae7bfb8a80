"""A backtest with other futures: no decision before them may move."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from services.research.backtest import Backtest, Rules
from services.research.lookahead.cuts import Change, Shortest, changed, choose_cuts, write_bars
from services.research.lookahead.guard import Guard
from services.research.lookahead.record import OnTick, PerTick, Record, in_words
from shared.config import Settings
from shared.errors import LookaheadFound
from shared.history import Bar, bars
from shared.history.times import time_text
from shared.history.zone import zone_of
from shared.intervals import interval_ns
from shared.messages import Message
from shared.plural import plural

Progress = Callable[[str, int, int], None]  # what is done, how many runs are, of how many


class Checked(NamedTuple):
    """decisions: how many there are up to the last cut, each the same with every future behind a cut after it."""

    decisions: int
    cuts: int

    def __str__(self) -> str:
        """
        >>> print(Checked(250, 8))
        no lookahead: 250 decisions identical, with the prices behind 8 cuts mirrored, scaled and removed
        """
        *first, last = Change
        return (
            f"no lookahead: {plural(self.decisions, 'decision')} identical, "
            f"with the prices behind {self.cuts} cuts {', '.join(first)} and {last}"
        )


class LookaheadCheck:
    """Runs a backtest over a copy of its file, then over copies whose rows behind a cut are changed.

    A cut is behind a tick with a decision: the first, the last, the quarters, and others drawn with a seed. Up to it
    features, predictions, decisions and orders must be the same to the last byte, else LookaheadFound says where they
    are not. So it does if anything opened the file itself between the making of `guard` and the end of the first run.
    A strategy's parameter that names the file is given the copy.

    The user's file is only read. Memory: 24 bytes a tick; disk, for the time of the check: two copies of the file.
    """

    def __init__(
        self, settings: Settings, rules: Rules, start_ns: int | None, end_ns: int | None, guard: Guard
    ) -> None:
        self._settings = settings
        self._sym = settings.symbols[0]
        self._interval_ns = interval_ns(settings.interval)
        self._timezone = settings.ingestor.timezone
        self._zone = zone_of(self._timezone)
        self._rules = rules
        self._window = (start_ns, end_ns)
        self._start_ns = start_ns or 0
        self._guard = guard
        Backtest(settings, rules, *self._window)  # what makes no backtest is refused
        self._path = settings.ingestor.files[self._sym]

    def run(self, cuts: int, progress: Progress | None = None) -> Checked:
        """Check with `cuts` cuts, or as many as there are decisions. Raises LookaheadFound, or what a backtest does."""
        self._require_unopened()
        with TemporaryDirectory(prefix="tickline-lookahead-") as name:
            folder = Path(name)
            true = folder / "true.csv"
            shortest = Shortest(self._start_ns, self._interval_ns)
            rows = write_bars(true, shortest.watch(self._bars(self._path)), self._interval_ns, self._zone)
            self._guard.opened()  # it was this
            record = Record()
            self._run(true, record.on_tick)
            self._require_unopened()  # what was decided without the file is compared with what follows
            decided_at = record.decided_at
            possible = decided_at[bisect_left(decided_at, shortest.rows) : bisect_left(decided_at, rows)]
            if not possible:
                raise LookaheadFound(
                    f"{self._path}: no row comes after a decision, so nothing is shown: pass more rows"
                )
            chosen = choose_cuts(possible, cuts)
            runs = [(cut, change) for cut in chosen for change in Change]
            for done, (cut, change) in enumerate(runs):
                if progress is not None:
                    progress(f"future {change}", done, len(runs))
                other = folder / f"{change}-{cut}.csv"
                write_bars(other, changed(self._bars(true), cut, change), self._interval_ns, self._zone)
                self._compare(record, true, other, cut, change)
                other.unlink()
        return Checked(bisect_right(decided_at, chosen[-1]), len(chosen))

    def _bars(self, path: Path) -> Iterator[Bar]:
        return bars(path, self._settings.interval, timezone=self._timezone)

    def _compare(self, record: Record, true: Path, other: Path, cut: int, change: Change) -> None:
        def on_tick(n: int, digest: int, decided: list[Message]) -> None:
            if digest != record.digest(n):
                raise _Moved(n, decided)
            if n == cut:  # the bar behind it was read by all stages
                raise _Enough

        try:
            self._run(other, on_tick)
        except _Enough:
            pass
        except _Moved as moved:
            raise LookaheadFound(self._found(record, true, moved, f"the {change} rows behind tick {cut}")) from None

    def _found(self, record: Record, true: Path, moved: "_Moved", future: str) -> str:
        again: list[Message] = []

        def on_tick(n: int, digest: int, decided: list[Message]) -> None:
            if digest != record.digest(n):
                raise _Moved(n, decided)
            if n == moved.n:
                again.extend(decided)
                raise _Enough

        try:
            self._run(true, on_tick)
        except _Moved as twice:
            return (
                f"{self._path}: the backtest is not the same twice, first at {self._at(twice)}: nothing can be shown: "
                f"a feature, model or strategy must depend on nothing but its input"
            )
        except _Enough:
            pass
        was, is_now = in_words(again, moved.decided)
        return (
            f"{self._path}: lookahead at {self._at(moved)}: {was}, but with {future}: {is_now}: "
            f"look for what reads later rows"
        )

    def _run(self, path: Path, on_tick: OnTick) -> None:
        per_tick = PerTick(on_tick)
        Backtest(reading(self._settings, path), self._rules, *self._window).run(tap=per_tick)
        per_tick.end()

    def _at(self, moved: "_Moved") -> str:
        when = f" ({time_text(moved.decided[0].ts_event)})" if moved.decided else ""
        return f"tick {moved.n}{when} of {self._sym}"

    def _require_unopened(self) -> None:
        if self._guard.opened():
            raise LookaheadFound(
                f"{self._path}: opened while only copies of it are to be read: a feature, model or strategy reads it "
                f"by itself; if another program did, check again without it"
            )


def reading(settings: Settings, path: Path) -> Settings:
    """The settings with `path` for the file of the first symbol, also in parameters of the strategy."""
    sym = settings.symbols[0]
    own = settings.ingestor.files[sym].resolve()
    params = {
        name: str(path) if isinstance(value, str) and Path(value).resolve() == own else value
        for name, value in settings.strategy.params.items()
    }
    ingestor = settings.ingestor.model_copy(update={"files": {**settings.ingestor.files, sym: path}})
    strategy = settings.strategy.model_copy(update={"params": params})
    return settings.model_copy(update={"ingestor": ingestor, "strategy": strategy})


class _Enough(Exception):
    """All that was to be compared was."""


class _Moved(Exception):
    """At tick n another digest."""

    def __init__(self, n: int, decided: list[Message]) -> None:
        super().__init__(n)
        self.n, self.decided = n, decided
