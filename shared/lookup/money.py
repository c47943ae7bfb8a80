"""What a line holds and has made: in testnet and live as the journal says, on paper as bus and recording do.

Each symbol's reports are booked in the order of their numbers, as the strategy and the gateway book them. On paper the
reports need not reach back to the first: a decision tells the balance and the position that it found, so booking begins
where the book was flat, at midnight or before.
"""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Literal, NamedTuple, Protocol

from shared.account import Account
from shared.account.account import book_report
from shared.config import Mode, Settings
from shared.control.books import book_of
from shared.control.capital import begun_with
from shared.errors import ConfigError, JournalUnwritable
from shared.intervals import NS_PER_S, TRADE, interval_ns
from shared.journal.journal import Journal
from shared.journal.rows import ExternalRow, OrderRow
from shared.lookup.day_book import MOST, ROUNDED, Day, DayBook, KnownBooks, fills
from shared.lookup.stores import Found
from shared.messages import Decision, ExecutionReport, MarketTick, Stream
from shared.messages.reasons import UNASKED, OrderPhase
from shared.wall_time import LOCAL_TIME, WallTime

NS_PER_MS = 1_000_000
FIRST = 64  # reports that are read at first; then ever more
NEAR = (3, 300)  # intervals around midnight in which its price is looked for, and then
_ZERO = Decimal(0)

Place = Literal["journal", "bus", "recording", "nothing"]


class MessageSource(Protocol):
    """A source finds a line's messages, as `Lookup` does."""

    async def last(self, stream: Stream, sym: str, count: int = 1) -> list[Found]:
        """Returns the last messages, the newest last."""

    async def messages(
        self, stream: Stream, sym: str, since_ns: int | None = None, until_ns: int | None = None
    ) -> list[Found]:
        """Returns the messages whose `ts_event` is in this time."""


class SymbolMoney(NamedTuple):
    """A symbol's money is that of its book, in quote units but for `qty`: signed base units, dust too.

    - entry: what was paid for it, on average; None where it is flat, or nobody knows.
    - balance: without unrealised profit. capital: what the book was given.
    - price, price_ns: of the newest tick; None without one.
    - unrealised: at that price; None where what is held has no price, or nobody knows its entry.
    - today: made since midnight, unrealised too, after fees and funding; None where that cannot be told.
    - fees_today: > 0 paid. funding_today: > 0 received.
    - last_fill: the last report that filled something. last_report: the last one of an order, filled or not.
    - unknown: orders of which nobody knows what became. differences: those that wait for a person.
    """

    qty: Decimal = _ZERO
    entry: Decimal | None = None
    balance: Decimal = _ZERO
    capital: Decimal = _ZERO
    price: Decimal | None = None
    price_ns: int | None = None
    unrealised: Decimal | None = _ZERO
    today: Decimal | None = _ZERO
    fees_today: Decimal = _ZERO
    funding_today: Decimal = _ZERO
    last_fill: ExecutionReport | None = None
    last_report: ExecutionReport | None = None
    unknown: tuple[OrderRow, ...] = ()
    differences: tuple[ExternalRow, ...] = ()

    @property
    def made(self) -> Decimal:
        """Returns what the book has made since it was begun, after fees and funding, without unrealised profit."""
        return self.balance - self.capital


class Money(NamedTuple):
    """The money of a line's symbols.

    - origin: where it was read; "nothing" where there is none yet.
    - as_of_ns: when what was read was written last. why: what cannot be told, for a person; else empty.
    """

    origin: Place
    as_of_ns: int | None
    symbols: dict[str, SymbolMoney]
    why: str = ""


async def money(
    settings: Settings,
    lookup: MessageSource,
    now_ms: int,
    wall: WallTime = LOCAL_TIME,
    journal: Journal | None = None,
    known: KnownBooks | None = None,
) -> Money:
    """Returns the money as it is now; raises what the lookup raises.

    - now_ms: now on the clock of the ticks. wall: whose midnight begins the day.
    - journal: the account's, open; without it it is opened. known: of earlier looks; who looks often gives the same.
    """
    midnight_ns = wall.midnight_ns(now_ms * NS_PER_MS)
    if settings.gateway.mode is Mode.PAPER:
        return await _on_paper(settings, lookup, midnight_ns, known or KnownBooks())
    async with AsyncExitStack() as stack:
        if journal is None:
            own = settings.journal_url, settings.gateway.account
            try:
                journal = await stack.enter_async_context(await Journal.open(*own, durable=True, write=False))
            except (ConfigError, JournalUnwritable) as error:
                return Money("nothing", None, dict.fromkeys(settings.symbols, _new(settings)), str(error))
        return await _in_journal(settings, lookup, journal, midnight_ns, now_ms, known or KnownBooks())


