"""`tickline arm`."""

from collections.abc import Iterator
from decimal import Decimal

import typer

from services.gateway.account.arm_preview import MarketSeen, Seen, arm_screen
from services.gateway.account.capital import books_in, check_books
from services.gateway.account.opened import journal_of, settings_of_account
from services.gateway.account.terminal import confirm, need_terminal, now_ms, person, utc
from services.gateway.risk import RiskRules
from services.gateway.risk.check import model_sha256
from services.gateway.risk.equity import equity, last_bids, with_last
from shared.config import Settings
from shared.control.books import Books
from shared.control.latches import HALT
from shared.control.whereabouts import Whereabouts
from shared.errors import ConfigError, SafetyRefusal, VenueError
from shared.intervals import interval_ns
from shared.journal.journal import Journal
from shared.journal.rows import ArmingRow, EventRow
from shared.messages.reasons import OrderPhase

LONGEST_MS = 7 * 24 * 3_600_000


async def arm(account: str, max_notional: Decimal, length: str) -> Iterator[str]:
    """Show what would be armed, let the person type the account's name, and write the arming."""
    settings = settings_of_account()
    if account != settings.gateway.account:
        raise ConfigError(f"--account {account}: the config's account is {settings.gateway.account}")
    length_ms = _length_ms(length)
    need_terminal("arm")
    rules = RiskRules.of(settings, model_sha256(settings))
    async with journal_of(settings) as journal:
        books = await books_in(settings, journal)
        await check_books(settings, journal, books)
        seen = await _seen(settings, journal, books)
        arming = _arming(rules, max_notional, length_ms)
        for line in arm_screen(settings, rules, arming, seen):
            typer.echo(line)
        if any(latch.name == HALT for latch in seen.latches):
            raise SafetyRefusal(f"{account} is halted: `tickline resume HALT` comes first")
        confirm(account, "arm")
        arming = _arming(rules, max_notional, length_ms)  # the time begins now, not when the screen was made
        text = f"by {arming.by} for {length}, at most {max_notional}, config {arming.config_hash}"
        await journal.write_by_person([arming, EventRow("ARMED", "", "", text, arming.armed_at_ms)])
    return iter([f"{account} is armed until {utc(arming.expires_at_ms)}; `tickline disarm` ends it"])


def _length_ms(text: str) -> int:
    try:
        length_ms = interval_ns(text) // 1_000_000
    except ValueError as error:
        raise ConfigError(f"--for: {error}") from error
    if length_ms > LONGEST_MS:
        raise ConfigError(f"--for {text}: an arming lasts 7 days at most")
    return length_ms


def _arming(rules: RiskRules, max_notional: Decimal, length_ms: int) -> ArmingRow:
    now = now_ms()
    return ArmingRow(max_notional, now, now + length_ms, rules.config_hash, person())


async def _seen(settings: Settings, journal: Journal, books: Books) -> Seen:
    from shared.exchanges.trading.make import make_venue  # ccxt takes a while to load, and is asked last

    limits, here = await journal.limits(), Whereabouts.of(settings)
    others = [sym for sym in books.others() if sym not in settings.symbols]
    also = here.of_others(Whereabouts.known(limits), others)
    venue = make_venue(settings)
    await venue.open()
    try:
        here.of_account(venue, Whereabouts.known(limits), settings.gateway.account)
        venue.also(also)
        syms = sorted(settings.gateway.markets)
        positions, orders = await venue.positions(), await venue.all_open_orders()
        quotes = await venue.quotes([*syms, *also])
        if missing := [sym for sym in syms if sym not in quotes and sym not in venue.untraded]:
            raise VenueError(f"{settings.gateway.account}: no quote of {', '.join(missing)}: ask again")
        markets = [
            MarketSeen(
                sym, venue.rules(sym), sum((row.signed_qty for row in positions if row.sym == sym), Decimal(0)),
                sum(order.sym == sym for order in orders), quotes[sym], [row for row in positions if row.sym == sym],
            )
            for sym in syms if sym in quotes
        ]  # fmt: skip
        held = books.held()
        bids = last_bids(held, quotes, venue.untraded, {}, limits, books.paid())
        worth = equity(await venue.balance(), held, with_last(quotes, bids))
        if worth is None:
            raise VenueError(
                f"{settings.gateway.account}: a coin that the books hold has no price: its equity is unknown"
            )
        closed = [one.closed for one in venue.market_news() if one.closed]
    finally:
        await venue.close()
    sent = [row for row in await journal.orders() if row.state is not OrderPhase.INTENT]
    return Seen(
        now_ms=now_ms(), equity=worth, markets=markets, latches=list((await journal.latches()).values()),
        unsettled=len(sent), differences=len(await journal.externals(adopted=False)),
        books=books, closed=closed,
    )  # fmt: skip
