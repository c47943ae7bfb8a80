"""What must be true of an account before it trades: the key cannot withdraw; one-way, isolated, the leverage wanted.

Each is set and read back; what cannot be read back as wanted is refused.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from services.gateway.venues.asker import Asker
from services.gateway.venues.facts import Facts
from services.gateway.venues.options import VenueOptions
from services.gateway.venues.parse import Unreadable
from services.gateway.venues.venue import MarketRules
from shared.errors import SafetyRefusal, VenueError

ISOLATED = "isolated"


async def check_key(asker: Asker, options: VenueOptions) -> None:
    """SafetyRefusal for a key that may withdraw, where the venue tells; a test account has nothing to withdraw."""
    if options.mode != "live":
        return
    client = asker.client
    if options.exchange == "binance":
        rights: Any = await asker.ask(client.sapi_get_account_apirestrictions)
        may = rights["enableWithdrawals"] is not False
    elif options.exchange == "bybit":
        answer = await asker.ask(client.private_get_v5_user_query_api)
        may = "Withdraw" in ((answer["result"].get("permissions") or {}).get("Wallet") or [])
    elif options.exchange == "okx":
        answer = await asker.ask(client.private_get_account_config)
        may = "withdraw" in answer["data"][0]["perm"]
    else:
        return
    if may:
        raise SafetyRefusal(
            f"this key of {options.exchange} may withdraw: make one that can only read and trade, and put that one in"
        )


async def set_modes(asker: Asker, facts: Facts, options: VenueOptions, rules: Mapping[str, MarketRules]) -> None:
    """One-way, isolated margin and leverage, for every swap; SafetyRefusal where the venue then says otherwise.

    Set is only what is not so: some venues refuse a change while a position is open, even to what it is.
    """
    swaps = [rule.market for rule in rules.values() if rule.kind == "swap"]
    if not swaps:
        return
    await _set_one_way(asker, facts, options, swaps)
    for market in swaps:
        wanted = (ISOLATED, options.leverage)
        if await _margin_and_leverage(asker, market, options) == wanted:
            continue
        await _set_margin_and_leverage(asker, market, options, facts.unchanged)
        margin, leverage = await _margin_and_leverage(asker, market, options)
        if (margin, leverage) != wanted:
            raise SafetyRefusal(
                f"{options.exchange}: {market}: {margin} margin, leverage {leverage}; wanted isolated, "
                f"{options.leverage}: close what is open there, or set it by hand"
            )


async def _set_one_way(asker: Asker, facts: Facts, options: VenueOptions, swaps: Sequence[str]) -> None:
    client = asker.client
    if options.exchange == "bybit":
        # By symbol, and not told; but asking for what is so has an answer of its own, and each order says positionIdx.
        for market in swaps:
            await asker.ask(client.set_position_mode, False, market, tolerated=facts.unchanged)
        return
    if not client.has["fetchPositionMode"]:
        raise VenueError(f"{options.exchange}: ccxt cannot read the position mode back: swaps are not traded there")
    if await _hedged(asker, swaps[0]) is False:  # of the whole account
        return
    await asker.ask(client.set_position_mode, False, swaps[0], tolerated=facts.unchanged)
    if (hedged := await _hedged(asker, swaps[0])) is not False:
        raise SafetyRefusal(
            f"{options.exchange}: hedged is {hedged}, wanted one-way: close what is open, set it by hand"
        )


async def _told(asker: Asker, name: str, call: Callable[..., Awaitable[Any]], *given: Any) -> Any:
    """One field of an answer. An answer without it is none: it is asked for again, and in the end a VenueError."""

    async def once() -> Any:
        answer = await call(*given)
        if not isinstance(answer, Mapping) or answer.get(name) is None:
            raise Unreadable(f"it does not tell {name}")
        return answer[name]

    return await asker.ask(once)


async def _hedged(asker: Asker, market: str) -> bool:
    return bool(await _told(asker, "hedged", asker.client.fetch_position_mode, market))


async def _set_margin_and_leverage(asker: Asker, market: str, options: VenueOptions, same: frozenset[str]) -> None:
    client, leverage = asker.client, options.leverage
    if options.exchange != "okx":  # there the mode goes with each order, and the leverage with the mode
        await asker.ask(client.set_margin_mode, ISOLATED, market, tolerated=same)
    params = {"mgnMode": ISOLATED} if options.exchange == "okx" else {}
    await asker.ask(client.set_leverage, leverage, market, params, tolerated=same)


async def _margin_and_leverage(asker: Asker, market: str, options: VenueOptions) -> tuple[str | None, int | None]:
    client = asker.client
    if options.exchange == "okx":
        given = client.fetch_leverage, market, {"mgnMode": ISOLATED}
        return await _told(asker, "marginMode", *given), await _told(asker, "longLeverage", *given)
    if not client.has["fetchLeverage"] or not client.has["fetchMarginMode"]:
        raise VenueError(
            f"{options.exchange}: ccxt cannot read margin mode and leverage back: swaps are not traded there"
        )
    margin = await _told(asker, "marginMode", client.fetch_margin_mode, market)
    return margin, await _told(asker, "longLeverage", client.fetch_leverage, market)
