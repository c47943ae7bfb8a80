"""For each reason without an order: a strategy's stage is led to it, and its decision told."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

from services.gateway.paper import PaperStage
from services.signal.stage import SignalStage
from services.strategy.live_stage import LiveRules, LiveStrategyStage
from services.strategy.protected_stage import ProtectedStage
from services.strategy.stage import StrategyStage
from shared.config import Settings
from shared.explain.circumstances import ModelNeeds, circumstances_of
from shared.explain.decisions import Decided, decision_line
from shared.explain.story import rule_of
from shared.messages import (
    Decision,
    ExecutionReport,
    Gap,
    GapCause,
    Leg,
    MarketTick,
    Message,
    OrderIntent,
    Prediction,
    Reason,
    Stream,
)
from shared.models.model_input import ModelInput
from shared.strategies import make_strategy
from shared.strategies.after_stop import AfterStop
from shared.tick import State, Tick
from shared.wall_time import UTC_TIME

SYM = "BTCUSDT"
S = 1_000_000_000
LIVE = LiveRules(valid_ns=30 * S, stale_ns=30 * S, on_missing="flat")  # as configured by default


class Case(NamedTuple):
    """A case makes one member happen and tells it. said: what the sentence must have: the number and the limit."""

    make: Callable[[], str]
    said: tuple[str, ...]


def prediction(n: int, y_hat: float | None = 0.01, price: str = "50", **changed: Any) -> Prediction:
    """The prediction of tick n, a second after the one before."""
    tr = f"v:{SYM}:{n * S}:{n}"
    made = Prediction(
        n=n, sym=SYM, ts_event=n * S, tr=tr, tick_n=n, price=Decimal(price), y_hat=y_hat, model="0123456789abcdef"
    )
    return made.model_copy(update=changed)


class Line:
    """A strategy's stage with all that went in and came out. Paper fills at once, unless orders are held back."""

    def __init__(self, *, live: bool = False, fills: bool = True, **strategy: Any) -> None:
        self.settings = Settings(symbols=(SYM,), strategy=strategy)
        own = self.settings.strategy
        made, balance, terms = make_strategy(own), own.balance, own.protect.terms
        if terms is not None:
            made = AfterStop(after=own.protect.after_stop).around(made)
        self.stage = (
            LiveStrategyStage(SYM, made, balance, "b", LIVE) if live
            else StrategyStage(SYM, made, balance, "b") if terms is None
            else ProtectedStage(SYM, made, balance, "b", terms)
        )  # fmt: skip
        self.near: list[Message] = []
        self.at_ns: dict[int, int] = {}  # of decisions, by their n
        self._paper = PaperStage(Decimal(0), Decimal(0))
        self._fills = fills
        self._open: list[OrderIntent] = []

    def take(self, *messages: Message) -> "Line":
        for message in messages:
            self.near.append(message)
            made = self.stage.on_tick(message) or []
            self.near += made
            self.at_ns |= {one.n: message.ts_event for one in made if isinstance(one, Decision)}
            self._open += [one for one in made if isinstance(one, OrderIntent)]
            if self._fills:
                self.fill()
        return self

    def fill(self, at_ns: int | None = None) -> "Line":
        """Fills what is in flight; at_ns: when that was known."""
        while self._open:
            (report,) = self._paper.on_tick(self._open.pop(0)) or []
            self.take(report if at_ns is None else report.model_copy(update={"ts_event": at_ns}))
        return self

    def told(self, reason: Reason | None, needs: ModelNeeds | None = None, tick_at_ns: int = 0) -> str:
        """Tells the last decision with this reason."""
        decision = [one for one in self.near if isinstance(one, Decision) and one.reason is reason][-1]
        of = [one for one in self.near if isinstance(one, Prediction) and one.n == decision.prediction_n]
        lies = circumstances_of(decision, self.near, UTC_TIME, needs)
        rule, at_ns = rule_of(self.settings), self.at_ns[decision.n]
        return decision_line(Decided(decision, at_ns, rule, UTC_TIME, of[0], tick_at_ns, lies))


