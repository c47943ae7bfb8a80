"""Features, model and decision in a row: a whole strategy as one Tick."""

from decimal import Decimal
from typing import TYPE_CHECKING

from shared.account import Account, Order
from shared.messages.reasons import Reason
from shared.strategies.decider import Decider, Forecast, Signal
from shared.tick import State, Tick

if TYPE_CHECKING:
    import torch

    from shared.features.feature import Feature


class Strategy(Tick[float, list[Order]]):
    """Prices of one symbol in, orders out, made of the very objects that the services wrap.

    `on_tick` gives None while the features warm up, and an empty list where the decision is a reason not to trade.
    It changes nothing in the account: whoever fills the orders books the fills there. The model is put into eval mode
    and its parameters are frozen, as Predict does.
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

    def decide(self, prediction: Signal, account: Account) -> list[Order] | Reason:
        """The decider's decision."""
        return self.decider.decide(prediction, account)

    def on_tick(self, val: float) -> list[Order] | None:
        """Take a price; return the orders for it."""
        x = self.features.on_tick(val)
        if x is None:
            return None
        y_hat: float = self.model(x).item()
        decision = self.decide(Forecast(self.sym, y_hat, Decimal(str(val))), self.account)
        return [] if isinstance(decision, Reason) else decision

    def state(self) -> State:
        """The features' window and the account; the model remembers nothing."""
        return [self.features.state(), self.account.state()]

    def restore(self, state: State) -> None:
        """Take back what `state()` gave."""
        if not isinstance(state, list) or len(state) != 2:
            raise ValueError(f"a Strategy's state is a list of two, not {state!r:.80}")
        self.features.restore(state[0])
        self.account.restore(state[1])
