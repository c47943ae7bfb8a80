"""The daily line says once a day how the account stands, so that who hears nothing knows that all is well."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from services.monitor.alerts.conditions import AlertMessage, KnownCondition
from shared.exchanges.trading.amounts import plain
from shared.explain.account import money as cents
from shared.lookup.money import Money, SymbolMoney
from shared.wall_time import LOCAL_TIME, WallTime

SHOWN = 20  # symbols
_ZERO = Decimal(0)


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
    """
    books = money.symbols
    today = _signed(_sum(book.today for book in books.values()))
    equity = cents(sum((book.balance + book.unrealised for book in books.values()), _ZERO))
    more = [f"and {len(books) - SHOWN} symbols more"] if len(books) > SHOWN else []
    lines = [*_books(list(books.items())[:SHOWN]), *more, *([money.why] if money.why else [])]
    counts = Counter(known.kind for known in standing)
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