async def _in_journal(
    settings: Settings, lookup: MessageSource, journal: Journal, midnight_ns: int, now_ms: int, known: KnownBooks
) -> Money:
    limits = await journal.limits()
    unknown = [row for row in await journal.orders() if row.state is OrderPhase.UNKNOWN]
    differences = await journal.externals(adopted=False)
    symbols = {}
    for sym in settings.symbols:
        book = book_of(settings, sym)
        capital = settings.strategy.balance if (begun := begun_with(limits, book)) is None else begun
        booked = await known.of(journal, book, sym, capital, midnight_ns)
        found = await _valued(settings, lookup, booked.account, sym, booked.day(), midnight_ns, known)
        symbols[sym] = found._replace(
            unknown=tuple(row for row in unknown if row.sym == sym),
            differences=tuple(row for row in differences if row.sym == sym),
        )
    return Money("journal", now_ms * NS_PER_MS, symbols, _untold(symbols))


async def _on_paper(settings: Settings, lookup: MessageSource, midnight_ns: int, known: KnownBooks) -> Money:
    symbols: dict[str, SymbolMoney] = {}
    origins, at_ns = set[str](), list[int]()
    for sym in settings.symbols:
        decided = await lookup.last(Stream.DECISIONS, sym)
        if not decided or not isinstance(decision := decided[-1].message, Decision):
            symbols[sym] = _new(settings)
            continue
        origins.add(decided[-1].origin)
        at_ns.append(decided[-1].at_ns)
        symbols[sym] = await _decided(settings, lookup, sym, decision, midnight_ns, known)
    origin: Place = "bus" if "bus" in origins else "recording" if origins else "nothing"
    return Money(origin, max(at_ns, default=None), symbols, _untold(symbols))


async def _decided(
    settings: Settings, lookup: MessageSource, sym: str, decision: Decision, midnight_ns: int, known: KnownBooks
) -> SymbolMoney:
    """Returns a book on paper by its last decision, and by its reports since it was flat where these are known."""

    async def last(count: int) -> list[ExecutionReport]:
        found = [each.message for each in await lookup.last(Stream.EXECUTIONS, sym, count)]
        return [report for report in found if isinstance(report, ExecutionReport)]

    goes_on = await known.on_paper(sym, decision, midnight_ns, last)
    if goes_on is not None:
        return await _behind_decision(settings, lookup, decision, *goes_on, known)
    reports, begin = await _since_flat(lookup, sym, decision, midnight_ns)
    last_fill = next((report for report in reversed(reports) if fills(report)), None)
    last_report = next((report for report in reversed(reports) if report.leg not in UNASKED), None)
    account = Account(settings.strategy.balance)
    if begin is None:
        account.update(decision.balance - account.capital)
        day = Day(_ZERO, None, _ZERO, _ZERO, last_fill, last_report)
        found = await _valued(settings, lookup, account, sym, day, midnight_ns, known)
        qty = decision.signed_qty + _traded(reports, decision)
        return found._replace(qty=qty, unrealised=None if qty else _ZERO, today=None)
    account.update(decision.balance - _balance_after(reports[begin:], decision) - account.capital)
    book = DayBook(account, sym, midnight_ns)
    for report in (report for report in reports[begin:] if report.n <= decision.booked_n):
        book.take(report)
    book.last_fill, book.last_report = _newest(fills, reports, decision), _newest(_asked, reports, decision)
    return await _behind_decision(settings, lookup, decision, book, reports[begin:], known)


async def _behind_decision(
    settings: Settings, lookup: MessageSource, decision: Decision, book: DayBook, reports: Sequence[ExecutionReport],
    known: KnownBooks,
) -> SymbolMoney:  # fmt: skip
    """Returns a book that has what its decision found, with the reports behind that."""
    # The balance is what the decision found, to the last digit: a sum that began elsewhere is rounded in other places.
    book.account.update(decision.balance - book.account.balance())
    book.taken_n = decision.booked_n
    book = known.keep_on_paper(decision.sym, book)
    for report in reports:
        if report.n > decision.booked_n:
            book.take(report)
    return await _valued(settings, lookup, book.account, decision.sym, book.day(), book.midnight_ns, known)


def _newest(
    wanted: Callable[[ExecutionReport], bool], reports: Sequence[ExecutionReport], decision: Decision
) -> ExecutionReport | None:
    """Returns the newest report of this kind that the decision had booked."""
    return next((one for one in reversed(reports) if one.n <= decision.booked_n and wanted(one)), None)


def _asked(report: ExecutionReport) -> bool:
    return report.leg not in UNASKED


