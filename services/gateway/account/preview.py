"""The preview shows a person what an arming would allow, and whose the config's key is."""

import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from services.gateway.risk import Context, Hold, Pass, ProposedOrder, RiskCheck, RiskRules
from services.gateway.risk.equity import equity, last_bids, with_last
from shared.account import Account
from shared.config import Settings
from shared.config.strategy import BPS
from shared.control.books import Books
from shared.control.whereabouts import Whereabouts
from shared.errors import SafetyRefusal, VenueError
from shared.exchanges.trading.amounts import limit_at, plain, sized
from shared.exchanges.trading.ccxt_venue import make_venue
from shared.exchanges.trading.venue import AccountIdentity, MarketRules
from shared.explain.account import (
    NS_PER_MS,
    Stake,
    StopsAtStake,
    coins_at_stake,
    if_everything_dies,
    money,
    nearest_stops,
    stop_at_stake,
    swaps_at_stake,
)
from shared.journal.journal import Journal
from shared.journal.rows import ArmingRow, LatchRow
from shared.messages import Reason
from shared.messages.reasons import OrderPhase
from shared.orders import VenueQuote
from shared.orders.answers import VenuePosition
from shared.orders.stop_life import StopLife
from shared.plural import plural
from shared.strategies import make_strategy
from shared.strategies.decider import BarePrediction, Decider
from shared.strategies.drift import edge_line
from shared.strategies.identity import Identity, called, own_files
from shared.strategies.registry import with_reserve
from shared.strategies.stateful import checked_decision
from shared.strategies.wrapper import innermost
from shared.user_code import blaming
from shared.wall_time import LOCAL_TIME

_ZERO = Decimal(0)
UP = 1.0  # a forecast that every strategy would buy on


class MarketSeen(NamedTuple):
    """The venue shows one symbol so now. position: of all its rows together."""

    sym: str
    rules: MarketRules
    position: Decimal
    open_orders: int
    quote: VenueQuote
    rows: Sequence[VenuePosition] = ()


class AccountSeen(NamedTuple):
    """Venue and journal show the account so now.

    - unsettled: orders without an end.
    - differences: those that nobody has adopted.
    - books: as the journal has them; None: all are new.
    - closed: markets in which nothing is added now, and why.
    - stops: those that the gateway has placed, by the journal.
    """

    now_ms: int
    equity: Decimal
    markets: Sequence[MarketSeen]
    latches: Sequence[LatchRow]
    unsettled: int
    differences: int
    books: Books | None = None
    closed: Sequence[str] = ()
    stops: Sequence[StopLife] = ()


def rules_of(settings: Settings) -> RiskRules:
    """Returns the rules that an arming is given for."""
    return RiskRules.of(settings)


async def look(settings: Settings, journal: Journal, books: Books) -> AccountSeen:
    """Returns what the venue and the journal tell of the account now. Raises VenueError, ConfigError, SafetyRefusal."""
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
                sym,
                venue.rules(sym),
                sum((row.signed_qty for row in positions if row.sym == sym), _ZERO),
                sum(order.sym == sym for order in orders),
                quotes[sym],
                [row for row in positions if row.sym == sym],
            )
            for sym in syms
            if sym in quotes
        ]
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
    return AccountSeen(
        now_ms=time.time_ns() // 1_000_000,
        equity=worth,
        markets=markets,
        latches=list((await journal.latches()).values()),
        unsettled=len(sent),
        differences=len(await journal.externals(adopted=False)),
        books=books,
        closed=closed,
        stops=await journal.stops(),
    )


