"""Whatever is interrupted whenever: what a partition writes is what an undisturbed one writes, no more and no less.

A partition of a stage with two inputs and holds runs against a model of a bus. Hypothesis chooses what is read, how far
it works, and when the memory is dropped, a commit refused, its reply lost, the server rolled back by some commits, or
another server, which holds the input, rolled back alone.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.bus.api import Stored
from shared.bus.entry import Entry, Outgoing
from shared.messages import ExecutionReport, Message, Prediction, Stream
from shared.runner.partition import Partition
from shared.runner.spec import Limits
from tests.examples import examples
from tests.unit.runner.fakes import HOLDING, Store, entry, prediction, report

LIMITS = Limits(pending=6)


class Source(NamedTuple):
    """One prediction: a number left out before it, or bytes broken, as the case may be."""

    sym: str
    skipped: bool
    broken: bool


@dataclass
class Moment:
    """The bus at one moment: sizes of the streams, and the state."""

    stored: Stored
    written: int
    published: int
    reports: int


@dataclass
class World:
    """A bus with two input streams. Predictions are published one by one; reports answer what the stage asked for."""

    sources: Sequence[Source]
    store: Store = field(default_factory=lambda: Store(HOLDING, LIMITS))
    published: list[tuple[int, Message, bool]] = field(default_factory=list)
    reports: list[tuple[int, Message, bool]] = field(default_factory=list)
    history: list[Moment] = field(default_factory=list)
    step: int = 3

    def __post_init__(self) -> None:
        self.part: Partition = self.store.partition()
        self.messages = list(self._messages())
        self._remember()

    def _messages(self) -> list[tuple[Prediction, bool]]:
        numbers: dict[str, int] = defaultdict(int)
        made = []
        for source in self.sources:
            numbers[source.sym] += 1 + source.skipped
            made.append((prediction(numbers[source.sym], source.sym), source.broken))
        return made

    def _id(self, kept: Sequence[tuple[int, Message, bool]]) -> int:
        return (kept[-1][0] if kept else 0) + self.step

    def _remember(self) -> None:
        sizes = (len(self.store.written), len(self.published), len(self.reports))
        self.history.append(Moment(self.store.stored, *sizes))

    # What may happen

    def publish(self, count: int) -> None:
        for message, broken in self.messages[len(self.published) :][:count]:
            self.published.append((self._id(self.published), message, broken))

    def read(self, stream: Stream, count: int) -> bool:
        if not self.part.wants(stream):
            return False
        read_to = int(self.part.cursors[stream].read_to.split(b"-")[0])
        kept = self.published if stream is Stream.PREDICTIONS else self.reports
        found = [_entry(*item) for item in kept if item[0] > read_to][:count]
        if found:
            self.part.offer(stream, found)
        return bool(found)

    def work(self, limit: int) -> None:
        self.part.work(limit)

    def commit(self) -> bool:
        commit = self.part.commit()
        self._answer(self.store.write(commit))
        if commit is not None:
            self._remember()
        return commit is not None

    def refused_commit(self) -> None:
        self.part.commit()
        self.crash()

    def unanswered_commit(self) -> None:
        self.commit()
        self.crash()

    def crash(self) -> None:
        self.part = self.store.partition()

    def roll_back(self, commits: int) -> None:
        """The server comes back without its last commits."""
        del self.history[max(1, len(self.history) - commits) :]
        then = self.history[-1]
        self.store.stored = then.stored
        del self.store.written[then.written :], self.published[then.published :], self.reports[then.reports :]
        self.store.run_id += "+"
        self.crash()

    def lose_input(self, count: int) -> None:
        """The inputs lose their last entries; written again, these have other and smaller ids."""
        self.step = 1
        del self.published[max(0, len(self.published) - count) :]
        lost = self.reports[max(0, len(self.reports) - count) :]
        del self.reports[len(self.reports) - len(lost) :]
        for _, message, broken in lost:
            self.reports.append((self._id(self.reports), message, broken))
        self.history[:] = []
        self._remember()
        self.store.run_id += "-"
        self.crash()

    def _answer(self, written: Sequence[Outgoing]) -> None:
        for out in written:
            if out.stream == Stream.FEATURES:
                n = sum(isinstance(m, ExecutionReport) and m.sym == out.k for _, m, _ in self.reports) + 1
                self.reports.append((self._id(self.reports), report(n, out.k, out.tr), False))

    def finish(self) -> dict[tuple[str, str], list[tuple[int, bytes]]]:
        """Let everything run to its end; what was written, per stream and symbol."""
        self.publish(1_000)
        moved = True
        while moved:
            moved = self.read(Stream.PREDICTIONS, 3) | self.read(Stream.EXECUTIONS, 3)
            self.work(7)
            moved |= self.commit() | self.part.busy
        result = defaultdict(list)
        for out in self.store.written:
            if out.stream != Stream.DEAD:
                result[out.stream, out.k].append((out.n, out.d))
        return dict(result)


def _entry(position: int, message: Message, broken: bool) -> Entry:
    return entry(message, position, d=b"\xc1") if broken else entry(message, position)


SOURCES = st.lists(
    st.builds(
        Source, st.sampled_from("ABC"), st.sampled_from([False] * 5 + [True]), st.sampled_from([False] * 7 + [True])
    ),
    min_size=8,
    max_size=25,
)
SMALL = st.integers(1, 6)
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("go"), SMALL),
        st.tuples(st.just("go"), SMALL),
        st.tuples(st.just("publish"), SMALL),
        st.tuples(st.just("predictions"), SMALL),
        st.tuples(st.just("reports"), SMALL),
        st.tuples(st.just("work"), SMALL),
        st.tuples(st.just("cut off"), SMALL),
        st.tuples(st.just("commit"), st.just(0)),
        st.tuples(st.just("refused"), st.just(0)),
        st.tuples(st.just("unanswered"), st.just(0)),
        st.tuples(st.just("crash"), st.just(0)),
        st.tuples(st.just("roll back"), st.integers(0, 4)),
        st.tuples(st.just("lose input"), st.integers(0, 4)),
    ),
    min_size=5,
    max_size=40,
)


def act(world: World, name: str, number: int) -> None:
    match name:
        case "go":
            world.publish(number)
            world.read(Stream.PREDICTIONS, number)
            world.read(Stream.EXECUTIONS, number)
            world.work(number)
            world.commit()
        case "publish":
            world.publish(number)
        case "predictions":
            world.read(Stream.PREDICTIONS, number)
        case "reports":
            world.read(Stream.EXECUTIONS, number)
        case "work":
            world.work(number)
        case "cut off":  # its time is over when it begins
            world.part.work(number, until_s=0.0)
        case "commit":
            world.commit()
        case "refused":
            world.refused_commit()
        case "unanswered":
            world.unanswered_commit()
        case "crash":
            world.crash()
        case "roll back":
            world.roll_back(number)
        case _:
            world.lose_input(number)


@settings(max_examples=examples(60), deadline=None)
@given(SOURCES, ACTIONS)
def test_a_disturbed_run_writes_what_an_undisturbed_one_writes(
    sources: list[Source], actions: list[tuple[str, int]]
) -> None:
    undisturbed, disturbed = World(sources), World(sources)
    for name, number in actions:
        act(disturbed, name, number)
    assert disturbed.finish() == undisturbed.finish()
    for world in (undisturbed, disturbed):
        assert not [alarm for alarm in world.part.alarms if "stopped" in alarm]
        assert world.store.field("in:predictions").split()[1] == str(_believed(world))


def _believed(world: World) -> int:
    """The sum over the symbols of the last n that counts: of the last readable one, or of a broken one next in line."""
    last: dict[str, int] = defaultdict(int)
    for message, broken in world.messages:
        if not broken or message.n == last[message.sym] + 1:
            last[message.sym] = message.n
    return sum(last.values())


def test_the_model_itself_holds_and_asks() -> None:
    """The undisturbed run is worth comparing with: it writes on both streams, with a gap, and takes every report."""
    world = World(
        [Source("A", False, False), Source("A", True, False), Source("A", False, True)]
        + 9 * [Source("A", False, False)]
    )
    result = world.finish()
    assert [n for n, _ in result["predictions", "A"]] == list(range(1, 14))
    asked = len(result["features", "A"])
    assert asked == sum(message.n % 3 for message, broken in world.messages if not broken)
    assert world.store.field("in:executions").split()[1] == str(asked)
