"""How far the equity has fallen since midnight and from its highest: what daily loss and drawdown are measured against.

A limit is reached when two observations in a row are past it: a balance and a price that were read around a fill look
like a loss once. After the first nothing is added until the second has come. The highest, too, is what two in a row
have reached. A limit that is reached sets its latch, and stands until a person drops it. Marks remember which they
have set, and which of these were seen to stand: one that was seen and is gone was dropped by a person (`tickline
resume`), and that limit counts anew from the present equity. One that was not seen yet stands too, and is set again
until it is seen. Money paid in counts as profit, money taken out as loss. Marks of another definition of equity than
today's (`equity.py`) are no measure: they are begun anew.
"""

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from typing import Annotated, NamedTuple

from services.gateway.risk.check import Changes
from shared.config.risk import RiskSettings
from shared.control import latches as names
from shared.journal.rows import EventRow, LatchRow, LimitRow
from shared.messages.codec import keep, kept
from shared.record import BY_VALUE, Record

LIMIT = "equity_marks"
DEFINITION = 2  # 1: ccxt's total of the quote currency, which left out a spot account's coins and Bybit's open profit
DAY_NS = 86_400 * 10**9
BY = "gateway"
WATCHED = (names.DAILY_LOSS, names.DRAWDOWN)


class Marks(Record):
    """day: since 1970, UTC. day_equity: when it began. peak: the highest, of two in a row. last: the newest.

    latched: limits that stand. seen: those of them whose latch was found in the journal. definition: of the equity.
    """

    day: int
    day_equity: Decimal
    peak: Decimal
    last: Decimal
    latched: Annotated[tuple[str, ...], BY_VALUE] = ()
    seen: Annotated[tuple[str, ...], BY_VALUE] = ()
    definition: int = DEFINITION

    def row(self) -> LimitRow:
        """As it stands in the journal."""
        return LimitRow(LIMIT, keep(self))


class Watched(NamedTuple):
    """changes: to be written: the marks, if they moved, and a latch for each limit that is reached. standing: limits
    that let nothing more through. suspected: limits that this observation is past, and the one before was not."""

    changes: Changes
    standing: tuple[str, ...]
    suspected: tuple[str, ...] = ()


def marks_in(limits: Mapping[str, bytes]) -> Marks | None:
    """The marks that stand in the journal; None before the first, and for those of another definition.

    Raises ValueError when they are no marks.
    """
    marks = kept(Marks, limits[LIMIT]) if LIMIT in limits else None
    return marks if marks and marks.definition == DEFINITION else None


def watch(
    rules: RiskSettings, now_ns: int, equity: Decimal, limits: Mapping[str, bytes], latches: Mapping[str, LatchRow],
    suspected: Collection[str] = (),
) -> Watched:  # fmt: skip
    """What follows from seeing the account's equity. limits, latches: as they stand.

    suspected: limits that the observation before this one was past; only these can be reached by this one.
    """
    old = marks_in(limits)
    new = _moved(old, now_ns // DAY_NS, equity, latches)
    past = set(_reached(rules, new)) - set(new.latched)
    new = new.model_copy(update={"latched": tuple(sorted({*new.latched, *(past & set(suspected))}))})
    rows: list[LimitRow | LatchRow | EventRow] = [] if new == old else [new.row()]
    if old is None and LIMIT in limits:
        rows.append(EventRow("EQUITY", "", "", _begun_anew(kept(Marks, limits[LIMIT]), equity), now_ns // 1_000_000))
    unseen = [name for name in new.latched if name not in latches]
    set_now = [LatchRow(name, _said(rules, name, new), BY, now_ns // 1_000_000) for name in unseen]
    return Watched((*rows, *set_now), new.latched, tuple(sorted(past - set(new.latched))))


def _moved(old: Marks | None, day: int, equity: Decimal, latches: Mapping[str, LatchRow]) -> Marks:
    seen = tuple(name for name in WATCHED if name in latches)
    if old is None:
        return Marks(day=day, day_equity=equity, peak=equity, last=equity, latched=seen, seen=seen)
    begun = old.last if day > old.day else old.day_equity
    resumed = set(old.seen) - set(seen)
    return Marks(
        day=max(day, old.day),
        day_equity=equity if names.DAILY_LOSS in resumed else begun,
        peak=equity if names.DRAWDOWN in resumed else max(old.peak, min(old.last, equity)),
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


def _begun_anew(before: Marks, equity: Decimal) -> str:
    were = f"{before.day_equity} when the day began, {before.peak} at its highest, {before.last} in the end"
    return f"daily loss and drawdown are begun anew at {equity}: equity was defined otherwise before ({were})"
