"""A silent symbol: the monitor waits for it a while, then says so and goes on; when it is back it counts again."""

from collections.abc import Iterable, Iterator

from services.monitor import main
from services.monitor.comparisons import Comparisons, EquityBand
from services.monitor.looks import KNOWN_SINCE, REST_S, WAIT_S, LateSymbols
from services.monitor.stage import GivenUp, MonitorStage
from shared.bus.api import Lease, Stored
from shared.bus.names import PartitionId
from shared.config import Settings
from shared.drift.stage import DriftStage
from shared.messages import DriftReading, LateBars, Message, RangeReading, decode
from shared.messages.monitor import BOOK
from shared.runner.partition import Partition
from shared.runner.service import limits_of
from tests.unit.drift.references import COSTS
from tests.unit.monitor.session import BAR_NS, BEGIN_NS, REFERENCE, SYMBOLS, bars, stage

SETTINGS = Settings(symbols=SYMBOLS, interval="12h", signal={"model": "none"})
LIVE, SILENT = SYMBOLS


class Looked:
    """A monitor's partition, of which LateSymbols looks; its clock goes when the test says so."""

    def __init__(self, monitor: MonitorStage, wire: int = KNOWN_SINCE) -> None:
        plan = main.plan(SETTINGS)
        spec = plan.__class__(**{**plan.__dict__, "make_stage": lambda _: monitor})
        lease = Lease(PartitionId("monitor", 0), "test", 1)
        self.now_s = 1_000.0
        self.part = Partition(spec, limits_of(SETTINGS), lease, Stored(0, {}), "run", {}, wire)
        self._late = LateSymbols(clock=lambda: self.now_s)

    def look(self, after_s: float = 0.0) -> list[Message]:
        """Looks once a second for so long; returns what the stage has written by then."""
        self._late.look(self.part)
        for _ in range(int(after_s)):
            self.now_s += 1
            self._late.look(self.part)
        return self._written()

    def take(self, messages: Iterable[Message]) -> list[Message]:
        for message in messages:
            self.part.feed(message.sym, message)
        return self._written()

    def _written(self) -> list[Message]:
        commit = self.part.commit()
        return [] if commit is None else [decode(each.t, each.d) for each in commit.entries]

    def pause(self, for_s: float) -> None:
        self.now_s += for_s


def of(sym: str, first: int, last: int) -> Iterator[Message]:
    return (each for each in bars(first, last, -0.01) if each.sym == sym)


def test_a_silent_symbol_is_waited_for_and_then_said() -> None:
    looked = Looked(stage())
    assert looked.take(of(LIVE, 1, 5)) == []
    assert looked.look(WAIT_S - 1) == []
    late, *readings = looked.look(1)
    assert isinstance(late, LateBars)
    assert (late.sym, late.n, late.since, late.ts_event, late.book) == (SILENT, 1, 0, BEGIN_NS + 4 * BAR_NS, False)
    assert late.human() == f"{SILENT} late: no bar yet, the drift of the others goes on without it"
    assert [each.syms for each in readings if isinstance(each, DriftReading)] == [(LIVE,)] * 3
    assert len(readings) == 3, "the first of the four has no bar before it"


def test_of_a_symbol_that_stays_silent_each_bar_is_waited_for_anew() -> None:
    looked = Looked(stage())
    looked.take(of(LIVE, 1, 5))
    looked.look(WAIT_S)
    assert looked.look(WAIT_S) == [], "the last bar may come yet"
    looked.take(of(LIVE, 6, 6))
    assert looked.look(WAIT_S - 1) == [], "it stood still before, too, but nobody was a whole bar further"
    late, reading = looked.look(1)
    assert isinstance(late, LateBars) and late.ts_event == reading.ts_event == BEGIN_NS + 5 * BAR_NS


def test_one_that_comes_on_is_not_late_however_far_behind_it_is() -> None:
    looked = Looked(stage())
    looked.take(of(LIVE, 1, 50))
    for n in range(1, 20):
        looked.take(of(SILENT, n, n))
        assert looked.look(WAIT_S - 1) == []


def test_after_a_pause_what_waits_on_the_bus_is_read_first() -> None:
    looked = Looked(stage())
    looked.take(of(LIVE, 1, 5))
    looked.look(WAIT_S - 1)
    looked.pause(REST_S + 1)
    assert looked.look() == []


def test_an_older_tickline_on_the_bus_has_no_word_for_it() -> None:
    looked = Looked(stage(), wire=KNOWN_SINCE - 1)
    looked.take(of(LIVE, 1, 5))
    assert looked.look(2 * WAIT_S) == []


def test_back_again_it_counts_from_its_second_bar_on() -> None:
    looked = Looked(stage())
    looked.take(bars(1, 3, -0.01))
    looked.take(of(LIVE, 4, 6))
    assert isinstance(looked.look(WAIT_S)[0], LateBars)
    back = looked.take([*of(SILENT, 6, 6), *bars(7, 7, -0.01)])
    assert [each.syms for each in back if isinstance(each, DriftReading)] == [(LIVE,), SYMBOLS]


def test_the_books_go_on_likewise() -> None:
    """Books that hold nothing: what counts is who is waited for."""
    reference = REFERENCE.model_copy(update={"symbols": SYMBOLS})
    monitor = MonitorStage(DriftStage(SYMBOLS, COSTS), Comparisons({}, {}, EquityBand(SYMBOLS, reference)))
    looked, upto = Looked(monitor), BEGIN_NS + 4 * BAR_NS
    looked.take(of(LIVE, 1, 5))
    assert set(monitor.late()) == {GivenUp(SILENT, 0, upto, book) for book in (False, True)}
    said = [each for each in looked.look(WAIT_S) if isinstance(each, LateBars)]
    assert [(each.n, each.book) for each in said] == [(1, False), (2, True)]
    assert list(monitor.late()) == []
    assert not any(isinstance(each, RangeReading) and each.sym == BOOK for each in said)
