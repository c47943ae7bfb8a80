"""A strategy's parameters and memory: what is saved by itself, what is refused, and what an edited one takes back."""

from collections import deque
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pydantic import PrivateAttr, ValidationError

from shared.account import Account
from shared.bar import Bar
from shared.messages import Leg, Reason
from shared.messages.codec import pack, unpack
from shared.messages.market import Group
from shared.strategies import BasicTaker, CoolDown, Made, MovingAverageCross, StatefulStrategy, TrailingStop
from shared.windows import DequeWindow
from tests.unit.strategies.market import SYM, price_bar


class Mine(StatefulStrategy):
    """Has one memory of every kind."""

    lookback: int = 3

    _seen: int = 0
    _best: Decimal = Decimal(0)
    _last: float | None = None
    _prices: deque[float] = PrivateAttr(default_factory=lambda: deque(maxlen=2))
    _window: DequeWindow[float]
    _sums: npt.NDArray[np.float64]

    def model_post_init(self, context: Any) -> None:
        self._window = DequeWindow(self.lookback)
        self._sums = np.zeros(2)

    def on_tick(self, bar: Bar) -> Made:
        self._seen += 1
        self._best = max(self._best, bar.price)
        self._last = bar.close
        self._prices.append(bar.close)
        self._window.on_tick(bar.close)
        self._sums[self._seen % 2] += bar.close
        return None


def ticked(strategy: Mine, prices: tuple[int, ...]) -> Mine:
    for n, price in enumerate(prices):
        strategy.on_tick(price_bar(n, price))
    return strategy


def test_the_memory_comes_back_as_it_was() -> None:
    mine = ticked(Mine(), (5, 7, 6, 8))
    again = Mine()
    again.restore(unpack(pack(mine.state())))
    assert pack(again.state()) == pack(mine.state())
    assert pack(ticked(again, (9, 3)).state()) == pack(ticked(mine, (9, 3)).state())


def test_two_of_a_class_share_nothing() -> None:
    first = Mine()
    second = first.fresh()
    ticked(first, (5, 7))
    assert pack(second.state()) == pack(Mine().state())
    assert second.lookback == first.lookback


class Odd(StatefulStrategy):
    period: int = 2
    _seen: Any = None

    def on_tick(self, bar: Bar) -> Made:
        self._level = bar.close  # never declared
        return None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("_level", "Odd._level is no memory of it, and would be lost at a restart: declare it in the class"),
        ("level", "as in `_level: float = 0.0`"),
        ("period", "Odd.period is a parameter and never changes"),
    ],
)
def test_what_is_not_declared_is_refused_by_name(name: str, said: str) -> None:
    with pytest.raises(AttributeError, match=said):
        setattr(Odd(), name, 1.0)


def test_what_cannot_be_saved_is_refused_by_name() -> None:
    odd = Odd()
    odd._seen = {1, 2}
    with pytest.raises(TypeError, match=r"Odd._seen holds a set"):
        odd.state()


def test_parameters_are_checked() -> None:
    with pytest.raises(ValidationError):
        Mine(lookback="three")  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        Mine(lookbak=3)  # type: ignore[call-arg]


class Before(StatefulStrategy):
    _kept: int = 0
    _gone: int = 0


def test_an_edited_strategy_keeps_what_it_still_has() -> None:
    before = Before()
    before._kept, before._gone = 3, 4

    class Edited(StatefulStrategy):
        _kept: int = 0
        _new: int = 7

    Edited.__name__ = "Before"
    after = Edited()
    after.restore(unpack(pack(before.state())))
    assert (after._kept, after._new) == (3, 7)


def test_a_window_of_another_length_begins_anew_and_a_stop_around_it_goes_on() -> None:
    def made(slow: int) -> StatefulStrategy:
        return TrailingStop(distance=0.1).around(MovingAverageCross(fast=1, slow=slow)).bind(SYM, Account(100))

    before, after = made(3), made(2)
    before.account.open_position(SYM, Decimal(1), Decimal(50))
    before.on_tick(price_bar(0, 60))
    after.restore(unpack(pack(before.state())))
    assert isinstance(after, TrailingStop)
    assert after.state().memory == before.state().memory
    assert after.inner.state() == MovingAverageCross(fast=1, slow=2).state()


def test_another_strategy_begins_anew() -> None:
    before = Before()
    before._kept = 3
    mine = Mine()
    mine.restore(unpack(pack(before.state())))
    assert pack(mine.state()) == pack(Mine().state())
    wrapped, plain = TrailingStop(distance=0.1).around(Mine()), Mine()
    plain.restore(unpack(pack(wrapped.state())))  # the wrapper was taken away
    assert pack(plain.state()) == pack(Mine().state())


def test_a_strategy_that_is_wrapped_later_goes_on_within() -> None:
    mine = ticked(Mine(), (5, 7, 6, 8))
    later = CoolDown(ticks=2).around(TrailingStop(distance=0.1).around(Mine()))
    later.restore(unpack(pack(mine.state())))
    assert isinstance(later.inner, TrailingStop)
    assert pack(later.inner.inner.state()) == pack(mine.state()) != pack(Mine().state())
    assert later.state().memory == CoolDown(ticks=2).around(Mine()).state().memory, "its own begins anew"


def test_nested_memories_come_back_each_to_its_own() -> None:
    def made() -> StatefulStrategy:
        stop = TrailingStop(distance=0.1).around(TrailingStop(distance=0.3).around(Mine()))
        return CoolDown(ticks=2).around(stop).bind(SYM, account)

    account = Account(100)
    account.open_position(SYM, Decimal(1), Decimal(50))
    strategy, again = made(), made()
    strategy.on_tick(price_bar(0, 60))
    again.restore(unpack(pack(strategy.state())))
    assert pack(again.state()) == pack(strategy.state())
    assert pack(again.state()) != pack(made().state())


def test_what_moves_a_position_by_hand() -> None:
    account = Account(100)
    mine = Mine().bind(SYM, account)
    assert (mine.held(), mine.close(), mine.move_to(Decimal(0))) == (0, [], Reason.NO_CHANGE)
    (order,) = mine.move_to(Decimal(2))  # type: ignore[misc]
    assert (order.signed_qty, order.leg) == (2, Leg.NET)
    account.open_position(SYM, Decimal("1.5"), Decimal(50))
    (order,) = mine.move_to(Decimal(-1))  # type: ignore[misc]
    assert (order.signed_qty, order.leg) == (Decimal("-2.5"), Leg.NET)
    (order,) = mine.move_to(Decimal(0))  # type: ignore[misc]
    assert (order.signed_qty, order.leg) == (Decimal("-1.5"), Leg.CLOSE)
    assert mine.move_to(Decimal("1.5")) is Reason.NO_CHANGE
    with pytest.raises(TypeError, match=r"^a target is a Decimal, not float 0\.5: write Decimal"):
        mine.move_to(0.5)  # type: ignore[arg-type]


def test_without_a_symbol_it_says_so() -> None:
    with pytest.raises(RuntimeError, match="Mine has no symbol and no account yet"):
        Mine().held()


def test_needs_are_those_of_all_that_is_nested() -> None:
    class Spread(Mine):
        needs = frozenset({Group.QUOTE})

    assert Mine().needed() == BasicTaker().needed() == frozenset()
    assert TrailingStop(distance=0.1, bars=True).around(Spread()).needed() == {Group.QUOTE, Group.BAR}
    assert CoolDown(ticks=1).around(BasicTaker()).needed() == frozenset()
