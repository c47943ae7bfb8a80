"""What must be true of an account before it trades: the key cannot withdraw; one-way, isolated, the leverage wanted.

Each is set and read back; what cannot be read back as wanted is refused.
"""

from collections.abc import Mapping

from services.gateway.venues.asker import Asker
from services.gateway.venues.exchanges.profile import ISOLATED, ExchangeProfile, Modes
from services.gateway.venues.options import VenueOptions
from services.gateway.venues.parse import number
from services.gateway.venues.venue import MarketRules
from shared.errors import SafetyRefusal


def shown(modes: Modes) -> str:
    """As a person sets them.

    >>> shown(Modes(hedged=True, margin="cross", leverage=5))
    'hedge mode, cross margin, leverage 5'
    """
    return f"{'hedge' if modes.hedged else 'one-way'} mode, {modes.margin} margin, leverage {modes.leverage}"


async def check_key(asker: Asker, profile: ExchangeProfile, options: VenueOptions) -> None:
    """SafetyRefusal for a key that may withdraw, where the venue tells; a test account has nothing to withdraw."""
    if options.mode == "live" and await profile.may_withdraw(asker):
        raise SafetyRefusal(
            f"this key of {options.exchange} may withdraw: make one that can only read and trade, and put that one in"
        )


async def check_account(asker: Asker, profile: ExchangeProfile, options: VenueOptions) -> None:
    """SafetyRefusal for an account whose equity or positions are of a kind that is not read here."""
    if (why := await profile.unfit(asker, live=options.mode == "live")) is not None:
        raise SafetyRefusal(f"this account of {options.exchange} {why}")


async def set_modes(
    asker: Asker, profile: ExchangeProfile, options: VenueOptions, rules: Mapping[str, MarketRules]
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
    for market in swaps:
        wanted = (ISOLATED, options.leverage)
        if await profile.margin_and_leverage(asker, market) == wanted:
            continue
        await profile.set_margin_and_leverage(asker, market, options.leverage)
        margin, leverage = await profile.margin_and_leverage(asker, market)
        if (margin, leverage) != wanted:
            raise SafetyRefusal(
                f"{options.exchange}: {market}: {margin} margin, leverage {leverage}; wanted isolated, "
                f"{options.leverage}: close what is open there, or set it by hand"
            )
