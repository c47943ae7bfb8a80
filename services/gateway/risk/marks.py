"""How far the equity has fallen since midnight and from its highest: what daily loss and drawdown are measured against.

A limit that is reached sets its latch, and stands until a person drops it. Marks remember which latches they have set,
and which of these were seen to stand: one that was seen and is gone was dropped by a person (`tickline resume`), and
that limit counts anew from the present equity. One that was not seen yet stands too, and is set again until it is seen.
Money paid in counts as profit, money taken out as loss.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

from services.gateway.risk import latches as names
from services.gateway.risk.verdict import Changes
from shared.config.risk import RiskSettings
from shared.journal.rows import LatchRow, LimitRow
from shared.messages.codec import pack, unpack
from shared.tick import State

LIMIT = "equity_marks"
DAY_NS = 86_400 * 10**9
BY = "gateway"
WATCHED = (names.DAILY_LOSS, names.DRAWDOWN)


class Marks(NamedTuple):
    """day: since 1970, UTC. day_equity: when it began. peak: the highest. last: the newest.

    latched: limits that stand. seen: those of them whose latch was found in the journal.
    """

    day: int
    day_equity: Decimal
    peak: Decimal
    last: Decimal
    latched: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()

    def row(self) -> LimitRow:
        """As it stands in the journal."""
        fields: list[State] = [self.day, self.day_equity, self.peak, self.last, list(self.latched), list(self.seen)]
        return LimitRow(LIMIT, pack(fields))


class Watched(NamedTuple):
    """changes: to be written: the marks, if they moved, and a latch for each limit that is reached. standing: limits
    that let nothing more through."""

    changes: Changes
    standing: tuple[str, ...]


def marks_in(limits: Mapping[str, bytes]) -> Marks | None:
    """The marks that stand in the journal; None before the first. Raises ValueError when they are no marks."""
    if LIMIT not in limits:
        return None
    match unpack(limits[LIMIT]):
        case [int() as day, Decimal() as began, Decimal() as peak, Decimal() as last, list() as stand, list() as seen]:
            return Marks(day, began, peak, last, tuple(map(str, stand)), tuple(map(str, seen)))
        case other:
            raise ValueError(f"the limit {LIMIT} is no state of marks: {other!r:.80}")


def watch(
    rules: RiskSettings, now_ns: int, equity: Decimal, limits: Mapping[str, bytes], latches: Mapping[str, LatchRow]
) -> Watched:
    """What follows from seeing the account's equity. limits, latches: as they stand."""
    old = marks_in(limits)
    new = _moved(old, now_ns // DAY_NS, equity, latches)
    new = new._replace(latched=tuple(sorted({*new.latched, *_reached(rules, new)})))
    rows: list[LimitRow | LatchRow] = [] if new == old else [new.row()]
    unseen = [name for name in new.latched if name not in latches]
    set_now = [LatchRow(name, _said(rules, name, new), BY, now_ns // 1_000_000) for name in unseen]
    return Watched((*rows, *set_now), new.latched)


def _moved(old: Marks | None, day: int, equity: Decimal, latches: Mapping[str, LatchRow]) -> Marks:
    seen = tuple(name for name in WATCHED if name in latches)
    if old is None:
        return Marks(day, equity, equity, equity, seen, seen)
    begun = old.last if day > old.day else old.day_equity
    resumed = set(old.seen) - set(seen)
    return Marks(
        day=max(day, old.day),
        day_equity=equity if names.DAILY_LOSS in resumed else begun,
        peak=equity if names.DRAWDOWN in resumed else max(old.peak, equity),
        last=equity,
        latched=tuple(sorted({*old.latched, *seen} - resumed)),
        seen=seen,
    )


def _reached(rules: RiskSettings, marks: Marks) -> Iterator[str]:
    if marks.day_equity - marks.last >= rules.daily_loss:
        yield names.DAILY_LOSS
    if marks.peak - marks.last >= rules.max_drawdown * marks.peak and marks.peak > 0:
        yield names.DRAWDOWN


def _said(rules: RiskSettings, name: str, marks: Marks) -> str:
    if name == names.DAILY_LOSS:
        return f"equity {marks.last}, {marks.day_equity} when the day began: the limit is {rules.daily_loss}"
    return f"equity {marks.last}, {marks.peak} at its highest: the limit is {rules.max_drawdown:%}"
