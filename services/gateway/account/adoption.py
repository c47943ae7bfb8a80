"""Differences that a person adopts: what is booked on whose book, and what is only noted."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b
from types import MappingProxyType
from typing import NamedTuple

from services.gateway.account.resolution import ResolveAs
from services.gateway.execution.baseline import elsewhere_row, mine_of, mine_row
from services.gateway.execution.records import NS_PER_MS
from shared.config import Settings
from shared.control.accounts import write_alone
from shared.control.books import book_of, booked, execution_row
from shared.control.whereabouts import Currencies
from shared.errors import ConfigError, SafetyRefusal
from shared.exchanges.trading.amounts import plain
from shared.explain.orders import difference_name
from shared.journal.journal import Journal
from shared.journal.rows import Change, EventRow, ExecutionRow, ExternalRow
from shared.messages import ExecutionReport, Leg, OrderStatus, Reason
from shared.orders.fees import fees_in
from shared.orders.reconcile import DifferenceKind

_ZERO = Decimal(0)
ANEW = "the account's BALANCE is measured anew when the books are flat: what it differs by until then is taken as it is"
RANGE = " to "  # between the two ends of what the books may hold while orders are on their way


class AdoptRequest(NamedTuple):
    """A person adopts differences so. qty: base units; price, fee: quote units. None: the known values."""

    ending: ResolveAs
    qty: Decimal | None
    price: Decimal | None
    fee: Decimal | None
    by: str
    at_ms: int


class Booking(NamedTuple):
    """A book takes this over: signed base units at a price, and a fee. elsewhere: of that, paid in a third coin."""

    qty: Decimal
    price: Decimal
    fee: Decimal
    elsewhere: Decimal = _ZERO


class Adopted(NamedTuple):
    """A difference is adopted, and this follows from it.

    - booking: on the symbol's book.
    - mine: a person's part of its coin, all told.
    - shown: for a person.
    """

    row: ExternalRow
    booking: Booking | None
    mine: Decimal | None
    shown: str


def adopted(
    named: Sequence[ExternalRow],
    waiting: Sequence[ExternalRow],
    said: AdoptRequest,
    markets: Mapping[str, Currencies],
    limits: Mapping[str, bytes],
) -> list[Adopted]:
    """Returns what follows from each difference that is named, and from the trades that explain one of a position.

    - waiting: all that are not adopted. Raises ConfigError, SafetyRefusal.
    """
    held = [row for row in named if row.kind == DifferenceKind.POSITION]
    if not held and said[1:4] != (None, None, None):
        raise ConfigError("--qty, --price, --fee: only a difference of kind POSITION is booked, others are noted")
    if len(held) > 1 and said[1:4] != (None, None, None):
        raise ConfigError("--qty, --price, --fee: are of one position: name one difference of kind POSITION at a time")
    if said.ending is ResolveAs.MINE and not held:
        raise ConfigError("--as mine: a position can be yours; another difference is noted: --as external")
    found: dict[tuple[str, str, str], Adopted] = {}
    for row in held:
        market = markets.get(row.sym, Currencies("", ""))
        trades = _trades_of(row, named, waiting, market, said)
        if said.ending is ResolveAs.MINE:
            found[row[:3]] = _mine(row, said, market, limits)
        else:
            found[row[:3]] = _booked(row, said, trades, market)
        found |= {trade[:3]: Adopted(trade, None, None, f"noted: {trade.text}") for trade in trades}
    for row in named:
        anew = f"; {ANEW}" if row.kind == DifferenceKind.BALANCE else ""
        found.setdefault(row[:3], Adopted(row, None, None, f"noted: {row.text}{anew}"))
    return list(found.values())


def _mine(row: ExternalRow, said: AdoptRequest, market: Currencies, limits: Mapping[str, bytes]) -> Adopted:
    if not market.base:
        raise SafetyRefusal(
            f"{row.sym}: a swap is one position of the account and cannot be yours in part: "
            "close your part at the exchange, or give it to the bot: --as bot"
        )
    if said.price is not None or said.fee is not None:
        raise ConfigError("--price, --fee: what is yours is not booked")
    before = mine_of(limits, [row.sym]).get(row.sym, _ZERO)
    mine = before + _quantity(row, said)
    if mine < 0:
        raise SafetyRefusal(
            f"{row.sym}: {plain(before)} {market.base} are yours, so {plain(-mine)} of what is missing were the bot's: "
            "--as bot, with --price"
        )
    text = f"yours from now on: {plain(mine)} {market.base}; the bot neither counts nor sells them; {ANEW}"
    return Adopted(row, None, mine, text)


def _booked(row: ExternalRow, said: AdoptRequest, trades: Sequence[ExternalRow], market: Currencies) -> Adopted:
    qty = _quantity(row, said)
    price, fee = said.price, said.fee
    if trades and (price is None or fee is None):
        known = _cost(trades, qty, market, said)
        price, fee = known.price if price is None else price, known.fee if fee is None else fee
    elsewhere = _ZERO
    if (
        trades
        and fee is not None
        and any(coin not in market for trade in trades for coin, _ in fees_in(trade.fees or ""))
    ):
        elsewhere = fee - _cost(trades, qty, market, said).fee
    if price is None or price <= 0:
        raise ConfigError(
            f"--price: say at which price the {plain(abs(qty))} {row.sym} were {'bought' if qty > 0 else 'sold'}, "
            f"and with --fee what that cost in {market.quote or 'the quote currency'}"
        )
    booking = Booking(qty, price, _ZERO if fee is None else fee, elsewhere)
    text = f"the bot's: booked will be {plain(qty)} {row.sym} at {plain(price)}, fee {plain(booking.fee)}"
    return Adopted(row, booking, None, text)


def _quantity(row: ExternalRow, said: AdoptRequest) -> Decimal:
    """Returns how much more (+) or less (-) the venue holds than the book, or as much of it as the person says."""
    low, high, found = _numbers(row)
    if low is None or high is None or found is None:
        if not said.qty:
            raise ConfigError(
                "--qty and --price: say what the venue holds more (+) or less (-) than the book, at a price"
            )
        return said.qty
    least, most = found - high, found - low
    if low != high:
        raise SafetyRefusal(f"{row.sym}: orders are on their way: wait until they are settled, and look again")
    if said.qty is None:
        return most
    if not said.qty or said.qty.is_signed() != least.is_signed() or abs(said.qty) > abs(least):
        raise SafetyRefusal(
            f"--qty {plain(said.qty)}: leads away from the venue: {row.text}: "
            f"the difference is {plain(most)}, which is adopted without --qty"
        )
    return said.qty


def _numbers(row: ExternalRow) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    if row.expected is None or row.found is None:
        return None, None, None
    low, _, high = row.expected.partition(RANGE)
    return Decimal(low), Decimal(high or low), Decimal(row.found)


def _trades_of(
    row: ExternalRow,
    named: Sequence[ExternalRow],
    waiting: Sequence[ExternalRow],
    market: Currencies,
    said: AdoptRequest,
) -> list[ExternalRow]:
    """Returns the trades, named or waiting, that made what is adopted of this position; none where they did not."""
    low, high, found = _numbers(row)
    if low is None or found is None or low != high:
        return []
    wanted = found - low if said.qty is None else said.qty
    for rows in (named, waiting):
        trades = [one for one in rows if one.kind == DifferenceKind.EXTERNAL_FILL and one.sym == row.sym]
        if wanted and trades and _moved(trades, market) == wanted:
            return trades
    return []


def _moved(trades: Sequence[ExternalRow], market: Currencies) -> Decimal | None:
    """Returns by how much they moved the position, fees in its coin taken out; None where that is not known."""
    moved = _ZERO
    for trade in trades:
        if trade.found is None or trade.fees is None:
            return None
        moved += Decimal(trade.found) - sum((fee for coin, fee in fees_in(trade.fees) if coin == market.base), _ZERO)
    return moved


def _cost(trades: Sequence[ExternalRow], qty: Decimal, market: Currencies, said: AdoptRequest) -> Booking:
    """Returns their cost as `outcome` books an order: an average price, and fees in the coin as money."""
    filled = sum((Decimal(trade.found or 0) for trade in trades), _ZERO)
    paid = sum((Decimal(trade.found or 0) * (trade.price or _ZERO) for trade in trades), _ZERO)
    price, fee = paid / filled, _ZERO
    for trade in trades:
        for coin, amount in fees_in(trade.fees or ""):
            if coin == market.quote:
                fee += amount
            elif coin == market.base:
                fee += amount * price
            elif said.fee is None:
                raise ConfigError(f"--fee: a fee in {coin} was paid: say what it was worth in {market.quote}")
    return Booking(qty, price, fee)


def written(
    one: Adopted, said: AdoptRequest, book: str, seq: int, limits: Mapping[str, bytes] = MappingProxyType({})
) -> list[Change]:
    """Returns what adopting a difference writes. seq: of the book's next report. limits: as the journal has them."""
    row, name = one.row._replace(adopted_by=said.by), difference_name(one.row)
    changes: list[Change] = [row, EventRow("ADOPTED", row.sym, "", f"{name} by {said.by}: {one.shown}", said.at_ms)]
    if one.booking is not None:
        changes.insert(0, adoption(row, one.booking, book, seq, (said.by, said.at_ms)))
        if one.booking.elsewhere:
            changes.append(elsewhere_row(limits, one.booking.elsewhere))
    if one.mine is not None:
        changes += (mine_row(row.sym, one.mine), _measured_anew(said))
    return changes


