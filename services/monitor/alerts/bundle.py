"""The bundle stage decides when a person is told, and puts all that is new by then into one message.

The first news goes out after `bundle_s`; then the pause doubles with each message, up to `longest_pause_s`, while there
is more, and shrinks again when there is less. A kind of which nobody was told lately waits for the first pause only. So
a storm of whatever size is a handful of messages, and each says how often, and for how long in all.
"""

from collections.abc import Iterable
from typing import NamedTuple

from services.monitor.alerts.conditions import AlertMessage, Condition, KnownCondition, Observation
from services.monitor.alerts.messages import body_of, title_of
from shared.config.monitor import AlertSettings
from shared.intervals import NS_PER_S
from shared.record import Snapshot
from shared.tick import State, Tick

MOST = 20  # messages …
WITHIN_NS = 600 * NS_PER_S  # … in so long, whatever happens


class BundleSnapshot(Snapshot):
    """The saved form of a BundleStage."""

    known: list[KnownCondition]
    sent_ns: list[int]
    pause_ns: int
    news_ns: int
    kinds_ns: dict[str, int]


class MessagePace(NamedTuple):
    """The pace of messages, ns; see AlertSettings."""

    bundle_ns: int
    pause_ns: int
    longest_ns: int

    @classmethod
    def of(cls, own: AlertSettings) -> "MessagePace":
        """Returns it as the settings have it."""
        return cls(*(round(seconds * NS_PER_S) for seconds in (own.bundle_s, own.pause_s, own.longest_pause_s)))


class BundleStage(Tick[Observation, AlertMessage]):
    """The stage takes observations, in the order of time, and gives a message when one is due; None: nothing is due.

    - name: of the line, which stands in each title.

    >>> from services.monitor.alerts.conditions import AlertKind, Condition, Observation
    >>> stage = BundleStage("tickline main", MessagePace(0, NS_PER_S, NS_PER_S))
    >>> halt = Condition(AlertKind.HALT, "halt", "by ann", "tickline resume HALT")
    >>> stage.on_tick(Observation(5 * NS_PER_S, {"journal": (halt,)}))
    AlertMessage(title='tickline main: halt', body='halt: by ann: `tickline resume HALT`')
    >>> stage.on_tick(Observation(65 * NS_PER_S, {"journal": ()}))
    AlertMessage(title='tickline main: halt over', body='over: halt: halt, after 60 s')
    """

    def __init__(self, name: str, pace: MessagePace) -> None:
        self._name = name
        self._pace = pace
        self._known: dict[tuple[str, str, str], KnownCondition] = {}
        self._sent_ns: list[int] = []
        self._pause_ns = pace.pause_ns
        self._news_ns = 0  # when the oldest news came that nobody was told; 0: there is none
        self._kinds_ns: dict[str, int] = {}  # when a kind was told last

    @property
    def standing(self) -> list[KnownCondition]:
        """Returns all that holds, as it was seen last."""
        return [known for known in self._known.values() if known.stands and not known.endless]

    def on_tick(self, val: Observation) -> AlertMessage | None:
        """Takes an observation."""
        for source, conditions in val.standing.items():
            self._see(source, conditions, val.now_ns)
        for one in val.happened:
            self._begin("", one, val.now_ns, endless=True)
        news = [known for known in self._known.values() if known.is_news]
        if not news:
            self._news_ns = 0
            return None
        self._news_ns = min(self._news_ns or val.now_ns, val.now_ns)  # a clock may be set back
        if not self._due(val.now_ns, news):
            return None
        self._tell(val.now_ns, news)
        return AlertMessage(title_of(self._name, news), body_of(news, val.now_ns))

    def _see(self, source: str, conditions: Iterable[Condition], now_ns: int) -> None:
        seen = set[tuple[str, str, str]]()
        for one in conditions:
            seen.add((source, one.kind, one.about))
            self._begin(source, one, now_ns)
        for key, known in list(self._known.items()):
            if known.source == source and known.stands and not known.endless and key not in seen:
                self._known[key] = known.model_copy(
                    update={"ended_ns": now_ns, "lasted_ns": known.lasted_ns + max(now_ns - known.counted_ns, 0)}
                )

    def _begin(self, source: str, one: Condition, now_ns: int, *, endless: bool = False) -> None:
        key = (source, one.kind, one.about)
        known = self._known.get(key)
        if known is not None and known.stands and not endless:
            if known.text != one.text:
                self._known[key] = known.model_copy(update={"text": one.text, "remedy": one.remedy})
            return
        before = known.model_dump(include={"told", "times", "lasted_ns"}) if known is not None else {"times": 0}
        self._known[key] = KnownCondition(
            source=source, kind=one.kind.value, about=one.about, text=one.text, remedy=one.remedy, sym=one.sym,
            began_ns=now_ns, counted_ns=now_ns, endless=endless, **{**before, "times": before["times"] + 1},
        )  # fmt: skip

    def _due(self, now_ns: int, news: Iterable[KnownCondition]) -> bool:
        """Says whether the bundle is closed, and the pause over."""
        self._sent_ns = [at_ns for at_ns in self._sent_ns if 0 <= now_ns - at_ns < WITHIN_NS]
        if now_ns - self._news_ns < self._pace.bundle_ns or len(self._sent_ns) >= MOST:
            return False
        if not self._sent_ns:
            return True
        fresh = any(now_ns - self._kinds_ns.get(one.kind, 0) >= 2 * self._pace.longest_ns for one in news)
        return now_ns - self._sent_ns[-1] >= (self._pace.pause_ns if fresh else self._pause_ns)

    def _tell(self, now_ns: int, news: Iterable[KnownCondition]) -> None:
        """Takes that a person knows all of it now."""
        first, longest = self._pace.pause_ns, self._pace.longest_ns
        quiet_ns = now_ns - self._sent_ns[-1] if self._sent_ns else WITHIN_NS
        grown_ns = self._pause_ns // 4 if quiet_ns > 2 * self._pause_ns else 2 * self._pause_ns
        self._pause_ns = first if quiet_ns >= 2 * longest else min(max(grown_ns, first), longest)
        self._sent_ns.append(now_ns)
        self._news_ns = 0
        for one in news:
            self._kinds_ns[one.kind] = now_ns
            key = (one.source, one.kind, one.about)
            if one.stands and not one.endless:
                self._known[key] = one.model_copy(
                    update={"told": True, "times": 0, "lasted_ns": 0, "counted_ns": now_ns}
                )
            else:
                del self._known[key]

    def state(self) -> State:
        """Returns what is known and told."""
        return BundleSnapshot(
            known=list(self._known.values()), sent_ns=self._sent_ns, pause_ns=self._pause_ns,
            news_ns=self._news_ns, kinds_ns=self._kinds_ns,
        )  # fmt: skip

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = BundleSnapshot.of(state)
        self._known = {(one.source, one.kind, one.about): one for one in saved.known}
        self._sent_ns, self._pause_ns, self._news_ns = list(saved.sent_ns), saved.pause_ns, saved.news_ns
        self._kinds_ns = dict(saved.kinds_ns)
