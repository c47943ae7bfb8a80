"""Suspects are entries that a partition must not give to its stages: poison, and what a wire wrote that is not known.

The decoder finds those that cannot be read, or are not what was taken before under their number. A failed stage has
spoilt its memory, so the partition is loaded anew; this module remembers across that why it was.
"""

from collections.abc import Callable, Mapping, MutableMapping

from shared.bus.entry import Entry
from shared.errors import UserCodeFailed
from shared.messages import DecodeError, decode
from shared.messages.codec import content_hash
from shared.record import NewerWire
from shared.runner.symbol import Taken
from shared.user_code import described, place_of

Suspect = tuple[str, bytes]  # input stream, entry id


class StageFailed(Exception):
    """`on_tick` raised, or a state cannot be saved: the partition's memory is spoilt and must be loaded anew.

    - code: where a user's code did it; empty where it was not theirs.
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


class EntryDecoder:
    """The decoder of partition `p` puts its message into an entry, and says how one that comes again differs.

    - foreign: entries of a wire that nobody may write there, and why.
    """

    def __init__(self, p: int, foreign: Mapping[Suspect, str]) -> None:
        self._p, self._foreign = p, foreign

    def decode(self, entry: Entry, stream: str) -> None:
        """Puts the entry's message into it, or the cause why it cannot be read; raises NewerEntry."""
        if entry.cause:
            return
        try:
            message = decode(entry.t, entry.d)
        except DecodeError as error:
            entry.cause = str(error)
            return
        except NewerWire as newer:
            suspect = (stream, entry.id)
            if suspect not in self._foreign:
                raise NewerEntry(self._p, suspect, newer) from newer
            entry.cause = self._foreign[suspect]
            return
        if message.sym != entry.k or message.n != entry.n:
            entry.cause = f"k={entry.k} n={entry.n} do not match {message.sym} n={message.n} inside"
        else:
            entry.message = message

    def divergence(self, entry: Entry, stream: str, last: Taken) -> str:
        """Returns how the entry differs from the one of its number that was taken; empty where it does not."""
        if entry.tr != last.tr:
            return f"was {last.tr}, is {entry.tr}"
        self.decode(entry, stream)
        known = last.content
        if not known or (entry.message is not None and content_hash(entry.message) == known):
            return ""
        return f"of {entry.tr} says something else than before: {entry.cause or entry.h.decode(errors='replace')}"


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
