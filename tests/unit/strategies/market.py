"""A market for strategies: ticks of a price or of a bar, a book that fills at the price, and what the strategy says."""

from decimal import Decimal

from shared.account import Account, Order
from shared.bar import Bar
from shared.messages import Gap, GapCause, Prediction, Reason, Stream
from shared.messages.market import BarGroup
from shared.strategies import Made, StatefulStrategy

SYM = "BTCUSDT"
FLAT = Decimal(0)


def price_bar(n: int, price: float | str | Decimal) -> Bar:
    """A tick of a price alone."""
    return Bar.of(SYM, n, Decimal(str(price)))


def whole_bar(n: int, high: float, low: float, close: float) -> Bar:
    """A tick with the bar group."""
    return Bar.of(SYM, n, Decimal(str(close)), BarGroup(open=close, high=high, low=low, volume=1.0))


def prediction(n: int, y_hat: float, price: Decimal) -> Prediction:
    return Prediction(n=n + 1, sym=SYM, ts_event=n, tr=f"t:{n}", tick_n=n, price=price, y_hat=y_hat, model="m")


def gap(n: int) -> Gap:
    return Gap(n=n + 1, sym=SYM, ts_event=n, tr=f"t:{n}", stream=Stream.PREDICTIONS, cause=GapCause.MISSED)


class Market:
    """Takes a strategy through ticks as the stage does, and fills every order at the tick's price, at once."""

    def __init__(self, strategy: StatefulStrategy, money: int = 100) -> None:
        self.account = Account(money)
        self.strategy = strategy.bind(SYM, self.account)
        self.n = 0

    def tick(self, bar: Bar, y_hat: float | None = None) -> tuple[Made, Made]:
        """What `on_tick` and `on_prediction` make of it."""
        ticked = self.fill(self.strategy.on_tick(bar), bar.price)
        if y_hat is None:
            return ticked, None
        return ticked, self.fill(self.strategy.on_prediction(prediction(bar.ts_event, y_hat, bar.price)), bar.price)

    def fill(self, made: Made, price: Decimal) -> Made:
        for order in made if isinstance(made, list) else []:
            self.account.book(SYM, order.signed_qty, price)
        return made

    def held(self) -> Decimal:
        position = self.account.position(SYM)
        return position.signed_qty if position else FLAT


def is_exit(made: Made) -> bool:
    """Whether it is one order that closes."""
    return isinstance(made, list) and len(made) == 1 and isinstance(made[0], Order) and made[0].leg.value == "close"


def reason(made: Made) -> Reason | None:
    return made if isinstance(made, Reason) else None