async def _since_flat(
    lookup: MessageSource, sym: str, decision: Decision, midnight_ns: int
) -> tuple[list[ExecutionReport], int | None]:
    """Returns the newest reports, and the index of the one from which on the book can be booked; None without one."""
    count = FIRST
    while True:
        found = [each.message for each in await lookup.last(Stream.EXECUTIONS, sym, count)]
        reports = [report for report in found if isinstance(report, ExecutionReport)]
        begin = flat_at(reports, decision, midnight_ns)
        if begin is not None or len(found) < count or count >= MOST:
            return reports, begin
        count *= 4


def flat_at(reports: Sequence[ExecutionReport], decision: Decision, midnight_ns: int) -> int | None:
    """Returns the newest index at which the book was flat, no later than midnight and the decision; None without one.

    - reports: the newest, in order, without a hole.
    - decision: the last one; its book had taken those up to `booked_n`.
    """
    held = decision.signed_qty + _traded(reports, decision)
    latest = next(
        (i for i, report in enumerate(reports) if report.n > decision.booked_n or report.ts_event >= midnight_ns),
        len(reports),
    )
    none = ROUNDED * max((abs(report.last_qty) for report in reports), default=_ZERO)
    for i in range(len(reports), -1, -1):
        if i < len(reports):
            held -= reports[i].last_qty
        whole = reports[0].ts_event < midnight_ns if reports else not decision.booked_n
        if i <= latest and abs(held) <= none and (i or whole):
            return i
    return 0 if reports and reports[0].n == 1 else None


def _traded(reports: Sequence[ExecutionReport], decision: Decision) -> Decimal:
    """Returns what was traded after the decision found its book."""
    return sum((report.last_qty for report in reports if report.n > decision.booked_n), _ZERO)


def _balance_after(reports: Sequence[ExecutionReport], decision: Decision) -> Decimal:
    """Returns what a book of nothing has when it has taken the reports that the decision's book had taken."""
    account = Account(_ZERO)
    for report in reports:
        if report.n <= decision.booked_n:
            book_report(account, report)
    return account.balance()


async def _valued(
    settings: Settings, lookup: MessageSource, account: Account, sym: str, day: Day, midnight_ns: int,
    known: KnownBooks,
) -> SymbolMoney:  # fmt: skip
    """Returns a book at the newest tick's price, and what it has made since the day began."""
    ticks = await lookup.last(Stream.TICKS, sym)
    tick = ticks[-1].message if ticks else None
    price = tick.price if isinstance(tick, MarketTick) else None
    held, balance = account.held(sym), account.balance()
    unrealised = _ZERO if held is None else None if price is None else account.equity(sym, price) - balance
    then: Decimal | None = _ZERO
    if day.held is not None:
        if (sym, midnight_ns) not in known.prices:
            known.prices[sym, midnight_ns] = await _price_at(settings, lookup, sym, midnight_ns)
        at_midnight = known.prices[sym, midnight_ns]
        then = None if at_midnight is None else day.held.unrealised(at_midnight)
    today = None
    if unrealised is not None and then is not None:
        today = balance - account.capital + unrealised - day.made - then
    return SymbolMoney(
        qty=_ZERO if held is None else held.signed_qty,
        entry=None if held is None else held.price,
        balance=balance,
        capital=account.capital,
        price=price,
        price_ns=None if tick is None else tick.ts_event,
        unrealised=unrealised,
        today=today,
        fees_today=day.fees,
        funding_today=day.funding,
        last_fill=day.last_fill,
        last_report=day.last_report,
    )


async def _price_at(settings: Settings, lookup: MessageSource, sym: str, at_ns: int) -> Decimal | None:
    """Returns the price that was known then, or the first one soon after; None where neither is kept."""
    length_ns = 60 * NS_PER_S if settings.interval == TRADE else interval_ns(settings.interval)
    for near in NEAR:
        near_ns = near * max(length_ns, 60 * NS_PER_S)
        found = [each.message for each in await lookup.messages(Stream.TICKS, sym, at_ns - near_ns, at_ns + near_ns)]
        ticks = [tick for tick in found if isinstance(tick, MarketTick)]
        before = [tick.price for tick in ticks if tick.ts_event <= at_ns]
        if ticks:
            return before[-1] if before else ticks[0].price
    return None


def _new(settings: Settings) -> SymbolMoney:
    return SymbolMoney(balance=settings.strategy.balance, capital=settings.strategy.balance)


def _untold(symbols: dict[str, SymbolMoney]) -> str:
    missing = ", ".join(sym for sym, one in symbols.items() if one.today is None)
    return f"{missing}: what midnight found is not kept any more, so today's profit is not known" if missing else ""
