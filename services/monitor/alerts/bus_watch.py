"""The bus is watched in two ways: who is at work on it and was heard when, and what the streams bring.

Both only read. A BusWatch looks at leases and last words, again and again. A StreamWatch sees the messages that the
monitor's stage takes and gives (an OverheardStage shows them), so nobody reads the streams once more.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from pydantic import Field

from services.monitor.alerts.conditions import AlertKind, Condition
from services.monitor.comparisons import NOTHING, Comparisons
from services.monitor.stage import GivenUp, MonitorStage, Resumed
from shared.bus.api import Bus, BusLost, Session
from shared.bus.names import PartitionId
from shared.config import Mode, Settings
from shared.drift.stage import DriftStage
from shared.intervals import NS_PER_S, interval_ns
from shared.messages import Decision, Features, Gap, LateBars, Message, Prediction, Stream
from shared.messages.monitor import DriftReading, DriftState, RangeReading
from shared.record import Snapshot
from shared.runner.last_words import LastWords, last_words
from shared.tick import State
from shared.wall_time import age

RESTART_S = 60.0  # after so long at work a restart is over
MONITOR_P = 0  # its one partition
OWNERS = 64  # replicas of a service that are remembered beside those at work; an older one that comes back is a restart

DRIFTED = frozenset({DriftState.WARNING, DriftState.DECAYED})
MARKET = (Stream.FEATURES, Stream.PREDICTIONS)  # a gap in another stream the monitor alone may have missed: see its log
SHOWN = 5  # measures outside their range
BARS = 2  # so many lengths of a bar, and more, without one are a silence


@dataclass
class Replicas:
    """The replicas of one service, as the leases of their partitions tell of them.

    - until: of each lease, as it was seen last; moved_s: when that changed last.
    - owners: those that were seen lately, the newest last; restarted_s: when one came that was not among them.
    """

    until: dict[int, bytes | None] = field(default_factory=dict)
    moved_s: dict[int, float] = field(default_factory=dict)
    owners: dict[bytes, None] = field(default_factory=dict)
    restarted_s: float = float("-inf")


class BusWatch:
    """The bus watch looks at the line's leases and last words.

    - ours: whether the monitor's partition is this process's; another one tells a person then.
    - clock: seconds that never go back; a lease's own times are the server's.
    """

    def __init__(self, bus: Bus, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self.ours = True
        self._bus, self._settings, self._clock = bus, settings, clock
        self._session: Session | None = None
        self._replicas = {name: Replicas() for name in services_of(settings)}
        self._awaited: set[str] = set()  # services that were away when an earlier process saw them last
        self._unheard_s: dict[tuple[str, str], float] = {}  # since when one that was never heard is waited for
        self._owner = b""  # of the monitor's partition while it is ours

    def begin(self) -> None:
        """Notes that the monitor's partition is ours from now on."""
        self._owner, self.ours = b"", True

    async def look(self, now_ms: int) -> tuple[Condition, ...]:
        """Looks once, and returns what stands; raises BusLost."""
        try:
            if self._session is None:
                self._session = await self._bus.connect()
            await self._look_at_owner(self._session)
            for service, instance in services_of(self._settings).items():
                await self._look_at(self._session, service, instance)
            heard = await last_words(self._session, self._settings)
        except BusLost:
            await self.close()
            raise
        return (*self._silent(heard, now_ms), *self._conditions())

    def _silent(self, heard: LastWords, now_ms: int) -> Iterator[Condition]:
        """Yields the exchanges that say nothing, also where none of this line was ever heard."""
        ingestor, gateway, silent_s = self._settings.ingestor, self._settings.gateway, self._settings.alerts.silent_s
        words: dict[tuple[AlertKind, str], int | None] = {}
        for venue in ingestor.each_venue if ingestor.source == "ccxt" else ():
            words[AlertKind.FEED, venue] = heard.feeds.get(venue)
        if gateway.mode is not Mode.PAPER or heard.exchange is not None:
            words[AlertKind.EXCHANGE, gateway.exchange or gateway.venue] = heard.exchange
        for (kind, name), at_ms in words.items():
            if at_ms is None:
                silent = self._clock() - self._unheard_s.setdefault((kind, name), self._clock()) > silent_s
            else:
                self._unheard_s.pop((kind, name), None)
                silent = now_ms - at_ms > silent_s * 1_000
            if silent:
                yield Condition(kind, name, f"{name}: nothing was heard for {silent_s:g} s")

    async def close(self) -> None:
        """Ends the session."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _look_at_owner(self, session: Session) -> None:
        """Sees whether another replica of the monitor has taken over."""
        (found,) = await session.fields([(PartitionId(self._settings.monitor.instance, MONITOR_P), "owner")])
        if found and not self._owner:
            self._owner = found
        elif found and found != self._owner:
            self.ours = False

    async def _look_at(self, session: Session, service: str, instance: str) -> None:
        """Sees which of a service's leases have moved, and who its replicas are."""
        known = self._replicas[service]
        partitions = range(self._settings.bus.partitions)
        asked = [(PartitionId(instance, p), name) for name in ("until", "owner") for p in partitions]
        answers = await session.fields(asked)
        now_s = self._clock()
        for p, until in zip(partitions, answers, strict=False):
            if p not in known.until and service in self._awaited:
                known.until[p], known.moved_s[p] = until, float("-inf")  # until it moves
            elif p not in known.until or known.until[p] != until:
                known.until[p], known.moved_s[p] = until, now_s
        owners = {owner for owner in answers[len(partitions) :] if owner}
        if known.owners and owners - known.owners.keys():
            known.restarted_s = now_s
        known.owners = {old: None for old in known.owners if old not in owners} | dict.fromkeys(owners)
        for old in list(known.owners)[: -len(owners) - OWNERS]:
            del known.owners[old]

    @property
    def away(self) -> list[str]:
        """Returns the services of which a partition has nobody at work, or that were so and are not seen yet."""
        return [
            service for service, known in self._replicas.items()
            if self._away(known) or (not known.until and service in self._awaited)
        ]  # fmt: skip

    @property
    def owners(self) -> dict[str, list[bytes]]:
        """Returns the replicas that are remembered, by service."""
        return {service: list(known.owners) for service, known in self._replicas.items()}

    def restore(self, away: Iterable[str], stood: Iterable[tuple[str, str]] = ()) -> None:
        """Takes back what was away, or silent: it is until it is seen at work, or heard.

        - stood: kind, and what it is about, of all that a person was told of.
        """
        self._awaited = set(away)
        self._unheard_s = dict.fromkeys(stood, float("-inf"))

    def _away(self, known: Replicas) -> list[int]:
        """Returns the partitions whose lease has not moved for too long."""
        now_s, away_s = self._clock(), self._settings.alerts.away_s
        return [p for p, moved_s in known.moved_s.items() if now_s - moved_s > away_s]

    def _conditions(self) -> Iterator[Condition]:
        now_s, away_s = self._clock(), self._settings.alerts.away_s
        for service, known in self._replicas.items():
            if away := self._away(known):
                which = "" if len(away) == len(known.moved_s) else f" on partition {', '.join(map(str, away))}"
                text = f"{service}: nobody is at work{which} for {away_s:g} s"
                yield Condition(AlertKind.SERVICE, service, text, "tickline doctor")
            if now_s - known.restarted_s < RESTART_S:
                yield Condition(AlertKind.RESTART, service, f"{service}: another process is at work than before")


