"""A strategy's author writes a Decider: parameters, and `decide`."""

from abc import abstractmethod
from decimal import Decimal
from typing import NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict

from shared.account import Account, Order
from shared.messages.reasons import Reason
from shared.user_code import Place, WrongDecision


class AnyPrediction(Protocol):
    """A prediction is the input of a decision: the wire's Prediction, or a bare one."""

    @property
    def sym(self) -> str:
        """Returns the symbol."""

    @property
    def y_hat(self) -> float:
        """Returns the predicted log return until the next tick; it may be NaN."""

    @property
    def price(self) -> Decimal:
        """Returns the decision price, finite and positive."""


class BarePrediction(NamedTuple):
    """A bare prediction is one without the wire around it.

    >>> BarePrediction("BTCUSDT", 0.0008, Decimal(105)).price
    Decimal('105')
    """

    sym: str
    y_hat: float
    price: Decimal


def require_orders(made: object, sym: str, decider: "Decider") -> None:
    """Raises WrongDecision unless `decide` returned orders for `sym`, so that nobody sends a wrong order."""
    what = made
    if isinstance(made, list):
        for what in made:
            if not isinstance(what, Order) or what.sym != sym:
                break
        else:
            return
    shown = f"{what!r:.80}" if what is made else f"a list with {what!r:.80}"
    code = type(decider).decide.__code__
    place = Place(code.co_filename, code.co_firstlineno, code.co_name)
    raise WrongDecision(f"it returned {shown}: return a list of Order for {sym}, or a Reason", place)


class Decider(BaseModel):
    """A decider has a strategy's parameters as its fields, and its decision.

    `decide` is a pure function of its two arguments and the parameters: it changes neither the account nor itself, and
    needs no model and no torch. The constructor checks the parameters and refuses unknown ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @abstractmethod
    def decide(self, prediction: AnyPrediction, account: Account) -> list[Order] | Reason:
        """Returns the orders for this prediction, in sending order, or the reason why there are none."""


_BPS = Decimal(10_000)


def with_reserve(decider: Decider, fee: Decimal, slippage_bps: Decimal) -> Decider:
    """Returns the decider with a little less leverage: a position opened and closed again costs twice fee and slippage.

    fee: a share of each fill's value. A venue refuses an order for all of the money, since nothing is left for its fee.
    A decider without the parameter `leverage` stays as it is.

    >>> from shared.strategies import BasicTaker
    >>> with_reserve(BasicTaker(), Decimal("0.0005"), Decimal(5)).leverage
    Decimal('0.9980039920159680638722554890')
    """
    leverage = getattr(decider, "leverage", None)
    if not isinstance(leverage, Decimal):
        return decider
    cost = 2 * (fee + slippage_bps / _BPS)
    return decider.model_copy(update={"leverage": leverage / (1 + leverage * cost)})
