"""Features, model and decision in a row: a whole strategy as one Tick."""

import math
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.account import Account, Order
from shared.account.paper_fill import PaperFill
from shared.history import infer_interval
from shared.messages.reasons import Reason
from shared.record import Snapshot
from shared.strategies.backtest import round_trips
from shared.strategies.decider import Decider, Forecast, Signal
from shared.strategies.frame import frame
from shared.tick import State, Tick

if TYPE_CHECKING:
    import polars
    import torch

    from shared.features.feature import Feature


class StrategySnapshot(Snapshot):
    """What a Strategy remembers."""

    features: Any
    account: Any


class Strategy(Tick[float, list[Order]]):
    """Prices of one symbol in, orders out, made of the very objects that the services wrap.

    `on_tick` gives None while the features warm up, and an empty list where the decision is a reason not to trade.
    It changes nothing in the account: whoever fills the orders books the fills there. The model is put into eval mode
    and its parameters are frozen, as Predict does. y_hat: the prediction for the last price, NaN before the first one.
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
        self.features = features
        self.account = account
        self.decider = decider
        self.y_hat = math.nan

    def decide(self, prediction: Signal, account: Account) -> list[Order] | Reason:
        """The decider's decision."""
        return self.decider.decide(prediction, account)

    def on_tick(self, val: float) -> list[Order] | None:
        """Take a price; return the orders for it."""
        x = self.features.on_tick(val)
        if x is None:
            return None
        self.y_hat = self.model(x).item()
        decision = self.decide(Forecast(self.sym, self.y_hat, Decimal(str(val))), self.account)
        return [] if isinstance(decision, Reason) else decision

    def backtest(
        self,
        path: str | Path,
        *,
        interval: str | None = None,
        fee: Decimal = Decimal("0.0003"),
        slippage_bps: Decimal = Decimal(0),
        timezone: str = "",
    ) -> "polars.DataFrame":
        """Trade the prices of a CSV or Parquet file; one row per closed round trip, with RoundTrip's fields as columns.

        As the paper venue does: each order fills at the price it was decided at, a bar's close, `slippage_bps` against
        it; `fee` is the rate of each fill's value. interval: from the file, if not given. timezone: of its
        times, as `shared.history.bars` takes it. Prices, quantities and money
        are Float64, times UTC, when they were known (the bar's end). What is still open at the end has no row.

        It starts with empty features and flat, with the account's capital, and leaves the strategy as it found it. A
        subclass with a memory of its own starts from that; to leave it untouched too, its `state` and `restore` hold
        it. Raises DataError for a file that cannot be used, ConfigError without polars.
        """
        path = Path(path)
        found = interval if interval is not None else infer_interval(path, timezone)
        return frame(round_trips(self, path, found, PaperFill(fee, slippage_bps), timezone))

    def state(self) -> State:
        """The features' window and the account; the model remembers nothing."""
        return StrategySnapshot(features=self.features.state(), account=self.account.state())

    def restore(self, state: State) -> None:
        """Take back what `state()` gave."""
        saved = StrategySnapshot.of(state)
        self.features.restore(saved.features)
        self.account.restore(saved.account)
