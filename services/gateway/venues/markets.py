"""A symbol's one market, as ccxt has it and as it is traded here."""

import difflib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from services.gateway.venues.venue import MarketRules
from shared.errors import ConfigError, VenueError

SHOWN = 5


def rules_of(exchange: str, sym: str, name: str, markets: Mapping[str, Mapping[str, Any]]) -> MarketRules:
    """The rules of `sym`, which the config maps to ccxt's market `name`; ConfigError where it cannot be traded here."""
    where = f"[gateway] markets: {sym} = {name!r}"
    market = markets.get(name)
    if market is None:
        near = difflib.get_close_matches(name, markets, SHOWN, 0.6)
        hint = f"did you mean {', '.join(near)}?" if near else "write it as ccxt does, e.g. BTC/USDT:USDT"
        raise ConfigError(f"{where}: {exchange} has no such market: {hint}")
    if market.get("active") is False:
        raise ConfigError(f"{where}: {exchange} does not trade it now: take it out, or wait until it does")
    if market.get("type") not in ("swap", "spot"):
        raise ConfigError(f"{where}: a {market.get('type')} market: only swap and spot are traded")
    if market["type"] == "swap" and market.get("linear") is not True:
        raise ConfigError(
            f"{where}: an inverse contract, settled in {market.get('settle')}: only linear ones are traded"
        )
    size = _number(market, "contractSize") if market["type"] == "swap" else Decimal(1)
    step = _number(market, "precision", "amount")
    if size is None or step is None:
        raise VenueError(f"{where}: {exchange} does not tell the contract's size or the amount's step")
    least = _number(market, "limits", "amount", "min") or step
    most = _number(market, "limits", "market", "max") or _number(market, "limits", "amount", "max")
    return MarketRules(
        kind=market["type"], market=name, base=market["base"], quote=market["quote"], step=step * size,
        min_qty=max(least, step) * size, most_qty=None if most is None else most * size,
        min_notional=_number(market, "limits", "cost", "min") or Decimal(0),
        price_tick=_number(market, "precision", "price") or Decimal(0), contract_size=size,
    )  # fmt: skip


def _number(market: Mapping[str, Any], *path: str) -> Decimal | None:
    found: Any = market
    for key in path:
        found = (found or {}).get(key)
    try:
        return None if found is None or found == "" else Decimal(str(found))
    except InvalidOperation:
        return None
