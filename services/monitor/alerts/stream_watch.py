"""The stream watch sees what the monitor reads and writes: gaps, readings of drift, symbols of which nothing comes."""

import time
from collections.abc import Callable, Iterator

from services.monitor.alerts.conditions import AlertKind, Condition
from shared.config import Settings
from shared.intervals import NS_PER_S, TRADE, interval_ns
from shared.messages import Features, Gap, Message, Prediction, Stream
from shared.messages.monitor import DriftReading, DriftState, RangeReading
from shared.record import Snapshot
from shared.tick import State
from shared.wall_time import age

DRIFTED = frozenset({DriftState.WARNING, DriftState.DECAYED})
AT_PRESENT = ("ccxt", "fake")  # sources whose ticks come when the clock says so
MARKET = (Stream.FEATURES, Stream.PREDICTIONS)  # a gap in another stream is what the monitor alone has missed
SHOWN = 5  # measures outside their range
BARS = 2  # so many lengths of a bar, and more, without one are a silence


class StreamWatchSnapshot(Snapshot):
    """The saved form of a StreamWatch. silent: symbols of which nothing came for long."""

    gaps: list[Gap]
    drift: DriftReading | None
    outside: list[RangeReading]
    silent: list[str]


class StreamWatch:
    """A watch of messages, in whatever order they come; one that comes again changes nothing.

    - clock: seconds that never go back.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._gaps: dict[str, Gap] = {}
        self._drift: DriftReading | None = None
        self._outside: dict[tuple[str, str, str], RangeReading] = {}
        timed = settings.ingestor.source in AT_PRESENT and settings.interval != TRADE
        length_s = interval_ns(settings.interval) / NS_PER_S if timed else float("inf")
        self._silent_s = BARS * length_s + settings.alerts.silent_s
        self._heard_s = dict.fromkeys(settings.symbols, clock())

    def see(self, message: Message) -> None:
        """Takes a message of the line or of the monitor; others than those three kinds are left out."""
        if isinstance(message, DriftReading):
            self._drift = message
        elif isinstance(message, RangeReading):
            key = (message.sym, message.what, message.name)
            if message.outside:
                self._outside[key] = message
            else:
                self._outside.pop(key, None)
        elif isinstance(message, Gap) and message.stream in MARKET:
            self._heard_s[message.sym] = self._clock()
            self._gaps[message.sym] = message
        elif isinstance(message, Features):  # a prediction is taken with its decision, and nobody may decide
            self._heard_s[message.sym] = self._clock()
        elif isinstance(message, Prediction):
            self._heard_s[message.sym] = self._clock()
            if message.sym in self._gaps and (message.y_hat is not None or not message.model):
                del self._gaps[message.sym]

    def state(self) -> StreamWatchSnapshot:
        """Returns what stands; a stage that goes on where it was does not say it once more."""
        return StreamWatchSnapshot(
            gaps=list(self._gaps.values()), drift=self._drift, outside=list(self._outside.values()),
            silent=[sym for sym in self._heard_s if self._is_silent(sym)],
        )  # fmt: skip

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave, of the symbols that there still are."""
        saved = StreamWatchSnapshot.of(state)
        self._gaps = {gap.sym: gap for gap in saved.gaps if gap.sym in self._heard_s}
        self._drift = saved.drift
        self._outside = {(each.sym, each.what, each.name): each for each in saved.outside}
        self._heard_s |= {sym: float("-inf") for sym in saved.silent if sym in self._heard_s}

    def _is_silent(self, sym: str) -> bool:
        return self._clock() - self._heard_s[sym] > self._silent_s

    @property
    def readings(self) -> list[str]:
        """Returns a line for the newest evidence, and one for each measure that is outside its range."""
        drift = [] if self._drift is None else [self._drift.human()]
        outside = [f"{sym}: {reading.human()}" for (sym, _, _), reading in self._outside.items()]
        return [*drift, *outside[:SHOWN], *([f"and {len(outside) - SHOWN} more"] if len(outside) > SHOWN else [])]

    def conditions(self) -> Iterator[Condition]:
        """Yields what stands."""
        for sym, gap in self._gaps.items():
            text = f"{sym}: something is missing ({gap.cause}): its features begin anew, and nothing adds until then"
            yield Condition(AlertKind.GAP, sym, text, sym=sym)
        for sym in self._heard_s:
            if self._is_silent(sym):
                text = f"{sym}: no tick came for {age(round(self._silent_s * NS_PER_S))}"
                yield Condition(AlertKind.FEED, sym, text, sym=sym)
        if self._drift is not None and self._drift.state in DRIFTED:
            yield Condition(AlertKind.DRIFT, "evidence", self._drift.human(), "tickline report")
