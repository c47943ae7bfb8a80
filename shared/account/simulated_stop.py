"""A simulated stop says when, and at which price, a stop at an exchange would have closed a position. Pure.

Backtest, replay and paper ask it once a bar. A position may have three stops: one that limits its loss, a take-profit,
and a trailing one that follows the best price. The first two hang on the decision price at which it was opened. Real
stops wait for the exchange's mark price, and these for the prices of the bar, which are of trades: docs/stops.md has
the difference.
"""

from decimal import Decimal
from typing import NamedTuple, Self

from shared.messages.market import BarGroup
from shared.messages.protect import ProtectTerms
from shared.messages.reasons import StopKind
from shared.record import Record

_STOP, _PROFIT, _TRAIL = StopKind.STOP, StopKind.TAKE_PROFIT, StopKind.TRAIL


class BarPrices(NamedTuple):
    """The prices of a bar; all four are the tick's price where nothing else is known of it."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal

    @classmethod
    def of(cls, price: Decimal, bar: BarGroup | None) -> "BarPrices":
        """Returns those of a tick, each with the digits that the exchange wrote."""
        if bar is None:
            return cls(price, price, price, price)
        return cls(Decimal(repr(bar.open)), Decimal(repr(bar.high)), Decimal(repr(bar.low)), price)


class FiredStop(NamedTuple):
    """A stop has fired.

    - trigger: its price. price: the market's then, before slippage; another one where the bar opened beyond it.
    - by_close: only the bar's close showed it. The bar's worst price may have come before.
    """

    kind: StopKind
    trigger: Decimal
    price: Decimal
    by_close: bool = False


class StopSnapshot(Record):
    """The saved form of a stop that lies.

    - hangs_on: the decision price of the order that opened the position.
    - best: of a trailing stop, the best price since then.
    """

    long: bool
    hangs_on: Decimal
    best: Decimal


class SimulatedStop:
    """A SimulatedStop holds the stops of one position, and tells which of them a bar fires, and where.

    - A bar that opens beyond a trigger fires there, at its open.
    - Else it fires at the trigger, where low or high reach it. In a bar that reaches a stop and the take-profit it is
      the stop: nobody knows what came first.
    - A trailing stop follows the bars before; then high and close of this one move it, and a close beyond it fires at
      the new trigger: it came last.

    >>> stop = SimulatedStop(ProtectTerms(stop_bps=Decimal(500), take_profit_bps=Decimal(1000)))
    >>> stop.follow(Decimal(2), Decimal(100))
    >>> bars = ((101, 105, 96, 104), (101, 111, 94, 104), (94, 96, 93, 95), (101, 111, 96, 104))
    >>> for bar in bars:
    ...     fired = stop.on_bar(BarPrices(*map(Decimal, bar)))
    ...     print(fired and (str(fired.kind), str(fired.trigger), str(fired.price)))
    None
    ('stop', '95.00', '95.00')
    ('stop', '95.00', '94')
    ('take_profit', '110.0', '110.0')
    """

    def __init__(self, terms: ProtectTerms) -> None:
        self._terms = terms
        self._lies: StopSnapshot | None = None

    def follow(self, held: Decimal, price: Decimal) -> None:
        """Learns the position after each execution: a new one gets its stops, one that is gone loses them.

        - held: signed base units, 0 where flat.
        - price: the decision price of the orders that led to it.
        """
        if not held:
            self._lies = None
        elif self._lies is None or self._lies.long is held.is_signed():
            self._lies = StopSnapshot(long=not held.is_signed(), hangs_on=price, best=price)

    def on_bar(self, seen: BarPrices) -> FiredStop | None:
        """Takes a bar; returns the stop that it fires, or None."""
        fired = self.fires(seen)
        lies = self._lies
        if lies is not None and self._terms.trail_bps is not None:
            best = _better(lies, seen)
            if best != lies.best:
                self._lies = lies.model_copy(update={"best": best})
        return fired

    def fires(self, seen: BarPrices) -> FiredStop | None:
        """Returns the stop that a bar would fire, without taking it."""
        lies = self._lies
        if lies is None:
            return None
        against, along = (seen.low, seen.high) if lies.long else (seen.high, seen.low)
        loss, profit = self._nearest_loss(lies), self._price(_PROFIT, lies.hangs_on, lies.long)
        # In the order of what came first, as far as a bar tells: its open, then low or high, then its close.
        if loss is not None and _reached(seen.open, loss[1], down=lies.long):
            return FiredStop(*loss, seen.open)
        if profit is not None and _reached(seen.open, profit, down=not lies.long):
            return FiredStop(_PROFIT, profit, seen.open)
        if loss is not None and _reached(against, loss[1], down=lies.long):
            return FiredStop(*loss, loss[1])
        if profit is not None and _reached(along, profit, down=not lies.long):
            return FiredStop(_PROFIT, profit, profit)
        best = _better(lies, seen)
        moved = self._price(_TRAIL, best, lies.long)
        if moved is not None and _reached(seen.close, moved, down=lies.long):
            return FiredStop(_TRAIL, moved, moved, by_close=True)
        return None

    def triggers(self) -> dict[StopKind, Decimal]:
        """Returns the price of each stop that lies now."""
        return {} if self._lies is None else triggers_of(self._terms, self._lies)

    def _nearest_loss(self, lies: StopSnapshot) -> tuple[StopKind, Decimal] | None:
        """Returns which of stop and trailing stop the price comes to first, when it goes against the position."""
        stop, trail = self._price(_STOP, lies.hangs_on, lies.long), self._price(_TRAIL, lies.best, lies.long)
        if trail is None:
            return None if stop is None else (_STOP, stop)
        if stop is None or (trail > stop if lies.long else trail < stop):
            return _TRAIL, trail
        return _STOP, stop

    def _price(self, kind: StopKind, hangs_on: Decimal, long: bool) -> Decimal | None:
        return self._terms.price(kind, hangs_on, long=long)

    @property
    def lies(self) -> StopSnapshot | None:
        """Returns what lies, which its stage's snapshot keeps; None without a position."""
        return self._lies

    def take_back(self, saved: StopSnapshot | None, held: Decimal, entry: Decimal) -> Self:
        """Takes back what `lies` gave, and returns itself.

        A position from before there was a protection hangs on its entry price.

        - held, entry: the position, signed base units, 0 where flat, and its average price.
        """
        self._lies = saved
        if saved is None or not held:
            self.follow(held, entry)
        return self


def triggers_of(terms: ProtectTerms, lies: StopSnapshot) -> dict[StopKind, Decimal]:
    """Returns the price of each stop that lies; of a trailing one that to which the bars have brought it so far.

    >>> lies = StopSnapshot(long=True, hangs_on=Decimal(100), best=Decimal(120))
    >>> found = triggers_of(ProtectTerms(stop_bps=Decimal(500), trail_bps=Decimal(1000)), lies)
    >>> {str(kind): str(price) for kind, price in found.items()}
    {'stop': '95.00', 'trail': '108.0'}
    """
    hangs_on = {_STOP: lies.hangs_on, _PROFIT: lies.hangs_on, _TRAIL: lies.best}
    found = {kind: terms.price(kind, price, long=lies.long) for kind, price in hangs_on.items()}
    return {kind: price for kind, price in found.items() if price is not None}


def _better(lies: StopSnapshot, seen: BarPrices) -> Decimal:
    """Returns the best price for the position with this bar."""
    return max(lies.best, seen.high) if lies.long else min(lies.best, seen.low)


def _reached(price: Decimal, trigger: Decimal, *, down: bool) -> bool:
    return price <= trigger if down else price >= trigger