def gap(n: int, cause: GapCause = GapCause.MISSED) -> Gap:
    return Gap(n=n, sym=SYM, ts_event=n * S, tr=f"v:{SYM}:{n * S}:{n}", stream=Stream.PREDICTIONS, cause=cause)


def _no_prediction() -> str:
    return (
        Line().take(gap(1), prediction(2, None), prediction(3, None)).told(Reason.NO_PREDICTION, ModelNeeds("1s", 0, 4))
    )


def _no_bar() -> str:
    return Line().take(prediction(1, None)).told(Reason.NO_PREDICTION, ModelNeeds("1m", 60 * S, 4))


def _no_model() -> str:
    return Line().take(prediction(1, None, model="")).told(Reason.NO_PREDICTION)


class Constant(Tick[Any, float]):
    """A model."""

    def on_tick(self, val: Any) -> float:
        return 0.5

    def state(self) -> State:
        return None

    def restore(self, state: State) -> None:
        """Nothing is remembered."""


def _no_group() -> str:
    """The signal stage finds that the tick lacks the bar that the feature needs."""
    signal = SignalStage(ModelInput(["atr(2)"]), Constant(), "0123456789abcdef")
    tick = MarketTick(n=1, sym=SYM, ts_event=S, tr=f"v:{SYM}:{S}:1", venue="v", price=Decimal(50))
    made = [one for one in signal.on_tick(tick) or [] if one.to is Stream.PREDICTIONS]
    return Line().take(*made).told(Reason.NO_PREDICTION)


def _no_change() -> str:
    line = Line(name="basic_taker", params={"netting": True})
    return line.take(prediction(1), prediction(2, 0.02)).told(Reason.NO_CHANGE)


def _no_equity() -> str:
    """A short of all the money, and the price doubles: what is left is nothing."""
    line = Line().take(prediction(1, -0.01), prediction(2, -0.01, "100"), prediction(3, -0.01, "100"))
    return line.told(Reason.NO_EQUITY)


def _in_flight() -> str:
    line = Line(live=True, fills=False, name="moving_average_cross", params={"fast": 1, "slow": 2})
    line.take(*(prediction(n, None, price, model="") for n, price in ((1, "40"), (2, "50"), (3, "30"))))
    return line.told(Reason.IN_FLIGHT)


def _waiting() -> str:
    return Line(live=True, fills=False).take(prediction(1), prediction(2)).told(Reason.WAITING)


def _superseded() -> str:
    return Line(live=True, fills=False).take(prediction(1), prediction(2), prediction(3)).told(Reason.SUPERSEDED)


def _stale() -> str:
    return Line(live=True, fills=False).take(prediction(1), prediction(2)).fill(33 * S).told(Reason.STALE_PREDICTION)


def _stopped() -> str:
    line = Line(wrappers=({"name": "trailing_stop", "distance": 0.1},))
    line.take(prediction(1), prediction(2, None), prediction(3, 0.01, "40"))
    return line.told(Reason.STOPPED)


def _stopped_out(after: str | int) -> str:
    """Its stop fires at the second price, and the strategy wants to enter there again."""
    line = Line(protect={"stop_bps": 1_000, "after_stop": after})
    return line.take(prediction(1), prediction(2, 0.01, "44")).told(Reason.STOPPED_OUT)


def _cooling_down() -> str:
    wrappers = ({"name": "trailing_stop", "distance": 0.1}, {"name": "cool_down", "ticks": 3})
    line = Line(wrappers=wrappers).take(prediction(1), prediction(2, None), prediction(3, 0.01, "40"))
    return line.take(prediction(4, 0.01, "40"), prediction(5, 0.01, "40")).told(Reason.COOLING_DOWN)