def preview_lines(settings: Settings, rules: RiskRules, arming: ArmingRow, seen: AccountSeen) -> Iterator[str]:
    """Yields venue, account, equity, limits, positions, each symbol's first order after rounding, and what is armed."""
    own, limits = settings.gateway, settings.gateway.risk
    at = own.exchange if own.venue == "ccxt" else f"the fake exchange, {own.fake_url}"
    coins = all(market.rules.kind == "spot" for market in seen.markets)
    kind = f"{own.margin} margin, leverage {own.leverage}"
    over = "coins over equity" if coins else "leverage"
    if coins:
        kind = "spot: coins are paid in full, nothing is borrowed"
    yield f"account {own.account}: {own.mode.upper()} at {at}, {kind}"
    yield f"equity {money(seen.equity)}; {_books(settings, seen.books)}"
    yield (
        f"limits: order {plain(limits.max_order_notional)}, position {plain(limits.max_position_notional)}, "
        f"{over} {plain(limits.max_leverage)}, {plural(limits.orders_per_minute, 'order')} a minute, "
        f"day's loss {plain(limits.daily_loss)}, drawdown {limits.max_drawdown:.2%}, "
        + (f"day's funding {plain(limits.daily_funding)}, " * (not coins))
        + f"collar {plain(limits.collar_bps)} bps"
        + (", REDUCE ONLY" if limits.reduce_only else "")
    )
    yield str(Identity.of(settings))
    yield edge_line(settings)
    if files := own_files(settings):
        yield f"code and data of your own: {', '.join(files)}"
    for market in seen.markets:
        yield (
            f"{market.sym} = {market.rules.market}: position {plain(market.position)}, "
            f"{_beside(seen, market)}"
            f"{plural(market.open_orders, 'open order')}; first order {_first(settings, rules, arming, seen, market)}"
        )
    yield from (f"nothing is added: {why}" for why in seen.closed)
    for sym, qty in (seen.books.others() if seen.books else {}).items():
        yield f"{sym}: {plain(qty)} are held by a book that is traded no more: they count, and nobody trades them"
    most = _most_armed(settings, arming, seen)
    yield if_everything_dies(_stakes(seen), seen.equity, most, _by_stops(settings, arming, seen))
    if settings.strategy.protect.terms is not None:
        yield f"{called('protect', settings.strategy.protect.deciding())}: {_naked(settings)}"
    for latch in seen.latches:
        yield f"latched: {latch.name} since {LOCAL_TIME.second(latch.at_ms * NS_PER_MS)}: {latch.reason}"
    if seen.unsettled or seen.differences:
        yield (
            f"{plural(seen.unsettled, 'order is', 'orders are')} not settled, "
            f"{plural(seen.differences, 'difference is', 'differences are')} not adopted: "
            "`tickline resolve` lists them"
        )
    yield (
        f"arms until {LOCAL_TIME.second(arming.expires_at_ms * NS_PER_MS)}, "
        f"for positions of at most {plain(arming.max_notional)} together; "
        f"config {arming.config_hash[:16]}, decided by {arming.decided_by}"
    )


def _stakes(seen: AccountSeen) -> Iterator[Stake]:
    """Yields what is at stake in each position at the venue; on spot in what the books hold."""
    for market in seen.markets:
        if market.rules.kind == "swap":
            yield from swaps_at_stake(market.rows)
        elif seen.books is not None:
            yield from coins_at_stake(market.sym, min(seen.books.position(market.sym), market.position), market.quote)


def _by_stops(settings: Settings, arming: ArmingRow, seen: AccountSeen) -> StopsAtStake | None:
    """Returns what is lost where the stops hold; None where the config has none against the position."""
    own, slippage = settings.strategy, settings.gateway.slippage_bps
    distances = [bps for bps in (own.protect.stop_bps, own.protect.trail_bps) if bps is not None]
    if not distances:
        return None
    prices, found = nearest_stops(seen.stops), list[Stake]()
    for market in seen.markets:
        held, stop = _own(seen, market), prices.get(market.sym)
        if held and stop is not None:
            found.append(stop_at_stake(market.sym, held, market.quote.leaving(held), stop, slippage))
        else:
            stakes = _stakes(seen._replace(markets=[market]))
            found += [stake._replace(how=f"{market.sym} has no stop") for stake in stakes]
    # An entry may be filled as far from the price that its stop hangs on as its limit lies.
    farthest = min(distances) + (own.limit_bps or _ZERO) + slippage
    return StopsAtStake(found, arming.max_notional * farthest / BPS)


def _naked(settings: Settings) -> str:
    return (
        f"where an exchange takes a stop only after the fill, a position may be without one for "
        f"{settings.strategy.protect.naked_s:g} s; a stop waits for the mark price, and fills at market"
    )


def _most_armed(settings: Settings, arming: ArmingRow, seen: AccountSeen) -> Stake:
    if any(market.rules.kind == "spot" for market in seen.markets):
        return Stake(arming.max_notional, "if the coins are worth nothing")
    return Stake(arming.max_notional / settings.gateway.leverage, "by liquidation")


def _books(settings: Settings, books: Books | None) -> str:
    """Returns how many books have what capital; and what each has now, where that is something else."""
    begun = settings.strategy.balance
    text = f"{plural(len(settings.symbols), 'book')} of {plain(begun)}{' each' * (len(settings.symbols) > 1)}"
    now = [] if books is None else [(sym, books.balance_of(sym), books.capital(sym)) for sym in settings.symbols]
    other = [
        f"{sym} {money(balance)}" + (f" of a capital of {plain(capital)}" if capital != begun else "")
        for sym, balance, capital in now
        if balance != begun or capital != begun
    ]
    return f"{text}, now {', '.join(other)}" if other else text


