"""A strategy's author writes a Decider: parameters, and `decide`."""

from abc import abstractmethod
from collections.abc import Callable
from decimal import Decimal
from types import FunctionType
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol, cast

from pydantic import BaseModel, ConfigDict

from shared.account import Account, Order
from shared.messages.market import Group
from shared.messages.reasons import Reason
from shared.user_code import Place, WrongDecision

if TYPE_CHECKING:
    from shared import messages

    class Prediction(messages.Prediction):
        """The wire's Prediction where a strategy is asked for it: its y_hat is there, so no author has to look."""

        y_hat: float
else:
    from shared.messages import Prediction as Prediction  # the very same


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


_FARTHEST = 100  # no quantity has so many digits before or behind its point, and no message carries them


def require_orders(made: object, sym: str, author: Callable[..., object]) -> None:
    """Raises WrongDecision unless the author's function returned orders for `sym`, so that nobody sends a wrong one."""
    what = made
    if isinstance(made, list):
        for what in made:
            if not isinstance(what, Order) or what.sym != sym:
                break
            if not -_FARTHEST <= what.signed_qty.adjusted() <= _FARTHEST:
                break
        else:
            return
    shown = f"{what!r:.80}" if what is made else f"a list with {what!r:.80}"
    raise WrongDecision(f"it returned {shown}: return a list of Order for {sym}, or a Reason", _place(author))


def require_nothing(made: object, author: Callable[..., object]) -> None:
    """Raises WrongDecision where the author's function returned something, though it can give no orders."""
    if made is not None:
        said = f"it returned {made!r:.80}: it gives no orders; on_tick and on_prediction do"
        raise WrongDecision(said, _place(author))


def _place(author: Callable[..., object]) -> Place:
    code = cast(FunctionType, getattr(author, "__func__", author)).__code__
    return Place(code.co_filename, code.co_firstlineno, code.co_name)


class Decider(BaseModel):
    """A decider has a strategy's parameters as its fields, and its decision.

    `decide` is a pure function of its two arguments and the parameters: it changes neither the account nor itself, and
    needs no model and no torch. The constructor checks the parameters and refuses unknown ones.

    - needs: the groups of market data that it looks at beside the price; its prediction carries them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    needs: ClassVar[frozenset[Group]] = frozenset()
    data_files: ClassVar[tuple[str, ...]] = ()

    def needed(self) -> frozenset[Group]:
        """Returns the groups that it needs."""
        return type(self).needs

    @abstractmethod
    def decide(self, prediction: AnyPrediction, account: Account) -> list[Order] | Reason:
        """Returns the orders for this prediction, in sending order, or the reason why there are none."""
