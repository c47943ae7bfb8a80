"""The messages say what is news, or once a day how the account stands, in a few lines, however much that is.

A line about news begins with its kind, e.g. `difference: …`, and with `over: …` where it stands no more; `was: …` where
nobody knew of it while it stood. The daily line comes also where nothing is wrong: without it the alerts are not at
work.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from enum import StrEnum

from services.monitor.alerts.conditions import AlertKind, AlertMessage, KnownCondition
from shared.exchanges.trading.amounts import plain
from shared.explain.account import money as cents
from shared.lookup.money import Money, SymbolMoney
from shared.wall_time import LOCAL_TIME, WallTime, age

NAMED = 3  # of one kind, in their own words
NAMED_ONCE = 10  # likewise, of those that are told once: no later message and no screen has them as standing
COUNTED = 4  # symbols that are told beside a count
SHOWN_KINDS = 5  # in a title
SHOWN_BOOKS = 20  # in a daily line
LONGEST = 240  # characters of one text

_ZERO = Decimal(0)


class MessagePart(StrEnum):
    """A part of a message has what stands, what is over, or what was over before anybody was told."""

    BEGINS = ""
    OVER = "over"
    WAS = "was"


def part_of(known: KnownCondition) -> MessagePart:
    """Returns the part that tells it."""
    if known.stands:
        return MessagePart.BEGINS
    return MessagePart.OVER if known.told else MessagePart.WAS


def title_of(name: str, news: Sequence[KnownCondition]) -> str:
    """Returns the title: the line's name, and what it is about in a few words."""
    words = [_words(kind, part, len(group)) for kind, part, group in _grouped(news)]
    more = f" and {len(words) - SHOWN_KINDS} more" if len(words) > SHOWN_KINDS else ""
    return f"{name}: {', '.join(words[:SHOWN_KINDS])}{more}"


def _words(kind: str, part: MessagePart, count: int) -> str:
    return " ".join(
        filter(None, (str(count) if count > 1 else "", kind, "over" if part is not MessagePart.BEGINS else ""))
    )


def body_of(news: Sequence[KnownCondition], now_ns: int) -> str:
    """Returns the body: a line for each kind that has begun, and for each that is over."""
    return "\n".join(_line(kind, part, group, now_ns) for kind, part, group in _grouped(news))


def _grouped(news: Iterable[KnownCondition]) -> Iterator[tuple[str, MessagePart, list[KnownCondition]]]:
    groups: dict[tuple[str, MessagePart], list[KnownCondition]] = defaultdict(list)
    for known in news:
        groups[known.kind, part_of(known)].append(known)
    for part in MessagePart:
        for kind in AlertKind:
            if (group := groups.get((kind.value, part))) is not None:
                yield kind.value, part, group


def _line(kind: str, part: MessagePart, group: Sequence[KnownCondition], now_ns: int) -> str:
    head = f"{part}: {kind}" if part else kind
    once, standing = [one for one in group if one.endless], [one for one in group if not one.endless]
    named, left = [*once[:NAMED_ONCE], *standing[:NAMED]], [*once[NAMED_ONCE:], *standing[NAMED:]]
    said = "; ".join(_said(known, part, now_ns) for known in named)
    rest = f"; and {len(left)} more ({_by_symbol(left)})" if left else ""
    count = f" {len(group)}" if len(group) > 1 else ""
    remedies = [] if part else list(dict.fromkeys(known.remedy for known in group if known.remedy))
    return f"{head}{count}: {said}{rest}{': ' if remedies else ''}{' or '.join(f'`{one}`' for one in remedies[:2])}"


def _said(known: KnownCondition, part: MessagePart, now_ns: int) -> str:
    """Returns what one condition has to say.

    >>> known = KnownCondition(
    ...     source="bus", kind="silent feed", about="okx", text="nothing heard for 61 s", remedy="", sym="", began_ns=0,
    ...     counted_ns=0,
    ... )
    >>> _said(known, MessagePart.BEGINS, 0)
    'okx: nothing heard for 61 s'
    >>> again = known.model_copy(update={"times": 3, "lasted_ns": 20 * 10**9})
    >>> _said(again, MessagePart.BEGINS, 10 * 10**9)
    'okx: nothing heard for 61 s (3 times, 30 s in all)'
    """
    lasted_ns = known.lasted_ns + (now_ns - known.counted_ns if known.stands else 0)
    times = f"{known.times} time{'s' if known.times != 1 else ''}{' more' if known.told else ''}"
    often = f" ({times}, {age(lasted_ns)} in all)" if known.times > (0 if known.told else 1) else ""
    if part is MessagePart.BEGINS:
        named = known.about == known.kind or known.about in known.text or bool(known.sym and known.sym in known.text)
        return f"{(known.text if named else f'{known.about}: {known.text}')[:LONGEST]}{often}"
    return f"{known.about}{often or f', after {age(known.ended_ns - known.began_ns)}'}"


