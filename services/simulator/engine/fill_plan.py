"""How a market order is filled: at once, in parts over time, or in part only."""

from decimal import ROUND_DOWN, Decimal
from typing import NamedTuple

from services.simulator.engine.order import Part


class Plan(NamedTuple):
    """parts: how many, each `apart_ms` after the last. share: of the quantity; what is left expires.

    >>> Plan(2, 100, Decimal("0.7")).of(Decimal("-0.010"), Decimal("0.001"), 5)
    (Part(at_ms=5, qty=Decimal('-0.003')), Part(at_ms=105, qty=Decimal('-0.004')))
    """

    parts: int = 1
    apart_ms: int = 0
    share: Decimal = Decimal(1)

    def of(self, signed_qty: Decimal, step: Decimal, now_ms: int) -> tuple[Part, ...]:
        """The parts of this order, each a multiple of step."""
        whole = (signed_qty * self.share / step).to_integral_value(ROUND_DOWN)
        each = (whole / self.parts).to_integral_value(ROUND_DOWN)
        counts = [each] * (self.parts - 1) + [whole - each * (self.parts - 1)]
        return tuple(
            Part(now_ms + number * self.apart_ms, count * step) for number, count in enumerate(counts) if count
        )