def _cooling_down_behind_a_stop() -> str:
    """The exchange fired its stop, to which no tick led."""
    line = Line(live=True, params={"netting": True}, wrappers=({"name": "cool_down", "ticks": 3},))
    line.take(prediction(1), prediction(2))
    (bought,) = (one for one in line.near if isinstance(one, ExecutionReport))
    of_stop = {"tick_n": 0, "order_n": 0, "leg": Leg.STOP, "client_order_id": "5" * 32, "ts_event": 2 * S + 1}
    line.take(bought.model_copy(update={"n": bought.n + 1, "last_qty": -bought.last_qty, **of_stop}))
    return line.take(prediction(3), prediction(4)).told(Reason.COOLING_DOWN)


DECISIONS: dict[Reason, list[Case]] = {
    Reason.ZERO_PREDICTION: [
        Case(lambda: Line().take(prediction(1, 0.0)).told(Reason.ZERO_PREDICTION), ("y_hat 0", "above or below 0"))
    ],
    Reason.NAN_PREDICTION: [
        Case(lambda: Line().take(prediction(1, float("nan"))).told(Reason.NAN_PREDICTION), ("y_hat nan", "finite"))
    ],
    Reason.NO_PREDICTION: [
        Case(_no_prediction, ("2 ticks since the last gap", "need 4 bars")),
        Case(_no_bar, ("the model's bar of 1m ends at 1970-01-01 00:01:00 UTC",)),
        Case(_no_model, ("signal.model is none",)),
        Case(_no_group, ("the tick lacks what the model's features need",)),
    ],
    Reason.BELOW_THRESHOLD: [
        Case(
            lambda: (
                Line(name="threshold", params={"threshold": 0.001})
                .take(prediction(1, -0.0008))
                .told(Reason.BELOW_THRESHOLD)
            ),
            ("|y_hat| 0.0008", "above the threshold of 0.001"),
        )
    ],
    Reason.NO_CHANGE: [Case(_no_change, ("y_hat +0.02", "position +2", "aim +2"))],
    Reason.NO_EQUITY: [Case(_no_equity, ("balance 0", "must be above a millionth of the capital"))],
    Reason.HISTORY: [
        Case(
            lambda: Line().take(prediction(1, history=True)).told(Reason.HISTORY, tick_at_ns=91 * S),
            ("90.000 s old", "age_limit_s is 60"),
        )
    ],
    Reason.SUPERSEDED: [
        Case(
            _superseded,
            ("that of 1970-01-01 00:00:03 UTC came 1.0 s after it", "1 order in flight", "only what reduces may go"),
        )
    ],
    Reason.WAITING: [Case(_waiting, ("1 order in flight", "only what reduces may go beside them"))],
    Reason.IN_FLIGHT: [Case(_in_flight, ("it wanted", "1 order in flight", "only what reduces may go beside"))],
    Reason.WARMING_UP: [
        Case(
            lambda: (
                Line(name="moving_average_cross", params={"fast": 1, "slow": 3})
                .take(prediction(1, None, model=""), prediction(2, None, model=""))
                .told(Reason.WARMING_UP)
            ),
            ("2 ticks since the last gap, or the beginning", "slow needs 3"),
        )
    ],
    Reason.STOPPED: [Case(_stopped, ("it fired at 40", "distance 0.1", "no entry"))],
    Reason.STOPPED_OUT: [
        Case(partial(_stopped_out, "next_bar"), ("after_stop is next_bar: nothing enters in that bar",)),
        Case(partial(_stopped_out, "flip"), ("after_stop is flip: that side waits for the other one",)),
        Case(partial(_stopped_out, 30), ("after_stop is 30 minutes",)),
    ],
    Reason.COOLING_DOWN: [
        Case(_cooling_down, ("flat for 2 ticks", "more than 3 must pass")),
        Case(_cooling_down_behind_a_stop, ("flat for 2 ticks", "more than 3 must pass")),
    ],
    Reason.STALE_PREDICTION: [Case(_stale, ("it waited 31.000 s", "prediction_stale_s is 30"))],
}
