"""What a backtest's venue does beyond filling each order at its decision price."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field

from shared.account import Fill, RoundTrip
from shared.config import Settings
from shared.strategies import make_decider


class VenueRules(BaseModel):
    """The defaults are what the live paper venue does.

    fill: `decision`, at the decision price; `next_open`, at the next bar's open (in a file with a price alone: at the
    next price), and EXPIRED where there is no next one. maintenance_margin: positions are isolated and liquidated at
    this margin rate; None: never. funding: a CSV or Parquet file `datetime, rate`; None: no funding.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    fill: Literal["decision", "next_open"] = "decision"
    maintenance_margin: Annotated[Decimal, Field(ge=0, lt=1)] | None = None
    funding: Path | None = None

    @property
    def as_paper(self) -> bool:
        """Whether the gateway's own paper venue does all of it."""
        return self.fill == "decision" and self.maintenance_margin is None and self.funding is None


# The same strategy with two legs a decision and with one.

LEGS, NETTED = "legs", "netted"


def variants(settings: Settings) -> dict[str, Settings]:
    """The settings by a name for the table, the configured ones first; for a strategy with a parameter `netting` the
    other way of ordering beside it. Raises ValueError for parameters that do not fit.

    >>> from shared.config import load_settings
    >>> [(name, found.strategy.params) for name, found in variants(load_settings()).items()]
    [('legs', {}), ('netted', {'netting': True})]
    """
    own = settings.strategy
    netting = getattr(make_decider(own.name, own.params), "netting", None)
    if not isinstance(netting, bool):
        return {own.name: settings}
    strategy = own.model_copy(update={"params": {**own.params, "netting": not netting}})
    other = settings.model_copy(update={"strategy": strategy})
    return {NETTED: settings, LEGS: other} if netting else {LEGS: settings, NETTED: other}


# Who watches a backtest.


class Observer(Protocol):
    """Gets what happens, as it happens, and keeps as little of it as it can: a backtest may have 10 million bars."""

    def on_mark(self, ts_event: int, price: float, equity: float, exposure: float, y_hat: float) -> None:
        """Once per bar, after its orders were filled (or sent) and the book was marked at its close.

        ts_event: the bar's end, ns since 1970 UTC. exposure: signed value of the position / equity, 0.0 when flat.
        y_hat: the prediction made at this bar, NaN when there was none.
        """

    def on_trip(self, trip: RoundTrip) -> None:
        """A round trip was closed. Comes before the mark of its bar."""


# What a backtest comes to.


class Totals(NamedTuple):
    """Sums over a whole backtest; money in quote units.

    fees: commissions. funding: paid, less received. slippage: what it cost, Σ |qty| × |fill price − price without it|.
    turnover: Σ |qty| × fill price. bars: those traded on, without those that only warmed the features. fills: with
    those of liquidations. expired: orders that never filled. first_ts, last_ts: ends of the first and the last bar.
    open_trip: what is still held, as one fill at its average entry price; unrealised: its profit at the last close.
    """

    start_equity: Decimal
    end_equity: Decimal
    fees: Decimal
    funding: Decimal
    slippage: Decimal
    turnover: Decimal
    bars: int
    fills: int
    expired: int
    liquidations: int
    first_ts: int
    last_ts: int
    open_trip: Fill | None
    unrealised: Decimal
