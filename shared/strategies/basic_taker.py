"""The notebook's strategy stays in the market, in the direction of the prediction."""

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from shared.account import Account, Order
from shared.messages.reasons import Leg, Reason
from shared.strategies.decider import AnyPrediction, Decider
from shared.strategies.strategy import Strategy

if TYPE_CHECKING:
    import torch

    from shared.features.feature import Feature

_ZERO = Decimal(0)
_OPEN, _NET = Leg.OPEN, Leg.NET
Sizing = Literal["compounding", "constant", "fraction"]
LEAST_EQUITY = Decimal("1e-6")  # of the capital; what is left of less is the last digits of sums


class BasicTaker(Decider):
    """A BasicTaker takes money × leverage in the direction of y_hat, anew at every prediction.

    The target in base units is sign(y_hat) × money × leverage / price. The orders are the legs [close, open], without a
    close leg when flat; without equity only the close leg. Source: the notebook's BasicTakerStrat, with its size
    divided by the price. Equity that is not above a millionth of the capital is none.

    - leverage: of the money.
    - netting: one order for target − held instead of two legs.
    - sizing: the money is the equity (balance + unrealised profit at the decision price) with `compounding`, the
      account's first capital with `constant`, and a part of the equity with `fraction`.
    - fraction: that part.

    >>> from tickline import BarePrediction
    >>> orders = BasicTaker().decide(BarePrediction("BTCUSDT", -0.01, Decimal(50)), Account(Decimal(100)))
    >>> [str(order) for order in orders]
    ['Order(SELL 2 BTCUSDT)']
    """

    leverage: Annotated[Decimal, Field(gt=0)] = Decimal(1)
    netting: bool = False
    sizing: Sizing = "compounding"
    fraction: Annotated[Decimal, Field(gt=0, le=1)] = Decimal(1)

    @model_validator(mode="after")
    def _fraction_is_used(self) -> "BasicTaker":
        if self.fraction != 1 and self.sizing != "fraction":
            raise ValueError(f"fraction {self.fraction} has no effect with sizing {self.sizing}: set sizing=fraction")
        return self

    def decide(self, prediction: AnyPrediction, account: Account) -> list[Order] | Reason:
        """Returns the orders that lead to the target position."""
        y_hat, sym, price = prediction.y_hat, prediction.sym, prediction.price
        if not math.isfinite(y_hat):
            return Reason.NAN_PREDICTION
        if y_hat == 0:
            return Reason.ZERO_PREDICTION
        close = account.close_position(sym)
        equity = account.equity(sym, price)
        if equity <= account.capital * LEAST_EQUITY:
            return [close] if close else Reason.NO_EQUITY
        money = equity if self.sizing == "compounding" else self._money(equity, account)
        size = money * self.leverage / price
        target = size if y_hat > 0 else size.copy_negate()
        if self.netting:
            position = account.position(sym)
            change = target - (position.signed_qty if position else _ZERO)
            return [Order(sym, change, _NET)] if change else Reason.NO_CHANGE
        opening = Order(sym, target, _OPEN)
        return [close, opening] if close else [opening]

    def _money(self, equity: Decimal, account: Account) -> Decimal:
        return account.capital if self.sizing == "constant" else equity * self.fraction


class BasicTakerStrat(Strategy):
    """A BasicTakerStrat takes prices and returns orders: a BasicTaker behind a model and its features.

    Whoever fills the orders books the fills into `account`.

    >>> from tickline import LogReturnLags, load_model
    >>> model = load_model("weights/btcusdt_12h_linear.json").module
    >>> strat = BasicTakerStrat("BTCUSDT", model, LogReturnLags(3), Account(Decimal(105)))
    >>> [strat.on_tick(price) for price in (100.0, 110.0, 90.0, 105.0)]
    [None, None, None, [Order(sym='BTCUSDT', signed_qty=Decimal('1'))]]
    """

    def __init__(
        self,
        sym: str,
        model: "torch.nn.Module",
        log_return_lags: "Feature[torch.Tensor]",
        account: Account,
        *,
        leverage: Decimal = Decimal(1),
        netting: bool = False,
        sizing: Sizing = "compounding",
        fraction: Decimal = Decimal(1),
    ) -> None:
        decider = BasicTaker(leverage=leverage, netting=netting, sizing=sizing, fraction=fraction)
        super().__init__(sym, model, log_return_lags, account, decider)
