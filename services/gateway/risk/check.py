"""One gate an order has to pass."""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from services.gateway.risk.asked import Asked, Context
from services.gateway.risk.exposure import Exposure
from services.gateway.risk.rules import Rules
from shared.config.risk import RiskSettings
from shared.messages import Reason


class Subject(NamedTuple):
    """What a check looks at. standing: limits of the equity that are reached, latched in the journal or not yet.

    suspected: those that only the newest observation is past.
    """

    asked: Asked
    rules: Rules
    exposure: Exposure
    standing: tuple[str, ...]
    suspected: tuple[str, ...] = ()

    @property
    def context(self) -> Context:
        """What is known."""
        return self.asked.context

    @property
    def limits(self) -> RiskSettings:
        """The limits of the config."""
        return self.rules.limits

    @property
    def price(self) -> Decimal:
        """At which exposure is counted: the higher of decision price and the venue's ask."""
        quote = self.context.quote
        return max(self.asked.price, quote.ask) if quote is not None else self.asked.price

    @property
    def account_notional(self) -> Decimal:
        """All positions' notional with this order, and all others in flight in its direction, filled."""
        return self.context.other_notional + self.exposure.worst.copy_abs() * self.price


class Check(NamedTuple):
    """A limit: `violation` gives the reason why this order does not pass, None when it does.

    applies_to_reducing: it stands even against what only reduces our own position. defers: the order waits instead of
    being refused. of_book: it counts in paper and replay too; the others need a venue.
    """

    name: str
    violation: Callable[[Subject], Reason | None]
    applies_to_reducing: bool = False
    defers: bool = False
    of_book: bool = False