def _by_symbol(group: Iterable[KnownCondition]) -> str:
    counts = Counter(known.sym or known.about for known in group).most_common()
    shown = [f"{name} {count}" for name, count in counts[:COUNTED]]
    others = sum(count for _, count in counts[COUNTED:])
    return ", ".join([*shown, *([f"others {others}"] if others else [])])


class Daily:
    """A daily is due once a day, from a time of day on.

    - at: `HH:MM`, empty for never. day: of the last one; the first look ever takes its own day for done.

    >>> daily, noon_ns = Daily("08:00", WallTime(utc=True)), 1_763_985_600_000_000_000
    >>> hour_ns = 3_600_000_000_000
    >>> [daily.due(noon_ns + hours * hour_ns) for hours in (0, 1, 19, 20, 21, 44)]
    [False, False, False, True, False, True]
    """

    def __init__(self, at: str, wall: WallTime = LOCAL_TIME) -> None:
        self.day = ""
        self._at, self._wall = at, wall

    def due(self, now_ns: int) -> bool:
        """Says whether it is due; it is then taken for sent."""
        if not self._at:
            return False
        today, first = self._wall.day(now_ns), not self.day
        if self.day == today or (not first and self._wall.clock(now_ns)[:5] < self._at):
            return False
        self.day = today
        return not first


def daily_message(name: str, money: Money, standing: Sequence[KnownCondition], readings: Sequence[str]) -> AlertMessage:
    """Returns the message: what was made today and is held, and what stands.

    - readings: lines of what the monitor has found.

    >>> daily_message("main", Money("journal", 1, {"A": SymbolMoney(balance=Decimal(101), today=Decimal(1))}), (), ())
    AlertMessage(title='main: today +1, equity 101', body='A: flat, today +1\\nnothing is wrong')
    >>> unknown = SymbolMoney(Decimal(2), unrealised=None, today=None)
    >>> print(*daily_message("main", Money("bus", 1, {"A": unknown}), (), ()), sep="\\n")
    main: today unknown, equity unknown
    A: 2 (unknown), today unknown
    nothing is wrong
    """
    books = money.symbols
    today = _signed(_sum(book.today for book in books.values()))
    known = _sum(None if book.unrealised is None else book.balance + book.unrealised for book in books.values())
    equity = "unknown" if known is None else cents(known)
    more = [f"and {len(books) - SHOWN_BOOKS} symbols more"] if len(books) > SHOWN_BOOKS else []
    lines = [*_books(list(books.items())[:SHOWN_BOOKS]), *more, *([money.why] if money.why else [])]
    counts = Counter(one.kind for one in standing)
    stands = ", ".join(f"{kind} {count}" if count > 1 else kind for kind, count in counts.items())
    lines += [*readings, f"still: {stands}" if stands else "nothing is wrong"]
    return AlertMessage(f"{name}: today {today}, equity {equity}", "\n".join(lines))


def _books(books: Iterable[tuple[str, SymbolMoney]]) -> Iterator[str]:
    for sym, book in books:
        held = "flat"
        if book.qty:
            entry = "" if book.entry is None else f" from {plain(book.entry)}"
            held = f"{plain(book.qty)}{entry} ({_signed(book.unrealised)})"
        costs = [
            f"{what} {_signed(amount)}"
            for what, amount in (("fees", -book.fees_today), ("funding", book.funding_today))
            if amount
        ]
        yield ", ".join([f"{sym}: {held}", f"today {_signed(book.today)}", *costs])


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    known = list(amounts)
    return None if None in known else sum((amount for amount in known if amount is not None), _ZERO)


def _signed(amount: Decimal | None) -> str:
    if amount is None:
        return "unknown"
    shown = cents(abs(amount))
    return "0" if shown == "0" else f"{'-' if amount < 0 else '+'}{shown}"
