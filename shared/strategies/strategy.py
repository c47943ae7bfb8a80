"""A Strategy is features, model and decision in a row, as one Tick."""

import math
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.account import Account, Fill, Order, RoundTrip, RoundTrips
from shared.account.money import money
from shared.account.paper_fill import PaperFill, within
from shared.errors import ConfigError
from shared.extras import to_install
from shared.history import bars, infer_interval
from shared.history.tables import PriceData, price_file
from shared.messages.reasons import Leg, Reason
from shared.plural import plural
from shared.record import Snapshot
from shared.strategies.decider import AnyPrediction, BarePrediction, Decider
from shared.strategies.rounding import tradable
from shared.tick import State, Tick

if TYPE_CHECKING:
    import polars
    import torch

    from shared.features.feature import Feature

_ZERO = Decimal(0)


class StrategySnapshot(Snapshot):
    """The saved form of a Strategy."""

    features: Any
    account: Any


class Strategy(Tick[float, list[Order]]):
    """A strategy takes prices of one symbol and returns orders; it consists of the very objects that the services wrap.

    `on_tick` returns None while the features warm up, and an empty list where the decision is a reason not to trade. It
    changes nothing in the account: whoever fills the orders books the fills there. The constructor puts the model into
    eval mode and freezes its parameters, as Predict does; it raises ValueError for a model that does not take the
    features, or gives more than one number.

    - y_hat: the prediction for the last price, NaN before the first one.
    """

    def __init__(
        self,
        sym: str,
        model: "torch.nn.Module",
        features: "Feature[torch.Tensor]",
        account: Account,
        decider: Decider,
    ) -> None:
        self.sym = sym
        self.model = model.eval().requires_grad_(False)
        _require_fit(self.model, features)
        self.features = features
        self.account = account
        self.decider = decider
        self.y_hat = math.nan

    def decide(self, prediction: AnyPrediction, account: Account) -> list[Order] | Reason:
        """Returns the decider's decision."""
        return self.decider.decide(prediction, account)

    def on_tick(self, val: float) -> list[Order] | None:
        """Takes a price; returns the orders for it."""
        x = self.features.on_tick(val)
        if x is None:
            return None
        self.y_hat = self.model(x).item()
        decision = self.decide(BarePrediction(self.sym, self.y_hat, Decimal(str(val))), self.account)
        if isinstance(decision, Reason):
            return []
        position = self.account.position(self.sym)
        left = tradable(decision, position.signed_qty if position else _ZERO, None)
        return [] if isinstance(left, Reason) else left

    def backtest(
        self,
        path: PriceData,
        *,
        interval: str | None = None,
        fee: Decimal | float = Decimal("0.0003"),
        slippage_bps: Decimal | float = _ZERO,
        timezone: str = "",
    ) -> "polars.DataFrame":
        """Trades the prices of a CSV or Parquet file, or a DataFrame; returns one row per closed round trip.

        The columns are RoundTrip's fields. Orders fill as at the paper venue: at their decision price, a bar's close,
        `slippage_bps` against them. Prices, quantities and money are Float64; times are UTC, when the price was known
        (the bar's end). A position that is still open at the end has no row.

        The backtest starts with empty features and flat, with the account's capital, and leaves the strategy as it was.
        A subclass with a memory of its own starts from that, and its `state` and `restore` hold it. Raises DataError
        for an unusable file, ConfigError without polars.

        - interval: from the file, if not given.
        - fee: rate of each fill's value; a float counts by the digits that it shows, 0.0003.
        - timezone: of the file's times, as `shared.history.bars` takes it.
        """
        costs = PaperFill(money(fee, "a fee"), money(slippage_bps, "slippage_bps"))
        with price_file(path) as file:
            found = interval if interval is not None else infer_interval(file, timezone)
            return frame(round_trips(self, file, found, costs, timezone))

    def state(self) -> State:
        """Returns the states of features and account; the model remembers nothing."""
        return StrategySnapshot(features=self.features.state(), account=self.account.state())

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = StrategySnapshot.of(state)
        self.features.restore(saved.features)
        self.account.restore(saved.account)


def _require_fit(model: "torch.nn.Module", features: "Feature[torch.Tensor]") -> None:
    weights, width = next(model.parameters(), None), features.width
    if weights is None:
        return
    try:
        result = model(weights.new_zeros(width))
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        why = str(error).partition("\n")[0]
        raise ValueError(
            f"the model does not take the {plural(width, 'number')} of {features.spec} ({why:.200}): give it the "
            "features that it was trained on"
        ) from error
    if not hasattr(result, "numel") or result.numel() != 1:
        raise ValueError(f"the model gives {result!s:.60} for one sample: it must give one number, y_hat")


def frame(trips: Iterable[RoundTrip]) -> "polars.DataFrame":
    """Returns a table with one row per round trip and its fields as columns.

    Times are Datetime("ns", "UTC"), dir_signal is Int8; prices, quantities and money become Float64 here, exact as they
    are in the round trips. Raises ConfigError without polars.
    """
    try:
        import polars
    except ImportError as error:
        raise ConfigError(f"a table of round trips needs polars: {to_install('research')}") from error
    time = polars.Datetime("ns", "UTC")
    kinds = {"datetime": time, "exit_datetime": time, "sym": polars.String(), "dir_signal": polars.Int8()}
    schema = {name: kinds.get(name, polars.Float64()) for name in RoundTrip._fields}
    return polars.DataFrame(list(trips), schema=schema, orient="row")


def round_trips(
    strategy: "Strategy", path: Path, interval: str, costs: PaperFill, timezone: str = ""
) -> Iterator[RoundTrip]:
    """Yields the closed round trips of `strategy` on the file's closes; each order fills at its decision price.

    It starts with empty features, flat, with the account's capital. At the end of the file, or when the iterator is
    closed, the strategy is as it was before.
    """
    saved, y_hat = strategy.state(), strategy.y_hat
    account, sym, trips = strategy.account, strategy.sym, RoundTrips()
    strategy.features.reset()
    account.restore(Account(account.capital).state())
    try:
        for bar in bars(path, interval, timezone=timezone):
            for order in strategy.on_tick(float(bar.close)) or ():
                price, commission = costs.of(order.signed_qty, bar.close)
                if order.limit_price is not None and not within(order.limit_price, order.signed_qty, price):
                    if order.leg is Leg.CLOSE:  # what comes after one that misses expires, as at the paper venue
                        break
                    continue
                account.book(sym, order.signed_qty, price, commission)
                trip = trips.on_fill(
                    Fill(bar.ts_event, sym, strategy.y_hat, order.signed_qty, price, commission, account.balance())
                )
                if trip is not None:
                    yield trip
    finally:
        strategy.restore(saved)
        strategy.y_hat = y_hat
