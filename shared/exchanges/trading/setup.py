"""What must be true of an account before it trades: the key cannot withdraw; one-way, isolated, the leverage wanted.

Each is set and read back; what cannot be read back as wanted is refused.
"""

from collections.abc import Mapping
from decimal import Decimal

import structlog

from shared.errors import SafetyRefusal
from shared.exchanges.trading.amounts import plain
from shared.exchanges.trading.options import VenueOptions
from shared.exchanges.trading.parse import number
from shared.exchanges.trading.profile import ISOLATED, Modes, TradingProfile
from shared.exchanges.trading.rest_caller import RestCaller
from shared.exchanges.trading.venue import MarketRules

log = structlog.get_logger()


def shown(modes: Modes) -> str:
    """As a person sets them.

    >>> shown(Modes(hedged=True, margin="cross", leverage=Decimal("2.50")))
    'hedge mode, cross margin, leverage 2.5'
    """
    leverage = "unknown" if modes.leverage is None else plain(modes.leverage)
    return f"{'hedge' if modes.hedged else 'one-way'} mode, {modes.margin} margin, leverage {leverage}"


async def check_key(asker: RestCaller, profile: TradingProfile, options: VenueOptions) -> None:
    """SafetyRefusal for a key that may withdraw, where the venue tells; a test account has nothing to withdraw.

    So for one that may not trade: better now than at the first order, which may be a close.
    """
    live = options.mode == "live"
    if not live and not profile.rights_in_test:
        return
    rights = await profile.rights(asker)
    if live and rights.withdraw:
        raise SafetyRefusal(
            f"this key of {options.exchange} may withdraw: make one that can only read and trade, and put that one in"
        )
    if rights.trade is False:
        raise SafetyRefusal(
            f"this key of {options.exchange} may not trade {profile.kind} markets: allow it there, or make one that "
            "can read and trade, and put that one in"
        )


async def check_fees(
    asker: RestCaller, profile: TradingProfile, options: VenueOptions, rules: Mapping[str, MarketRules]
) -> None:
    """SafetyRefusal for an account whose fees are in a coin without a price: what it costs could not be booked."""
    quotes = {rule.quote for rule in rules.values()}
    for currency in sorted(await profile.fee_currencies(asker) - quotes):
        quote = next(iter(quotes))
        if not {f"{currency}/{quote}", f"{currency}/{quote}:{quote}"} & asker.client.markets.keys():
            raise SafetyRefusal(
                f"this account of {options.exchange} pays fees in {currency}, which has no price in {quote}: its books "
                "could not be kept; use an account whose fees are in a coin that is traded there"
            )


async def check_account(asker: RestCaller, profile: TradingProfile, options: VenueOptions) -> None:
    """SafetyRefusal for an account whose equity or positions are of a kind that is not read here."""
    if (why := await profile.unfit(asker, live=options.mode == "live")) is not None:
        raise SafetyRefusal(f"this account of {options.exchange} {why}")


async def set_modes(
    asker: RestCaller, profile: TradingProfile, options: VenueOptions, rules: Mapping[str, MarketRules]
) -> None:
    """One-way, isolated margin and leverage, for every swap; SafetyRefusal where the venue then says otherwise.

    Set is only what is not so: some venues refuse a change while a position is open, even to what it is.
    """
    swaps = [rule.market for rule in rules.values() if rule.kind == "swap"]
    if not swaps:
        return
    await profile.set_one_way(asker, swaps)
    for row in await profile.positions(asker, swaps):
        if row["symbol"] in swaps and number(row.get("contracts"), "0") and (name := profile.row_of(row)):
            raise SafetyRefusal(
                f"{options.exchange}: {row['symbol']}: there is a position {name}, beside the one-way, isolated one "
                "that is traded: close it, e.g. with `tickline halt --flatten`"
            )
    said = False
    for market in swaps:
        wanted = (ISOLATED, Decimal(options.leverage))
        before = await profile.margin_and_leverage(asker, market)
        if before == wanted:
            continue
        if profile.margin_of_account and before[0] != ISOLATED and not said:
            said = True
            log.warning(
                "the margin mode is the whole account's: all of its symbols, also those that are not traded here, "
                "become isolated now",
                exchange=options.exchange,
            )
        await profile.set_margin_and_leverage(asker, market, options.leverage)
        margin, leverage = await profile.margin_and_leverage(asker, market)
        if (margin, leverage) != wanted:
            raise SafetyRefusal(
                f"{options.exchange}: {market}: {margin} margin, leverage {leverage and plain(leverage)}; wanted "
                f"isolated, {options.leverage}: close what is open there, or set it by hand"
            )
