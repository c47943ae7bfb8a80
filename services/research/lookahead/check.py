"""The lookahead check runs a backtest with other futures: no decision before them may move."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from services.research.backtest import Backtest, VenueRules
from services.research.lookahead.cuts import Change, Shortest, changed, choose_cuts, fields_of_file, write_bars
from services.research.lookahead.digests import OnTick, PerTick, TickDigests, in_words
from services.research.lookahead.guard import Guard
from services.research.lookahead.restarts import RestartCheck, Restarted
from services.research.lookahead.steps import fresh_modules
from shared.config import Settings
from shared.errors import LookaheadFound
from shared.history import HistoryBar, bars
from shared.history.times import time_text
from shared.history.zone import zone_of
from shared.intervals import interval_ns
from shared.messages import Message
from shared.plural import plural

Progress = Callable[[str, int, int], None]  # what is done, how many runs are, of how many


class NoLookahead(NamedTuple):
    """This is what a check without a finding says.

    - decisions: how many there are up to the last cut, each the same with every future behind a cut after it.
    - restarts: behind how many ticks the line began again, and decided the same from there.
    """

    decisions: int
    cuts: int
    restarts: int

    def __str__(self) -> str:
        """
        >>> print(NoLookahead(250, 8, 4))
        no lookahead: 250 decisions identical, with the bars behind 8 cuts mirrored, scaled and removed; 4 restarts too
        """
        *first, last = Change
        return (
            f"no lookahead: {plural(self.decisions, 'decision')} identical, "
            f"with the bars behind {self.cuts} cuts {', '.join(first)} and {last}; "
            f"{plural(self.restarts, 'restart')} too"
        )


class LookaheadCheck:
    """The check runs a backtest over a copy of its file, then over copies whose rows behind a cut are changed.

    A cut is behind a tick with a decision: the first, the last, the quarters, and others drawn with a seed. Up to it
    features, predictions, decisions and orders must be the same to the last byte, else LookaheadFound says where they
    are not. So it does if anything opened the file itself between the making of `guard` and the end of the first run.
    A strategy's parameter that names the file is given the copy.

    The user's file is only read. Memory: 24 bytes a tick; disk, for the time of the check: two copies of the file.
    """

    def __init__(
        self, settings: Settings, rules: VenueRules, start_ns: int | None, end_ns: int | None, guard: Guard
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
        self._extras: tuple[str, ...] = ()

    def run(self, cuts: int, progress: Progress | None = None) -> NoLookahead:
        """Checks with `cuts` cuts, or as many as there are decisions.

        Raises LookaheadFound, or what a backtest does.
        """
        self._require_unopened()
        with TemporaryDirectory(prefix="tickline-lookahead-") as name:
            folder = Path(name)
            true = folder / "true.csv"
            self._extras = fields_of_file(self._path)
            shortest = Shortest(self._start_ns, self._interval_ns)
            rows = write_bars(true, shortest.watch(self._bars(self._path)), self._interval_ns, self._zone, self._extras)
            self._guard.opened()  # this run of ours opened it
            record = TickDigests()
            self._run(true, record.on_tick)
            self._require_unopened()  # what was decided without the file is compared with what follows
            decided_at = record.decided_at
            first = max(shortest.rows, record.predicted_from)  # with fewer rows there is no backtest
            possible = decided_at[bisect_left(decided_at, first) : bisect_left(decided_at, rows)]
            if not possible:
                raise LookaheadFound(
                    f"{self._path}: no row comes after a decision, so nothing is shown: pass more rows"
                )
            if progress is not None:
                progress("restarts", 0, 0)
            restarts = self._restart(true, record)
            chosen = choose_cuts(possible, cuts)
            runs = [(cut, change) for cut in chosen for change in Change]
            for done, (cut, change) in enumerate(runs):
                if progress is not None:
                    progress(f"future {change}", done, len(runs))
                other = folder / f"{change}-{cut}.csv"
                write_bars(other, changed(self._bars(true), cut, change), self._interval_ns, self._zone, self._extras)
                self._compare(record, true, other, cut, change)
                other.unlink()
        return NoLookahead(bisect_right(decided_at, chosen[-1]), len(chosen), restarts)

    def _restart(self, true: Path, record: TickDigests) -> int:
        """Lets the line begin again behind some ticks; returns how many. Raises LookaheadFound."""
        with fresh_modules():
            found = RestartCheck(reading(self._settings, true), true, self._window).run(record.decided_at)
        if isinstance(found, Restarted):
            told = self._apart(true, record, found) if self._rules.as_paper else None
            if told is not None:
                raise LookaheadFound(told)
            return found.restarts
        if not found.certain and not (again := self._replay(true, record, found.n)).same:
            raise LookaheadFound(self._not_twice(again))
        raise LookaheadFound(f"{self._path}: {found.text}")

    def _apart(self, true: Path, record: TickDigests, found: Restarted) -> str | None:
        """Returns what is wrong where a tick is decided otherwise when features are not ahead of the strategy."""
        for n, digest in found.digests:
            if digest != record.digest(n):
                if not (again := self._replay(true, record, n)).same:
                    return self._not_twice(again)
                return (
                    f"{self._path}: lookahead at {self._at(again)}: it is decided otherwise when no later bar was read "
                    "by then: strategy and features share something, which runs ahead of the strategy: a strategy "
                    "knows what on_tick and on_prediction bring, and nothing else"
                )
        return None

    def _bars(self, path: Path) -> Iterator[HistoryBar]:
        return bars(path, self._settings.interval, timezone=self._timezone)

    def _compare(self, record: TickDigests, true: Path, other: Path, cut: int, change: Change) -> None:
        stop = self._replay(other, record, cut)  # the bar behind the cut was read by all stages
        if not stop.same:
            raise LookaheadFound(self._found(record, true, stop, f"the {change} rows behind tick {cut}"))

    def _found(self, record: TickDigests, true: Path, moved: "_Stop", future: str) -> str:
        again = self._replay(true, record, moved.n)
        if not again.same:
            return self._not_twice(again)
        was, is_now = in_words(again.decided, moved.decided)
        return (
            f"{self._path}: lookahead at {self._at(moved)}: {was}, but with {future}: {is_now}: "
            f"look for what reads later rows"
        )

    def _not_twice(self, again: "_Stop") -> str:
        return (
            f"{self._path}: the backtest is not the same twice, first at {self._at(again)}: nothing can be shown: "
            f"a feature, model or strategy must depend on nothing but its input"
        )

    def _replay(self, path: Path, record: TickDigests, last: int) -> "_Stop":
        """Runs the backtest over another file, up to tick `last` or the first one whose digest is not the record's."""

        def on_tick(n: int, digest: int, decided: list[Message]) -> None:
            same = digest == record.digest(n)
            if n == last or not same:
                raise _Stop(n, decided, same)

        try:
            self._run(path, on_tick)
        except _Stop as stop:
            return stop.with_traceback(None)  # its frames hold the whole run
        return _Stop(last, [], same=True)  # the file ended before

    def _run(self, path: Path, on_tick: OnTick) -> None:
        per_tick = PerTick(on_tick)
        with fresh_modules():  # each run is as the first one of a new process
            Backtest(reading(self._settings, path), self._rules, *self._window).run(tap=per_tick)
        per_tick.end()

    def _at(self, stop: "_Stop") -> str:
        when = f" ({time_text(stop.decided[0].ts_event)})" if stop.decided else ""
        return f"tick {stop.n}{when} of {self._sym}"

    def _require_unopened(self) -> None:
        if self._guard.opened():
            raise LookaheadFound(
                f"{self._path}: opened while only copies of it are to be read: a feature, model or strategy reads it "
                f"by itself; if another program did, check again without it"
            )


def reading(settings: Settings, path: Path) -> Settings:
    """Returns the settings with `path` for the file of the first symbol, also in parameters of the strategy."""
    sym = settings.symbols[0]
    own = settings.ingestor.files[sym].resolve()
    params = {
        name: str(path) if isinstance(value, str) and Path(value).resolve() == own else value
        for name, value in settings.strategy.params.items()
    }
    ingestor = settings.ingestor.model_copy(update={"files": {**settings.ingestor.files, sym: path}})
    strategy = settings.strategy.model_copy(update={"params": params})
    return settings.model_copy(update={"ingestor": ingestor, "strategy": strategy})


class _Stop(Exception):
    """A run stops at tick n.

    - same: whether its digest is the one of the first run.
    - decided: what was decided there.
    """

    def __init__(self, n: int, decided: list[Message], same: bool) -> None:
        super().__init__(n)
        self.n, self.decided, self.same = n, decided, same