def _measured_anew(said: AdoptRequest) -> ExternalRow:
    """Returns the row that has the balance measured anew when all is flat: what is yours was traded with your money."""
    text = "a person has called a position no book's"
    return ExternalRow(DifferenceKind.BALANCE, "", "balance", text, said.at_ms, said.by)


def adoption(difference: ExternalRow, booked: Booking, book: str, seq: int, said: tuple[str, int]) -> ExecutionRow:
    """Returns a report that books what the venue holds more (+) or less (-), as something that nobody here ordered.

    - said: by whom, and when in ms.
    """
    by, at_ms = said
    name = f"adopted|{difference.kind}|{difference.sym}|{difference.key}|{by}|{at_ms}"
    report = ExecutionReport(
        n=seq,
        sym=difference.sym,
        ts_event=at_ms * NS_PER_MS,
        tr=f"adopted:{difference.sym}:{at_ms}",
        tick_n=0,
        order_n=0,
        client_order_id=blake2b(name.encode(), digest_size=16).hexdigest(),
        leg=Leg.LIQUIDATION,
        status=OrderStatus.FILLED,
        last_qty=booked.qty,
        last_px=booked.price,
        commission=booked.fee,
        reason=Reason.RESOLVED,
    )
    return execution_row(book, report, at_ms)