def _flat(settings: Settings, books: Books | None, sym: str) -> Account:
    """Returns the symbol's book as it would be flat."""
    if books is None:
        return Account(settings.strategy.balance)
    account = Account(books.capital(sym))
    account.update(books.balance_of(sym) - books.capital(sym))
    return account


def _first(settings: Settings, rules: RiskRules, arming: ArmingRow, seen: AccountSeen, market: MarketSeen) -> str:
    """Returns what the strategy's first order from a flat book would become, and which limit it would meet."""
    price, own = market.quote.ask, settings.strategy
    if price <= 0:
        return "not known: nobody asks a price now"
    costs = settings.gateway
    decider = innermost(with_reserve(make_strategy(own), costs.fee, costs.slippage_bps, own.limit_bps))
    if not isinstance(decider, Decider):
        return "not known before the strategy has seen the market: it has a memory"
    with blaming(market.sym):
        call = decider.decide
        decided = call(BarePrediction(market.sym, UP, price), _flat(settings, seen.books, market.sym))
        checked_decision(decided, market.sym, call)
    if isinstance(decided, Reason) or not decided:
        return f"none: {decided or 'the strategy wants none'}"
    wanted = decided[0].signed_qty
    worst = price if own.limit_bps is None else price * (1 + own.limit_bps / BPS)
    qty = sized(market.rules, wanted, worst)
    if isinstance(qty, Reason):
        return f"none: {wanted:.8f} would be refused, {qty} (step {plain(market.rules.step)})"
    booked = seen.books.balance() if seen.books else own.balance * len(settings.symbols)
    context = Context(
        now_ns=seen.now_ms * 1_000_000,
        equity=seen.equity,
        books_balance=booked,
        arming=arming,
        quote=market.quote._replace(at_ms=seen.now_ms),
        reconciled=True,
        latches={latch.name: latch for latch in seen.latches},
        position=_own(seen, market),
        other_notional=sum((_notional(seen, other) for other in seen.markets if other.sym != market.sym), _ZERO),
    )
    limit = None if own.limit_bps is None else worst
    asked = ProposedOrder(market.sym, qty, price, False, context.now_ns, context, arming.decided_by, limit)
    verdict = RiskCheck(rules).on_tick(asked)
    shown = f"BUY {plain(qty)} at about {plain(price)} = {plain(qty * price)} {market.rules.quote}"
    if limit is not None:
        shown += f", at {plain(limit_at(market.rules, worst, qty))} at most"
    if isinstance(verdict, Pass):
        return shown if verdict.cut_by is None else f"{shown}, cut by {verdict.cut_by}"
    return f"{shown}, would {'wait' if isinstance(verdict, Hold) else 'be refused'}: {verdict.reason}"


def _beside(seen: AccountSeen, market: MarketSeen) -> str:
    """Returns what of the position cannot be sold, and what is no book's."""
    dust, other = seen.books.dust(market.sym) if seen.books else _ZERO, market.position - _own(seen, market)
    said = f"of it dust {plain(dust)}, " if dust else ""
    return said + (f"{plain(other)} of it no book's, " if other else "")


def _own(seen: AccountSeen, market: MarketSeen) -> Decimal:
    """Returns what the limits count: a swap's whole position; of a coin what the book holds, the rest is savings."""
    return market.position if seen.books is None or market.rules.kind == "swap" else seen.books.position(market.sym)


def _notional(seen: AccountSeen, market: MarketSeen) -> Decimal:
    return _own(seen, market).copy_abs() * max(market.quote.bid, market.quote.ask)


class OtherKey(NamedTuple):
    """A key of which nobody knows that it is of the journal's account. why: for a person. identity: the key's."""

    why: str
    identity: AccountIdentity | None


async def other_key(settings: Settings, before: Whereabouts) -> OtherKey | None:
    """Returns the config's key as the exchange knows it; None where it is of the account that the journal belongs to.

    - before: what the journal knows of the account.
    """
    account, here = settings.gateway.account, Whereabouts.of(settings)
    venue = make_venue(settings)
    await venue.open(only_out=True)
    try:
        try:
            here.of_account(venue, before, account)
        except SafetyRefusal as other:
            return OtherKey(str(other), here.of_account(venue, Whereabouts(), account).identity)
        return None
    finally:
        await venue.close()
