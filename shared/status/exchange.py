"""An account as its exchange shows it now. It is asked read only: nothing is set there, and no order is touched."""

import asyncio
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from shared.config import Settings
from shared.control.whereabouts import Whereabouts
from shared.errors import ConfigError, TicklineError, VenueError

WITHIN_S = 6.0  # a person waits for all answers
ONE_S = 2.0  # and for one of them; what does not answer is not asked again


class AtExchange(NamedTuple):
    """The exchange says of one symbol how it stands now.

    - qty: of all its rows; on spot all coins that the account has, whoever owns them.
    - open_orders: those that rest, and those that wait for a price.
    - price: at which it could be closed.
    """

    qty: Decimal
    open_orders: int
    price: Decimal | None
    spot: bool = False


class ExchangeAnswer(NamedTuple):
    """The exchange's answer says what it shows of the account.

    - symbols: as it holds them.
    - at_ns: when it came.
    - why: why there is none; else empty. asked: whether anything was asked.
    """

    symbols: Mapping[str, AtExchange]
    at_ns: int
    why: str = ""
    asked: bool = True


async def look(settings: Settings, limits: Mapping[str, bytes], within_s: float = WITHIN_S) -> ExchangeAnswer:
    """Asks for positions, open orders and quotes, for `within_s` seconds at most.

    It raises nothing: where there is no answer `why` says so.

    - limits: the journal's rows, which tell whose account it is.
    """
    try:
        async with asyncio.timeout(within_s):
            return await _look(settings, limits)
    except TimeoutError:
        return ExchangeAnswer({}, 0, f"no answer within {within_s:g} s")
    except TicklineError as error:
        return ExchangeAnswer({}, 0, str(error), asked=not isinstance(error, ConfigError))


async def _look(settings: Settings, limits: Mapping[str, bytes]) -> ExchangeAnswer:
    from shared.exchanges.trading.ccxt_venue import make_venue  # ccxt takes a while to load

    here = Whereabouts.of(settings)
    venue = make_venue(settings, attempts=1, timeout_s=min(ONE_S, settings.gateway.timeout_s))
    await venue.open(only_out=True)
    try:
        here.of_account(venue, Whereabouts.known(limits), settings.gateway.account)
        syms = [sym for sym in settings.gateway.markets if sym not in venue.out_of_reach]
        if not syms:
            raise VenueError(f"{settings.gateway.account}: the exchange has none of its markets")
        positions = await venue.positions()
        resting = [*await venue.all_open_orders(syms), *await venue.waiting_orders(syms)]
        quotes = await venue.quotes(syms)
        spot = {sym for sym in syms if venue.rules(sym).kind == "spot"}
    finally:
        await venue.close()
    symbols = {}
    for sym in syms:
        qty = sum((row.signed_qty for row in positions if row.sym == sym), Decimal(0))
        quote = quotes.get(sym)
        price = None if quote is None else quote.ask if qty < 0 else quote.bid
        symbols[sym] = AtExchange(qty, sum(order.sym == sym for order in resting), price, spot=sym in spot)
    return ExchangeAnswer(symbols, time.time_ns())
