"""How far our clock is from the venue's, measured by asking for the time."""

from collections import deque
from typing import NamedTuple

from shared.record import Record, Snapshot, unvalidated
from shared.tick import State, Tick


class TimeAnswer(NamedTuple):
    """Our clock before and after a request, and the venue's in between; ns."""

    sent: int
    received: int
    venue: int


class Skew(NamedTuple):
    """The venue's clock is ours + `offset_ns`, give or take `error_ns`."""

    offset_ns: int
    error_ns: int

    def within(self, bound_ns: int) -> bool:
        """Whether our clock is surely within the bound.

        >>> Skew(40, 10).within(50), Skew(-45, 10).within(50)
        (True, False)
        """
        return abs(self.offset_ns) + self.error_ns <= bound_ns


class SavedAnswer(Record):
    """A TimeAnswer."""

    sent: int
    received: int
    venue: int


class ClockSkewSnapshot(Snapshot):
    """What a ClockSkew remembers; the answers as they came."""

    refused: int
    answers: list[SavedAnswer]


_answer, _snapshot = unvalidated(SavedAnswer), unvalidated(ClockSkewSnapshot)


class ClockSkew(Tick[TimeAnswer, Skew]):
    """Answers in; the skew by the quickest of the last `count` of them out (Cristian's algorithm: half the way back).

    An answer that came before it was asked for, since our clock was set back, is left out and counted in `refused`, and
    so is all that was measured before it: None until the next one.

    >>> skew = ClockSkew(count=8)
    >>> skew.on_tick(TimeAnswer(sent=100, received=140, venue=1_120)), skew.on_tick(TimeAnswer(200, 210, 1_206))
    (Skew(offset_ns=1000, error_ns=20), Skew(offset_ns=1001, error_ns=5))
    """

    def __init__(self, count: int = 16) -> None:
        if count < 1:
            raise ValueError(f"a skew of {count} answers is not possible")
        self.refused = 0
        self._answers: deque[TimeAnswer] = deque(maxlen=count)

    def on_tick(self, val: TimeAnswer) -> Skew | None:
        """Take an answer."""
        if val.received < val.sent:
            self.refused += 1
            self._answers.clear()
            return None
        self._answers.append(val)
        sent, received, venue = min(reversed(self._answers), key=_way)
        return Skew(venue - (sent + received) // 2, (received - sent + 1) // 2)

    def state(self) -> State:
        """The last answers and the count."""
        return _snapshot(refused=self.refused, answers=[_answer(**answer._asdict()) for answer in self._answers])

    def restore(self, state: State) -> None:
        """Take back what `state()` gave."""
        saved = ClockSkewSnapshot.of(state)
        self.refused = saved.refused
        self._answers.clear()
        self._answers.extend(TimeAnswer(answer.sent, answer.received, answer.venue) for answer in saved.answers)


def _way(answer: TimeAnswer) -> int:
    return answer.received - answer.sent
