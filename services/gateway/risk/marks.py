"""Limits remember, in the journal, marks of the equity, marks of the day's funding, and the orders sent of late.

Daily loss and drawdown are measured against the equity at midnight and at its highest. A limit is reached when two
observations in a row are past it: a balance and a price that were read around a fill look like a loss once. After the
first nothing is added until the second has come. The highest, too, is what two in a row have reached. A limit that is
reached sets its latch, and stands until a person drops it. Marks remember which they have set, and which of these were
seen to stand: one that was seen and is gone was dropped by a person (`tickline resume`), and that limit counts anew
from the present equity. One that was not seen yet stands too, and is set again until it is seen. Money paid in counts
as profit, money taken out as loss. Marks of another definition of equity than today's (`equity.py`) are no measure:
they are begun anew.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Annotated, NamedTuple

from services.gateway.risk.check import Changes
from shared.config.risk import RiskSettings
from shared.control.latches import DAILY_FUNDING, DAILY_LOSS, DRAWDOWN
from shared.journal.rows import EventRow, FundingRow, LatchRow, LimitRow
from shared.messages.codec import keep, kept
from shared.record import BY_VALUE, Record, unvalidated

EQUITY_MARKS, FUNDING_MARKS, ORDER_RATE = "equity_marks", "funding_marks", "orders_per_minute"  # names of rows
DEFINITION = 2  # 1: ccxt's total of the quote currency, which left out a spot account's coins and Bybit's open profit
DAY_NS = 86_400 * 10**9
NS_PER_MS, MS_PER_S = 1_000_000, 1_000
WINDOW_S = 60  # of the rate of orders
BY = "gateway"
WATCHED = (DAILY_LOSS, DRAWDOWN)


class Marks(Record):
    """The marks keep what the equity was.

    - day: since 1970, UTC; day_equity: when it began.
    - peak: the highest, of two in a row; last: the newest.
    - latched: limits that stand; seen: those of them whose latch was found in the journal.
    - definition: of the equity.
    """

    day: int
    day_equity: Decimal
    peak: Decimal
    last: Decimal
    latched: Annotated[tuple[str, ...], BY_VALUE] = ()
    seen: Annotated[tuple[str, ...], BY_VALUE] = ()
    definition: int = DEFINITION

    def row(self) -> LimitRow:
        """Returns the row that the journal keeps."""
        return LimitRow(EQUITY_MARKS, keep(self))


class Watched(NamedTuple):
    """An observation of the equity has these consequences.

    - changes: to be written: the marks, if they moved, and a latch for each limit that is reached.
    - standing: limits that let nothing more through.
    - suspected: limits that this observation is past, and the one before was not.
    """

    changes: Changes
    standing: tuple[str, ...]
    suspected: tuple[str, ...] = ()


def marks_in(limits: Mapping[str, bytes]) -> Marks | None:
    """Returns the marks that stand in the journal; None before the first, and for those of another definition.

    Raises ValueError when they are no marks.
    """
    marks = kept(Marks, limits[EQUITY_MARKS]) if EQUITY_MARKS in limits else None
    return marks if marks and marks.definition == DEFINITION else None


def watch(
    rules: RiskSettings,
    now_ns: int,
    equity: Decimal,
    limits: Mapping[str, bytes],
    latches: Mapping[str, LatchRow],
    suspected: Collection[str] = (),
) -> Watched:
    """Returns what follows from seeing the account's equity.

    - limits, latches: as they stand.
    - suspected: limits that the observation before this one was past; only these can be reached by this one.
    """
    old = marks_in(limits)
    new = _moved(old, now_ns // DAY_NS, equity, latches)
    past = set(_reached(rules, new)) - set(new.latched)
    new = new.model_copy(update={"latched": tuple(sorted({*new.latched, *(past & set(suspected))}))})
    rows: list[LimitRow | LatchRow | EventRow] = [] if new == old else [new.row()]
    if old is None and EQUITY_MARKS in limits:
        begun = _begun_anew(kept(Marks, limits[EQUITY_MARKS]), equity)
        rows.append(EventRow("EQUITY", "", "", begun, now_ns // NS_PER_MS))
    unseen = [name for name in new.latched if name not in latches]
    set_now = [LatchRow(name, _reason(rules, name, new), BY, now_ns // NS_PER_MS) for name in unseen]
    return Watched((*rows, *set_now), new.latched, tuple(sorted(past - set(new.latched))))


def _moved(old: Marks | None, day: int, equity: Decimal, latches: Mapping[str, LatchRow]) -> Marks:
    seen = tuple(name for name in WATCHED if name in latches)
    if old is None:
        return Marks(day=day, day_equity=equity, peak=equity, last=equity, latched=seen, seen=seen)
    begun = old.last if day > old.day else old.day_equity
    resumed = set(old.seen) - set(seen)
    return Marks(
        day=max(day, old.day),
        day_equity=equity if DAILY_LOSS in resumed else begun,
        peak=equity if DRAWDOWN in resumed else max(old.peak, min(old.last, equity)),
        last=equity,
        latched=tuple(sorted({*old.latched, *seen} - resumed)),
        seen=seen,
    )


def _reached(rules: RiskSettings, marks: Marks) -> Iterator[str]:
    if marks.day_equity - marks.last >= rules.daily_loss:
        yield DAILY_LOSS
    if marks.peak - marks.last >= rules.max_drawdown * marks.peak and marks.peak > 0:
        yield DRAWDOWN


def _reason(rules: RiskSettings, name: str, marks: Marks) -> str:
    if name == DAILY_LOSS:
        return f"equity {marks.last}, {marks.day_equity} when the day began: the limit is {rules.daily_loss}"
    return f"equity {marks.last}, {marks.peak} at its highest: the limit is {rules.max_drawdown:%}"


def _begun_anew(before: Marks, equity: Decimal) -> str:
    were = f"{before.day_equity} when the day began, {before.peak} at its highest, {before.last} in the end"
    return f"daily loss and drawdown are begun anew at {equity}: equity was defined otherwise before ({were})"


class FundingMarks(Record):
    """The marks keep from when on the day's funding counts: what the account has paid, less what it has received.

    It is counted from the payments that the journal has booked. Reaching the limit sets the latch, which stands until a
    person drops it (`tickline resume`), also over midnight; from then on only what is paid later counts. As with the
    marks of the equity, a latch that was seen to stand and is gone was dropped by a person.

    - day: since 1970, UTC; since_ms: from when on payments count.
    - latched: the limit stands; seen: its latch was found in the journal.
    """

    day: int
    since_ms: int
    latched: bool = False
    seen: bool = False

    def row(self) -> LimitRow:
        """Returns the row that the journal keeps."""
        return LimitRow(FUNDING_MARKS, keep(self))


def funding_marks_in(limits: Mapping[str, bytes]) -> FundingMarks | None:
    """Returns the marks that stand in the journal; None before the first, ValueError when they are no marks."""
    return kept(FundingMarks, limits[FUNDING_MARKS]) if FUNDING_MARKS in limits else None


def counted_from_ms(now_ns: int) -> int:
    """Returns from when on payments are needed: since midnight, and no mark is older."""
    return now_ns // DAY_NS * DAY_NS // NS_PER_MS


def watch_funding(
    limit: Decimal,
    now_ns: int,
    payments: Iterable[FundingRow],
    limits: Mapping[str, bytes],
    latches: Mapping[str, LatchRow],
) -> Changes:
    """Returns changes after payments were booked: the marks, if they moved, and the latch, if it is reached."""
    old, stands = funding_marks_in(limits), DAILY_FUNDING in latches
    day, now_ms = now_ns // DAY_NS, now_ns // NS_PER_MS
    resumed = old is not None and old.seen and not stands
    begun_ms = counted_from_ms(now_ns) if old is None or day > old.day else old.since_ms
    since_ms = now_ms if resumed else begun_ms
    paid = -sum((payment.amount for payment in payments if payment.at_ms >= since_ms), Decimal(0))
    latched = stands or paid >= limit or (old is not None and old.latched and not resumed)
    new = FundingMarks(day=max(day, old.day if old else day), since_ms=since_ms, latched=latched, seen=stands)
    rows: list[LimitRow | LatchRow] = [] if new == old else [new.row()]
    if latched and not stands:
        since = "midnight, UTC" if since_ms == counted_from_ms(now_ns) else "it was resumed"
        text = f"{paid} of funding paid since {since}: the limit is {limit}"
        rows.append(LatchRow(DAILY_FUNDING, text, BY, now_ms))
    return tuple(rows)


class SentOrders(Record):
    """The orders sent within the last minute are counted by the second.

    - seconds: since 1970, in their order.
    - orders: how many were sent in each.
    """

    seconds: list[int]
    orders: list[int]


_sent = unvalidated(SentOrders)  # an order waits for it


def sent(limits: Mapping[str, bytes], now_ms: int) -> int:
    """Returns how many were sent in seconds that began at most 60 s ago, or lie ahead: never too few."""
    return sum(count for _, count in _counts(limits, now_ms))


def one_more(limits: Mapping[str, bytes], now_ms: int) -> LimitRow:
    """Returns the row of the counts with one order more, sent now. At most 62 seconds are kept."""
    counts = dict(_counts(limits, now_ms))
    second = now_ms // MS_PER_S
    counts[second] = counts.get(second, 0) + 1
    seconds = sorted(counts)
    return LimitRow(ORDER_RATE, keep(_sent(seconds=seconds, orders=[counts[at] for at in seconds])))


def _counts(limits: Mapping[str, bytes], now_ms: int) -> list[tuple[int, int]]:
    if ORDER_RATE not in limits:
        return []
    first = now_ms // MS_PER_S - WINDOW_S
    saved = kept(SentOrders, limits[ORDER_RATE])
    return [(at, count) for at, count in zip(saved.seconds, saved.orders, strict=True) if at >= first]