async def write_adopted(
    settings: Settings, journal: Journal, made: Sequence[Adopted], names: Sequence[str], said: AdoptRequest
) -> None:
    """Writes what was made, as it was shown; raises SafetyRefusal where it is another thing by now."""
    if not any(one.booking or one.mine is not None for one in made):
        await journal.write_by_person(
            [
                change
                for one in made
                for change in written(one, said, "", 0)
                if isinstance(change, ExternalRow | EventRow)
            ]
        )
        return
    books = {book_of(settings, one.row.sym) for one in made if one.booking is not None or one.mine is not None}
    before = {book: await booked(journal, book) for book in books}

    async def adopted(_: int) -> list[Change]:
        if await made_of(settings, journal, names, said) != made:
            raise SafetyRefusal("a difference has changed meanwhile: look at it again: `tickline resolve`")
        changes: list[Change] = []
        for one in made:
            book = book_of(settings, one.row.sym)
            if one.booking is not None or one.mine is not None:
                held = (await booked(journal, book, before[book])).qty
                if one.row.expected is not None and held != Decimal(one.row.expected):
                    raise SafetyRefusal(
                        f"{one.row.sym}: its book holds {plain(held)} by now, not {one.row.expected}: the gateway "
                        "compares anew when it is at work; then look again: `tickline resolve`"
                    )
            changes += written(one, said, book, await journal.last_seq(book) + 1, await journal.limits())
        return changes

    await write_alone(journal, f"adopt by {said.by}", adopted)  # the gateway loads its books anew


async def made_of(settings: Settings, journal: Journal, names: Sequence[str], said: AdoptRequest) -> list[Adopted]:
    """Returns what adopting the differences of these names means now; raises ConfigError or SafetyRefusal."""
    waiting = await journal.externals(adopted=False)
    by_name = {difference_name(row): row for row in waiting}
    for name in names:
        if name not in by_name:
            raise ConfigError(f"difference {name[:80]!r} is unknown or adopted; `tickline resolve` lists what waits")
    markets = {sym: Currencies.of(market) for sym, market in settings.gateway.markets.items()}
    return adopted([by_name[name] for name in dict.fromkeys(names)], waiting, said, markets, await journal.limits())
