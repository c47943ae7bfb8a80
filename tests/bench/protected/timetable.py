"""A strategy that enters by the clock, so that two runs on the same trades enter in the same bars."""

from decimal import Decimal

from tickline import Bar, Made, Reason, StatefulStrategy

NS_PER_S = 1_000_000_000
EVERY_S, HELD_S = 30, 24
SOME = 2_654_435_761  # Knuth's multiplier: sides that have no order


class Timetable(StatefulStrategy):
    """A Timetable enters every 30 s where it is flat, on one side or the other, and leaves 24 s later at the latest.

    - qty: base units.

    >>> from tickline import Account
    >>> strategy = Timetable(qty=Decimal(2)).bind("BTCUSDT", Account(100))
    >>> [str(strategy.on_tick(Bar.of("BTCUSDT", s * NS_PER_S, Decimal(50)))) for s in (29, 30)]
    ['None', "[Order(sym='BTCUSDT', signed_qty=Decimal('2'))]"]
    """

    qty: Decimal = Decimal(1)

    def on_tick(self, bar: Bar) -> Made:
        """Enters, leaves, or does nothing."""
        turn, second = divmod(bar.ts_event // NS_PER_S, EVERY_S)
        if self.held():
            return self.close() if second >= HELD_S else None
        if second:
            return None
        side = 1 if (turn * SOME >> 16) % 2 else -1
        return self.move_to(self.qty * side)

    def on_prediction(self, prediction: object) -> Made:
        """Does nothing: no prediction counts."""
        return Reason.NO_CHANGE
