"""A wrapper is a strategy around another one: it passes everything on, and may answer otherwise."""

from typing import ClassVar, Self

from shared.account import Account
from shared.bar import Bar
from shared.messages import ExecutionReport, Gap
from shared.messages.market import Group
from shared.strategies.decider import Decider, Prediction, require_nothing
from shared.strategies.stateful import (
    Made,
    StatefulStrategy,
    StrategyMemory,
    checked_decision,
    checked_orders,
)
from shared.tick import State


class Stateless(StatefulStrategy):
    """A stateless strategy is a Decider where a strategy with a memory is asked for: it decides on predictions."""

    NOT_MEMORY: ClassVar[frozenset[str]] = StatefulStrategy.NOT_MEMORY | {"_decider"}

    _decider: Decider

    @classmethod
    def of(cls, decider: Decider) -> "Stateless":
        """Returns the decider as a strategy."""
        made = cls()
        made._decider = decider
        return made

    @property
    def decider(self) -> Decider:
        """Returns the decider."""
        return self._decider

    def needed(self) -> frozenset[Group]:
        """Returns the decider's."""
        return self._decider.needed()

    def on_prediction(self, prediction: Prediction) -> Made:
        """Returns what the decider decides."""
        call = self._decider.decide
        made = call(prediction, self.account)
        return checked_decision(made, self.sym, call)


class Wrapper(StatefulStrategy):
    """A wrapper passes every call on to the strategy within; a subclass overrides those that it answers otherwise.

    Wrappers may be nested, each with a memory of its own. A subclass asks the strategy within by `ask_tick` and
    `ask_prediction`, in every tick, so that its memory has no hole; what it wanted may be replaced, so a strategy looks
    at `self.account` for what it holds.

    >>> from tickline import BasicTaker, TrailingStop
    >>> strategy = TrailingStop(distance=0.02).around(BasicTaker())
    """

    NOT_MEMORY: ClassVar[frozenset[str]] = StatefulStrategy.NOT_MEMORY | {"_inner"}

    _inner: StatefulStrategy

    def around(self, strategy: Decider | StatefulStrategy) -> Self:
        """Puts the wrapper around a strategy, and returns the wrapper."""
        self._inner = Stateless.of(strategy) if isinstance(strategy, Decider) else strategy
        return self

    @property
    def inner(self) -> StatefulStrategy:
        """Returns the strategy within."""
        return self._inner

    def ask_tick(self, bar: Bar) -> Made:
        """Returns what the strategy within makes of the tick; raises WrongDecision where that is no decision."""
        call = self._inner.on_tick
        return checked_orders(call(bar), self.sym, call)

    def ask_prediction(self, prediction: Prediction) -> Made:
        """Returns what the strategy within makes of the prediction; raises WrongDecision where that is no decision."""
        call = self._inner.on_prediction
        return checked_orders(call(prediction), self.sym, call)

    def on_tick(self, bar: Bar) -> Made:
        """Returns what the strategy within makes of it."""
        return self.ask_tick(bar)

    def on_prediction(self, prediction: Prediction) -> Made:
        """Returns what the strategy within makes of it."""
        return self.ask_prediction(prediction)

    def on_execution(self, report: ExecutionReport) -> None:
        """Passes it on."""
        call = self._inner.on_execution
        require_nothing(call(report), call)

    def on_gap(self, gap: Gap) -> None:
        """Passes it on."""
        call = self._inner.on_gap
        require_nothing(call(gap), call)

    def bind(self, sym: str, account: Account) -> Self:
        """Binds both."""
        self._inner.bind(sym, account)
        return super().bind(sym, account)

    def needed(self) -> frozenset[Group]:
        """Returns what either needs."""
        return super().needed() | self._inner.needed()

    def state(self) -> StrategyMemory:
        """Returns the memories of both."""
        return StrategyMemory(kind=type(self).__name__, memory=self._memory(), inner=self._inner.state())

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave; what was saved before the wrapper was there is for the strategy within."""
        saved = StrategyMemory.of(state)
        super().restore(saved)
        within = saved.inner if saved.kind == type(self).__name__ else saved
        if within is not None:
            self._inner.restore(within)


def innermost(strategy: Decider | StatefulStrategy) -> Decider | StatefulStrategy:
    """Returns the strategy within all wrappers.

    >>> from tickline import BasicTaker, CoolDown, TakeProfit
    >>> innermost(CoolDown(ticks=3).around(TakeProfit(gain=0.1).around(BasicTaker()))) == BasicTaker()
    True
    """
    while isinstance(strategy, Wrapper):
        strategy = strategy.inner
    return strategy.decider if isinstance(strategy, Stateless) else strategy
