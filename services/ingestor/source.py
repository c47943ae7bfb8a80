"""What a market data source gives: quotes, per symbol, in order."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol

from shared.messages import Gap, MarketTick


class Quote(NamedTuple):
    """One price that became known at `ts_event` (ns since 1970 UTC; for a bar its end)."""

    sym: str
    ts_event: int
    price: Decimal


# A recording gives messages again: they tell what was history, and what was missing.
Datum = Quote | MarketTick | Gap


class Feed(Protocol):
    """One symbol's quotes, in order, each given once."""

    def take(self, limit: int) -> Sequence[Datum]:
        """The next quotes that are due, at most `limit`; empty when none is due now."""

    def due_in_s(self) -> float | None:
        """Seconds until the next quote is due (0.0: now); None when there will never be another."""


class Source(Protocol):
    """Where quotes come from. `venue` is the name that stands in trace ids."""

    @property
    def venue(self) -> str:
        """E.g. `replay`."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """All symbols, sorted."""

    def open(self, sym: str, position: int) -> Feed:
        """The quotes of `sym` after its first `position` ones (a restart goes on where the last commit stood)."""