def services_of(settings: Settings) -> dict[str, str]:
    """Returns the services of a line that are at work by leases, each with its instance; not the monitor.

    >>> list(services_of(Settings()))[:4]
    ['ingestor', 'signal', 'strategy', 'gateway']
    """
    return {
        "ingestor": settings.ingestor.instance,
        "signal": settings.signal.instance,
        "strategy": settings.strategy.instance,
        "gateway": settings.gateway.instance,
    }


class StreamWatchSnapshot(Snapshot):
    """The saved form of a StreamWatch. silent: symbols of which nothing came for long. late: undecided ones."""

    gaps: list[Gap]
    drift: DriftReading | None
    outside: list[RangeReading]
    silent: list[str]
    late: list[LateBars] = Field(default_factory=list)


class StreamWatch:
    """The stream watch sees messages, in whatever order they come; one that comes again changes nothing.

    - clock: seconds that never go back.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._gaps: dict[str, Gap] = {}
        self._drift: DriftReading | None = None
        self._outside: dict[tuple[str, str, str], RangeReading] = {}
        self._late: dict[str, LateBars] = {}
        self._ticked_ns: dict[str, int] = {}  # the newest tick's time
        self._decided_ns: dict[str, int] = {}  # the newest decision's time
        self._undecided_s: dict[str, float] = {}  # since when there is a newer tick, and no decision came
        length_s = interval_ns(settings.interval) / NS_PER_S if settings.bars_by_clock else float("inf")
        self._patience_s = settings.alerts.silent_s
        self._at_present = settings.ingestor.is_at_present  # a replay's decisions may be as late as they like
        self._silent_s = BARS * length_s + self._patience_s
        self._heard_s = dict.fromkeys(settings.symbols, clock())

    def see(self, message: Message) -> None:
        """Takes a message of the line or of the monitor; what stands depends on some kinds only."""
        if isinstance(message, DriftReading):
            self._drift = message
        elif isinstance(message, RangeReading):
            key = (message.sym, message.what, message.name)
            if message.outside:
                self._outside[key] = message
            else:
                self._outside.pop(key, None)
        elif message.sym not in self._heard_s:
            return  # it was taken out of the config, and its last messages were still to be read
        elif isinstance(message, Gap) and message.stream in MARKET:
            self._heard_s[message.sym] = self._clock()
            self._gaps[message.sym] = message
        elif isinstance(message, Features):
            self._ticked(message)
        elif isinstance(message, LateBars) and not message.book:
            self._late[message.sym] = message
            self._note_undecided(message.sym)
        elif isinstance(message, Decision):
            self._decided(message)
        elif isinstance(message, Prediction):
            self._ticked(message)
            if message.sym in self._gaps and (message.y_hat is not None or not message.model):
                del self._gaps[message.sym]

    def _ticked(self, message: Features | Prediction) -> None:
        """Notes that a tick came, whichever message tells of it: without a model there are no features."""
        self._heard_s[message.sym] = self._clock()
        self._ticked_ns[message.sym] = max(message.ts_event, self._ticked_ns.get(message.sym, 0))
        self._note_undecided(message.sym)

    def _decided(self, decision: Decision) -> None:
        """Notes that somebody decides; of a symbol that is late only where it is on what was given up, or behind that.

        One who is behind the ticks, and decides on one after another, is waited for anew with each.
        """
        sym = decision.sym
        self._decided_ns[sym] = max(decision.ts_event, self._decided_ns.get(sym, 0))
        if sym not in self._late or decision.ts_event >= self._late[sym].ts_event:
            self._late.pop(sym, None)
            self._undecided_s.pop(sym, None)
            self._note_undecided(sym)

    def _note_undecided(self, sym: str) -> None:
        """Notes where a symbol has a newer tick than its last decision, whether or not another one misses its bars.

        Without ticks its feed is silent, which is another condition.
        """
        if self._at_present and self._ticked_ns.get(sym, 0) > self._decided_ns.get(sym, 0):
            self._undecided_s.setdefault(sym, self._clock())

    def state(self) -> StreamWatchSnapshot:
        """Returns what stands, so that a watch that goes on there does not say it once more."""
        return StreamWatchSnapshot(
            gaps=list(self._gaps.values()), drift=self._drift, outside=list(self._outside.values()),
            silent=[sym for sym in self._heard_s if self._is_silent(sym)], late=list(self._undecided()),
        )  # fmt: skip

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave, of the symbols that there still are."""
        saved = StreamWatchSnapshot.of(state)
        self._gaps = {gap.sym: gap for gap in saved.gaps if gap.sym in self._heard_s}
        self._drift = saved.drift
        self._outside = {(each.sym, each.what, each.name): each for each in saved.outside}
        self._late = {late.sym: late for late in saved.late if late.sym in self._heard_s}
        self._undecided_s = dict.fromkeys(self._late, float("-inf"))
        self._heard_s |= {sym: float("-inf") for sym in saved.silent if sym in self._heard_s}

    def _undecided(self) -> Iterator[LateBars]:
        """Yields what nobody decides on though its ticks come, for a while: a decision may be a moment behind."""
        now_s = self._clock()
        for sym, since_s in self._undecided_s.items():
            if now_s - since_s > self._patience_s:
                yield self._late.get(sym) or self._late_alone(sym)

    def _late_alone(self, sym: str) -> LateBars:
        """Returns what the monitor would say of a symbol, had it another one that misses its bars."""
        upto, since = self._ticked_ns[sym], self._decided_ns.get(sym, 0)
        return LateBars(n=1, sym=sym, ts_event=upto, tr=f"late:{sym}:{upto}", since=since, book=False)

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
        for late in self._undecided():
            text = f"{late.sym}: its ticks come, and nobody decides on them"
            yield Condition(AlertKind.LATE, late.sym, text, sym=late.sym)
        if self._drift is not None and self._drift.state in DRIFTED:
            yield Condition(AlertKind.DRIFT, "evidence", self._drift.human(), "tickline report")
        if self._drift is not None and self._drift.state is DriftState.DECAYED:  # whoever was warned must know of it
            text = "the evidence of decay has come to its bound: DRIFT is latched, but on paper"
            yield Condition(AlertKind.DRIFT, "decayed", text, "tickline report")


class OverheardStage(MonitorStage):
    """An overheard stage is the monitor's, to the last bit; `see` gets what it takes and gives.

    So the alerts need not read the streams once more. A message that comes twice, after a reload, does them no harm.
    """

    def __init__(self, see: Callable[[Message], None], drift: DriftStage, compared: Comparisons = NOTHING) -> None:
        super().__init__(drift, compared)
        self._overhear = see
        self._waiting: dict[str, int] = {}  # n of the prediction that waits, by symbol

    def ready(self, val: Message) -> bool:
        """Says whether the stage takes it. A prediction that waits is seen, too, once: nobody may ever decide on it."""
        ready = super().ready(val)
        if not ready and isinstance(val, Prediction) and self._waiting.get(val.sym) != val.n:
            self._waiting[val.sym] = val.n
            self._overhear(val)
        return ready

    def on_tick(self, val: Message | Resumed | GivenUp) -> list[Message] | None:
        """Takes what the stage takes."""
        given = super().on_tick(val)
        for message in (val, *(given or ())):
            if isinstance(message, Message):
                self._overhear(message)
        return given
