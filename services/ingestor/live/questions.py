"""A stage asks for what is missing, one question at a time, and waits for the answer only so long."""

from typing import Literal

from shared.exchanges.market_data.events import Missing
from shared.record import Record, fields_of


class SavedQuestion(Record):
    """A snapshot keeps a Missing so."""

    no: int
    what: Literal["trades", "bars"]
    from_id: int | None
    to_id: int | None
    from_ns: int
    to_ns: int


_saved = fields_of(SavedQuestion)


class Questions:
    """The questions of one stage have numbers, and at most one of them is open.

    - what: what is asked for.
    - fill_ns: how long an answer is waited for, by the clock's times. It begins with the first time after the question,
      and anew after a lost connection.
    - open: the question that is open, or None. no: of the last question, 0 before the first.

    >>> questions = Questions("bars", fill_ns=10)
    >>> questions.ask(now=100, from_ns=20, to_ns=30)
    Missing(no=1, what='bars', from_id=None, to_id=None, from_ns=20, to_ns=30)
    >>> questions.is_late(110), questions.is_late(111)
    (False, True)
    >>> questions.end(), questions.open
    (None, None)
    """

    def __init__(self, what: Literal["trades", "bars"], fill_ns: int) -> None:
        self.open: Missing | None = None
        self.no = 0
        self._what: Literal["trades", "bars"] = what
        self._fill_ns = fill_ns
        self._asked_now = 0  # by the clock; 0 until its next time

    def ask(self, now: int, from_ns: int, to_ns: int, from_id: int | None = None, to_id: int | None = None) -> Missing:
        """Returns the next question, which is open from now on instead of any other. See Missing."""
        self.no += 1
        self.open, self._asked_now = Missing(self.no, self._what, from_id, to_id, from_ns, to_ns), now
        return self.open

    def answered(self, no: int) -> Missing | None:
        """Returns the open question, if it has this number."""
        return self.open if self.open is not None and self.open.no == no else None

    def is_late(self, now: int) -> bool:
        """Says, of an open question, whether its answer was waited for long enough."""
        self._asked_now = self._asked_now or now
        return now - self._asked_now > self._fill_ns

    def wait_anew(self) -> None:
        """Waits for the answer from the clock's next time on."""
        self._asked_now = 0

    def end(self) -> None:
        """Ends the open question."""
        self.open = None

    def saved(self) -> tuple[SavedQuestion | None, int, int]:
        """Returns what a snapshot keeps: the open question, when it was asked, and the last number."""
        return None if self.open is None else _saved(**self.open._asdict()), self._asked_now, self.no

    def restore(self, question: SavedQuestion | None, asked_now: int, no: int) -> None:
        """Takes back what `saved()` gave."""
        self.open, self._asked_now, self.no = None, asked_now, no
        if question is not None:
            saved = question
            self.open = Missing(saved.no, saved.what, saved.from_id, saved.to_id, saved.from_ns, saved.to_ns)
