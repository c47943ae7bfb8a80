"""The line is watched for the page: who is at work on which partition, and what a person should know of it.

What a person should know are the alerts' conditions, seen as the alerts see them, whether or not any are sent.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from services.monitor.alerts.bus_watch import BusWatch, StreamWatch, services_of
from services.monitor.alerts.conditions import AlertKind, Condition
from services.monitor.alerts.journal_watch import JournalWatch
from shared.bus.api import Bus, Session
from shared.bus.names import PartitionId
from shared.config import Settings
from shared.errors import JournalUnwritable
from shared.extras import missing_extras
from shared.messages import Message

LOOK_MS = 1_000
MOST = 40  # alerts that are kept
KNOWN = 64  # replicas of a service that are remembered


class Owner(NamedTuple):
    """A replica owns partitions. restarts: how many others there were before, since the page was served."""

    replica: str
    partitions: tuple[int, ...]
    restarts: int


class SeenAlert(NamedTuple):
    """An alert began at `ms`. over: whether it is."""

    ms: int
    kind: str
    text: str
    over: bool


class AlertLog:
    """The log keeps the last alerts, those that stand first.

    >>> log = AlertLog()
    >>> log.take([Condition(AlertKind.FEED, "A", "A: silent")], [], 5)
    >>> log.take([], [Condition(AlertKind.ALARM, "B", "B: look")], 9)
    >>> [(one.ms, one.text, one.over) for one in log.shown()]
    [(9, 'B: look', True), (5, 'A: silent', True)]
    """

    def __init__(self) -> None:
        self._standing: dict[tuple[str, str], SeenAlert] = {}
        self._over: list[SeenAlert] = []

    def take(self, standing: Iterable[Condition], happened: Iterable[Condition], now_ms: int) -> None:
        """Takes what stands, and what has happened since."""
        before, self._standing = self._standing, {}
        for one in standing:
            key = str(one.kind), one.about
            began_ms = before[key].ms if key in before else now_ms
            self._standing[key] = SeenAlert(began_ms, str(one.kind), _text(one), over=False)
        self._over += [one._replace(over=True) for key, one in before.items() if key not in self._standing]
        self._over += [SeenAlert(now_ms, str(one.kind), _text(one), over=True) for one in happened]
        del self._over[:-MOST]

    def shown(self) -> tuple[SeenAlert, ...]:
        """Returns what stands, then what is over, each the newest first."""
        standing = sorted(self._standing.values(), key=lambda one: -one.ms)
        return (*standing, *reversed(self._over))[:MOST]


def _text(one: Condition) -> str:
    return f"{one.text} ({one.remedy})" if one.remedy else one.text


class LineWatch:
    """The watch looks at leases, last words and journal.

    - owners: by service.
    """

    def __init__(self, settings: Settings, bus: Bus) -> None:
        self.alerts = AlertLog()
        self.owners: dict[str, tuple[Owner, ...]] = {}
        self._settings = settings
        self._bus, self._streams = BusWatch(bus, settings), StreamWatch(settings)
        has_journal = bool(settings.journal_url) and not missing_extras("journal")
        self._journal = JournalWatch.of(settings) if has_journal else None
        self._seen: dict[str, dict[str, None]] = {}
        self._looked_ms = 0

    def see(self, message: Message) -> None:
        """Takes a message of the line or of the monitor."""
        self._streams.see(message)

    async def look(self, session: Session, now_ms: int) -> None:
        """Looks, if it is time; raises BusLost."""
        if now_ms - self._looked_ms < LOOK_MS:
            return
        self._looked_ms = now_ms
        await self._look_at_owners(session)
        standing = [*await self._bus.look(now_ms), *self._streams.conditions()]
        happened: Sequence[Condition] = ()
        if self._journal is not None:
            try:
                seen = await self._journal.look(now_ms)
            except JournalUnwritable as error:
                standing.append(Condition(AlertKind.JOURNAL, "journal", str(error), "tickline doctor"))
            else:
                standing += seen.standing
                happened = seen.happened
        self.alerts.take(standing, happened, now_ms)

    async def _look_at_owners(self, session: Session) -> None:
        instances = {**services_of(self._settings), "monitor": self._settings.monitor.instance}
        partitions = range(self._settings.bus.partitions)
        asked = [(PartitionId(instance, p), "owner") for instance in instances.values() for p in partitions]
        answers = iter(await session.fields(asked))
        for service in instances:
            held: dict[str, list[int]] = {}
            for p in partitions:
                if owner := next(answers):
                    held.setdefault(owner.decode(errors="replace")[:60], []).append(p)
            self._seen[service] = known = {**self._seen.get(service, {}), **dict.fromkeys(held)}
            for name in list(known)[:-KNOWN]:
                del known[name]
            before = max(len(known) - len(held), 0)
            self.owners[service] = tuple(Owner(name, tuple(own), before) for name, own in sorted(held.items()))

    async def close(self) -> None:
        """Ends what is open."""
        await self._bus.close()
        if self._journal is not None:
            await self._journal.close()
