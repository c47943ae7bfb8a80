"""The contract of a market data source: quotes, of each symbol in order."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol

from shared.messages import Gap, MarketTick
from shared.messages.market import BarGroup, FundingGroup, Group, QuoteGroup


class Quote(NamedTuple):
    """A quote says which price became known at `ts_event` (ns since 1970 UTC; for a bar its end).

    - bar, quote, funding: the groups that the source gives beside the price.
    """

    sym: str
    ts_event: int
    price: Decimal
    bar: BarGroup | None = None
    quote: QuoteGroup | None = None
    funding: FundingGroup | None = None


# A recording gives messages: they say what was history, and what was missing.
Datum = Quote | MarketTick | Gap


class Feed(Protocol):
    """A feed gives one symbol's quotes in order, each once."""

    def take(self, limit: int) -> Sequence[Datum]:
        """Returns the next quotes that are due, at most `limit`; none where none is due now."""

    def due_in_s(self) -> float | None:
        """Returns the seconds until the next quote is due (0.0: now); None when there will never be another."""


class Source(Protocol):
    """A source opens a feed for each of its symbols."""

    @property
    def venue(self) -> str:
        """Returns its name in ticks and trace ids, e.g. `replay`."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """Returns all symbols, sorted."""

    @property
    def groups(self) -> frozenset[Group]:
        """Returns the groups that it can give beside the price, for all of its symbols."""

    @property
    def fields(self) -> frozenset[str]:
        """Returns those of the bar group's fields that not every source tells, and this one does."""

    def open(self, sym: str, position: int) -> Feed:
        """Returns the quotes of `sym` after its first `position` ones; a restart goes on behind its last commit."""
