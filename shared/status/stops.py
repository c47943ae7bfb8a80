"""The stops of a line's positions, and what it loses at most when everything dies, as its status says it. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from shared.config import Mode, Settings
from shared.config.protect import DISTANCES
from shared.exchanges.trading.amounts import plain
from shared.explain.account import Stake, StopsAtStake, if_everything_dies, money, nearest_stops, stop_at_stake
from shared.messages.protect import ProtectTerms
from shared.messages.reasons import StopKind
from shared.orders.stop_life import StopLife
from shared.orders.stops import StopPhase
from shared.status.state import SymbolStatus

_ZERO = Decimal(0)


def told_terms(params: Mapping[str, Any]) -> ProtectTerms | None:
    """Returns the distances that a strategy's description has; None where it protects nothing.

    >>> told_terms({"leverage": 1, "protect": {"stop_bps": "250", "after_stop": "flip"}})
    ProtectTerms(stop_bps=Decimal('250'), take_profit_bps=None, trail_bps=None)
    """
    protect = params.get("protect")
    if not protect:
        return None
    return ProtectTerms(*(Decimal(protect[name]) if protect.get(name) else None for name in DISTANCES))


def stops_line(symbols: Mapping[str, SymbolStatus]) -> str:
    """Returns the stops that lie, or may lie, at the exchange, or those that are simulated; empty without one."""
    told = [f"{one.sym} {', '.join(map(_shown, one.stops))}" for one in symbols.values() if one.stops]
    if told:
        return f"stops at the exchange: {'; '.join(told)}"
    told = [
        f"{one.sym} {', '.join(map(_simulated, one.simulated.items()))}" for one in symbols.values() if one.simulated
    ]
    return f"stops, simulated bar by bar: {'; '.join(told)}" if told else ""


def _simulated(stop: tuple[StopKind, Decimal]) -> str:
    kind, price = stop
    return f"{kind} {plain(price)}"


def _shown(stop: StopLife) -> str:
    back = "" if stop.trail_bps is None else f" back by {plain(stop.trail_bps)} bps"
    phase = "" if stop.phase is StopPhase.WAITING else f" ({stop.phase})"
    return f"{stop.kind} {plain(stop.price)}{back}{phase}"


def naked(settings: Settings, symbols: Iterable[SymbolStatus]) -> Iterator[str]:
    """Yields the symbols whose position should have a stop, and has none that the exchange has shown."""
    own = settings.strategy.protect
    if settings.gateway.mode is Mode.PAPER or own.terms is None:
        return
    for one in symbols:
        if one.qty and not any(stop.phase in (StopPhase.WAITING, StopPhase.TRIGGERING) for stop in one.stops):
            yield one.sym


def worst_line(settings: Settings, symbols: Mapping[str, SymbolStatus], equity: Decimal) -> str:
    """Returns what is lost at most when line, host and network die now; empty on paper, and where nothing is held.

    Nobody asks the exchange for it: an isolated position loses its margin, entry value over leverage, and its profit.
    """
    held = [one for one in symbols.values() if one.qty]
    if settings.gateway.mode is Mode.PAPER or not held:
        return ""
    stakes = {one.sym: _stake(settings, one) for one in held}
    own, prices = settings.strategy.protect, nearest_stops(stop for one in held for stop in one.stops)
    if own.stop_bps is None and own.trail_bps is None:
        return if_everything_dies(stakes.values(), equity, None)
    by_stops = []
    for one in held:
        price, stop = one.price or one.entry, prices.get(one.sym)
        if price is None or stop is None:
            by_stops.append(stakes[one.sym]._replace(how=f"{one.sym} has no stop"))
        else:
            by_stops.append(stop_at_stake(one.sym, one.qty, price, stop, settings.gateway.slippage_bps))
    return if_everything_dies(stakes.values(), equity, None, StopsAtStake(by_stops, _ZERO))


def _stake(settings: Settings, one: SymbolStatus) -> Stake:
    price = one.price or one.entry
    if price is None or one.entry is None:
        return Stake(None, f"{one.sym} all there is: nobody knows its price")
    if ":" not in settings.gateway.markets.get(one.sym, ""):
        worth = max(one.qty * price, _ZERO)
        return Stake(worth, f"{one.sym} {money(worth)} if the coin is worth nothing")
    margin = one.qty.copy_abs() * one.entry / settings.gateway.leverage
    lost = max(margin + one.qty * (price - one.entry), _ZERO)
    return Stake(lost, f"{one.sym} {money(lost)} by liquidation")
