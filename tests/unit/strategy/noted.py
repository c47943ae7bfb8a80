"""A strategy that notes all that it is told, and a line around its stage in which anything may take its time."""

import random
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from pydantic import PrivateAttr

from services.gateway.paper import PaperStage
from services.strategy.stage import StrategyStage
from shared.account import Order
from shared.bar import Bar
from shared.messages import ExecutionReport, Gap, GapCause, Leg, Message, OrderIntent, Prediction, Reason, Stream
from shared.messages.codec import pack, unpack
from shared.strategies import Made, StatefulStrategy

SYM = "BTCUSDT"


class Noted(StatefulStrategy):
    """Notes each call with what it saw of the book, and wants at random what a strategy may want."""

    seed: int = 0
    quiet: bool = False

    _notes: list[str] = PrivateAttr(default_factory=list)

    def note(self, what: str) -> None:
        self._notes.append(f"{what} {self.held():f} {self.account.balance():f}")

    def wanted(self, what: str) -> Made:
        self.note(what)
        dice = random.Random(f"{self.seed}{self._notes}")
        lot = dice.random()
        if self.quiet or lot < 0.4:
            return dice.choice((None, [], Reason.NO_CHANGE))
        if lot < 0.6:
            return self.close()
        opened = Order(self.sym, Decimal(dice.choice((-2, -1, 1, 2))), Leg.OPEN)
        return [*self.close(), opened] if lot < 0.9 else [opened, opened]

    def on_tick(self, bar: Bar) -> Made:
        return self.wanted(f"tick {bar.ts_event} {bar.high}")

    def on_prediction(self, prediction: Prediction) -> Made:
        return self.wanted(f"prediction {prediction.n} {prediction.y_hat}")

    def on_execution(self, report: ExecutionReport) -> None:
        self.note(f"execution {report.n} {report.status}")

    def on_gap(self, gap: Gap) -> None:
        self.note(f"gap {gap.n}")

    def notes(self) -> list[str]:
        return list(self._notes)


def prediction(n: int, y_hat: float | None = 0.01, **changed: Any) -> Prediction:
    fields: dict[str, Any] = {"n": n, "sym": SYM, "ts_event": 10 * n, "tr": f"v:{SYM}:{10 * n}:{n}", "tick_n": n,
                              "price": Decimal(50 + n), "y_hat": y_hat, "model": "m"}  # fmt: skip
    return Prediction.model_validate(fields | changed)


def gap(n: int) -> Gap:
    return Gap(
        n=n, sym=SYM, ts_event=10 * n, tr=f"v:{SYM}:{10 * n}:{n}", stream=Stream.PREDICTIONS, cause=GapCause.LATE
    )


class Line:
    """Gives a stage its market input in order, and the reports of its orders, each whenever the dice say so.

    restarts: how likely it is, before anything, that the stage is stopped and another one takes its state.
    """

    def __init__(self, make: Callable[[], StrategyStage], dice: random.Random, restarts: float = 0.0) -> None:
        self.stage = make()
        self.written: list[Message] = []
        self._make, self._dice, self._restarts = make, dice, restarts
        self._venue = PaperStage(Decimal("0.001"), Decimal(0))
        self.due: deque[Message] = deque()

    def run(self, market: list[Message]) -> list[Message]:
        left = deque(market)
        while left or self.due:
            if self.due and (not left or self._dice.random() < 0.5):
                self.take(self.due.popleft())
            elif left and self.stage.ready(left[0]):
                self.take(left.popleft())
        return self.written

    def take(self, message: Message) -> None:
        if self._dice.random() < self._restarts:
            state = unpack(pack(self.stage.state()))
            self.stage = self._make()
            self.stage.restore(state)
        for output in self.stage.on_tick(message) or []:
            self.written.append(output)
            if isinstance(output, OrderIntent):
                self.due += self._venue.on_tick(output) or []
