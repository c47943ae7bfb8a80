"""A strategy with a memory: its author writes a StatefulStrategy."""

from contextlib import suppress
from copy import deepcopy
from decimal import Decimal
from typing import Any, ClassVar, Self, TypeAlias, cast

from pydantic import BaseModel, ConfigDict

from shared.account import Account, Order
from shared.attributes import restored_attributes, saved_attributes
from shared.bar import Bar
from shared.messages import ExecutionReport, Gap, Leg
from shared.messages.market import Group
from shared.messages.reasons import Reason
from shared.record import Snapshot
from shared.strategies.decider import Prediction, require_orders
from shared.tick import State

Made: TypeAlias = list[Order] | Reason | None

_ZERO = Decimal(0)


class StrategyMemory(Snapshot):
    """The saved form of a strategy's memory.

    - kind: its class's name.
    - inner: of the strategy in a wrapper.
    """

    kind: str
    memory: Any
    inner: Any = None


class StatefulStrategy(BaseModel):
    """A stateful strategy has its parameters as fields, its memory as attributes with an underscore, and four calls.

    There is one object a symbol. In a tick `on_tick` comes first, then `on_prediction` where there is a y_hat; both
    return orders, the Reason why there are none, or None. `on_execution` and `on_gap` return nothing. Each memory is
    declared in the class with its first value; `state` and `restore` save and restore it by themselves. It holds plain
    values, Decimals, numpy arrays, Ticks, and lists, tuples, dicts and deques of these.

    - needs: the groups of market data that it looks at beside the price.
    - data_files: what its code opens beside itself, by name, written out: they are hashed as the code is.
    - sym, account: the symbol, and its book; the stage binds them.

    >>> from pydantic import PrivateAttr
    >>> from tickline import DequeWindow
    >>> class Breakout(StatefulStrategy):
    ...     ticks: int = 2
    ...     _highest: float = 0.0
    ...     _seen: int = 0
    ...     def on_tick(self, bar: Bar) -> Made:
    ...         beyond, self._highest = bar.close > self._highest, max(self._highest, bar.close)
    ...         self._seen += 1
    ...         return self.move_to(Decimal(1)) if beyond and self._seen > self.ticks else None
    >>> strategy = Breakout().bind("BTCUSDT", Account(100.0))
    >>> [strategy.on_tick(Bar.of("BTCUSDT", n, Decimal(price))) for n, price in enumerate((10, 12, 13))]
    [None, None, [Order(sym='BTCUSDT', signed_qty=Decimal('1'))]]
    >>> strategy.state().memory
    {'_highest': 13.0, '_seen': 3}
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    needs: ClassVar[frozenset[Group]] = frozenset()
    data_files: ClassVar[tuple[str, ...]] = ()
    NOT_MEMORY: ClassVar[frozenset[str]] = frozenset({"_bound"})  # what the stage, or a wrapper, puts there

    _bound: tuple[str, Account] | None = None

    def on_tick(self, bar: Bar) -> Made:
        """Takes the market data of every tick, without a hole but for what `on_gap` tells."""

    def on_prediction(self, prediction: Prediction) -> Made:
        """Takes a prediction whose y_hat is there, while none of the symbol's orders is in flight.

        On a live market it may come after later ticks, and an older one that waited is left out.
        """

    def on_execution(self, report: ExecutionReport) -> None:
        """Takes a report that the account has booked; it gives no orders."""

    def on_gap(self, gap: Gap) -> None:
        """Learns, before the next tick, that ticks are missing before it; several gaps in a row call it once."""

    @property
    def sym(self) -> str:
        """Returns the symbol."""
        return self._binding()[0]

    @property
    def account(self) -> Account:
        """Returns the book; a strategy reads it, and the stage books what was filled."""
        return self._binding()[1]

    def held(self) -> Decimal:
        """Returns the position in signed base units, 0 where the symbol is flat."""
        position = self.account.position(self.sym)
        return position.signed_qty if position else _ZERO

    def close(self) -> list[Order]:
        """Returns the order that closes the position, or none where it is flat."""
        order = self.account.close_position(self.sym)
        return [order] if order else []

    def move_to(self, target: Decimal) -> list[Order] | Reason:
        """Returns the one order that leads from the position to `target` (signed base units), or NO_CHANGE."""
        if not isinstance(target, Decimal):
            raise TypeError(f"a target is a Decimal, not {type(target).__name__} {target}: write Decimal(str(value))")
        if not target:
            return self.close() or Reason.NO_CHANGE
        change = target - self.held()
        return [Order(self.sym, change, Leg.NET)] if change else Reason.NO_CHANGE

    def bind(self, sym: str, account: Account) -> Self:
        """Gives it its symbol and its book; returns itself."""
        self._bound = (sym, account)
        return self

    def fresh(self) -> Self:
        """Returns another one with the same parameters and memory, which shares nothing with this one."""
        return self.model_copy(deep=True)

    def needed(self) -> frozenset[Group]:
        """Returns the groups that it needs; a class says so in `needs`."""
        return type(self).needs

    def state(self) -> StrategyMemory:
        """Returns the memory; raises TypeError for an attribute that cannot be saved, by name."""
        return StrategyMemory(kind=type(self).__name__, memory=self._memory())

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave, attribute by attribute.

        What was saved by another class, or of an attribute that is no more, is dropped; a new attribute keeps its first
        value. Where one does not fit, e.g. a window of another length, all of them do. So an edited strategy, or one
        with another parameter, goes on, once it is armed again.
        """
        saved = StrategyMemory.of(state)
        if saved.kind != type(self).__name__ or not isinstance(saved.memory, dict):
            return
        own = deepcopy(self._attributes())  # Ticks are restored in place
        known = {name: value for name, value in own.items() if name in saved.memory}
        values = {name: saved.memory[name] for name in known}
        with suppress(ValueError):  # one does not fit: all keep their first values
            cast(dict[str, Any], self.__pydantic_private__).update(restored_attributes(saved.kind, known, values))

    def _memory(self) -> dict[str, State]:
        return saved_attributes(type(self).__name__, self._attributes())

    def _attributes(self) -> dict[str, Any]:
        held = self.__pydantic_private__ or {}
        return {name: value for name, value in held.items() if name not in self.NOT_MEMORY}

    def _binding(self) -> tuple[str, Account]:
        if self._bound is None:
            raise RuntimeError(f"{type(self).__name__} has no symbol and no account yet: bind(sym, account) gives them")
        return self._bound

    def __setattr__(self, name: str, value: Any) -> None:
        private = self.__pydantic_private__
        if private is None or name not in self.__private_attributes__:
            kind, fields = type(self).__name__, type(self).model_fields
            said = (
                f"{kind}.{name} is a parameter and never changes: keep what changes in an attribute with an underscore"
                if name in fields
                else f"{kind}.{name} is no memory of it, and would be lost at a restart: declare it in the class, with "
                f"an underscore and its first value, as in `_{name.lstrip('_')}: float = 0.0`"
            )
            raise AttributeError(said)
        private[name] = value


def checked_orders(made: Made, sym: str, call: Any) -> Made:
    """Returns what a strategy's call made; raises WrongDecision unless it is orders for `sym`, a Reason or None."""
    if made is not None:
        checked_decision(made, sym, call)
    return made


def checked_decision(made: list[Order] | Reason, sym: str, call: Any) -> list[Order] | Reason:
    """Returns what `decide` made; raises WrongDecision unless it is orders for `sym`, or a Reason."""
    if made.__class__ is not Reason:
        require_orders(made, sym, call)
    return made
