"""Suspects are entries that a partition must not give to its stages: poison, and what a wire wrote that is not known.

A failed stage has spoilt its memory, so the partition is loaded anew; this module remembers across that why it was.
"""

from collections.abc import Callable, MutableMapping

from shared.errors import UserCodeFailed
from shared.record import NewerWire
from shared.user_code import described, place_of

Suspect = tuple[str, bytes]  # input stream, entry id


class StageFailed(Exception):
    """`on_tick` raised, or a state cannot be saved: the partition's memory is spoilt and must be loaded anew.

    code: where a user's code did it; empty where it was not theirs.
    """

    def __init__(self, sym: str, suspect: Suspect, cause: BaseException) -> None:
        super().__init__(described(cause, f"{sym}: {suspect[0]} {suspect[1].decode()}"))
        self.suspect = suspect
        place = place_of(cause)
        self.code = str(place) if place else "its memory" if isinstance(cause, UserCodeFailed) else ""


class NewerEntry(NewerWire):
    """An entry says that a newer Tickline wrote it. The bus's register tells whether one may have."""

    def __init__(self, p: int, suspect: Suspect, newer: NewerWire) -> None:
        super().__init__(newer.what, newer.wire)
        self.p, self.suspect = p, suspect


class Suspects:
    """A worker remembers its suspects by partition: entry ids are times, and another partition may have the same.

    A stage fails at an entry: the partition takes one entry a commit until that one is behind it. The stage fails at
    the same entry again, alone: the entry is poison.
    """

    def __init__(self) -> None:
        self.retried: dict[int, Suspect] = {}  # by partition: it takes one entry a commit, until this one is behind it
        self._poison: dict[int, dict[Suspect, str]] = {}
        self._foreign: dict[int, dict[Suspect, str]] = {}

    def poison(self, p: int) -> MutableMapping[Suspect, str]:
        """Returns the entries of partition `p` at which a stage failed twice, and why."""
        return self._poison.setdefault(p, {})

    def foreign(self, p: int) -> MutableMapping[Suspect, str]:
        """Returns the entries of partition `p` whose wire nobody may write there, and why."""
        return self._foreign.setdefault(p, {})

    def failed(self, p: int, failure: StageFailed) -> bool:
        """Notes a failure; True when its entry failed before, and is poison from now on."""
        if self.retried.get(p) != failure.suspect:
            self.retried[p] = failure.suspect
            return False
        self.poison(p)[failure.suspect] = str(failure)
        del self.retried[p]
        return True

    def committed(self, p: int, behind: Callable[[Suspect], bool]) -> None:
        """Ends the retry of partition `p`, which has committed, once its entry is `behind`."""
        if behind(self.retried[p]):
            del self.retried[p]

    def forget(self, p: int) -> None:
        """Forgets all of partition `p`, which is another's."""
        for known in (self.retried, self._poison, self._foreign):
            known.pop(p, None)
