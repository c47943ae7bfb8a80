"""A feature adds to a Tick a name that a card can carry, what it needs of the market, and a way to forget.

An author writes a constructor and `on_tick`. Spec and `reset` come from the constructor's arguments, state and
`restore` from the attributes.
"""

import math
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from shared.attributes import restored_attributes, saved_attributes
from shared.bar import Bar, BarArrays
from shared.errors import DataError, UserCodeFailed
from shared.features.spec import Made
from shared.messages.market import OPTIONAL_FIELDS, Group
from shared.record import Snapshot, fields_of
from shared.tick import State, Tick

T = TypeVar("T")
R = TypeVar("R")

_MADE = "_made_of"  # the attribute with the constructor's arguments, which is no memory


class FeatureSnapshot(Snapshot):
    """The saved form of a feature that does not write its own: its arguments, and its attributes by name."""

    arguments: str
    memory: Any


_snapshot = fields_of(FeatureSnapshot)


class AnyFeature(Tick[T, R], Generic[T, R]):
    """A feature turns market data into one or several numbers, or into None until it has seen enough of them.

    - needs: the groups without which it cannot work. fields: those of the bar group beside it that not every source
      tells: quote_volume, trades, taker_volume.
    - width: how many numbers one result has; a model of this feature has as many inputs.
    - looks_back: how many of the last values decide a result, to the last bit; None: all that it has seen.
    - Both are class attributes, or set by the constructor.

    >>> from collections import deque
    >>> class Momentum(Feature[float]):
    ...     def __init__(self, n: int) -> None:
    ...         self._prices: deque[float] = deque(maxlen=n + 1)
    ...
    ...     def on_tick(self, val: float) -> float | None:
    ...         self._prices.append(val)
    ...         return val / self._prices[0] - 1 if len(self._prices) == self._prices.maxlen else None
    >>> momentum = Momentum(2)
    >>> [momentum.on_tick(price) for price in (2.0, 3.0, 4.0)]
    [None, None, 1.0]
    >>> momentum.reset()
    >>> momentum.on_tick(4.0)
    """

    needs: ClassVar[frozenset[Group]] = frozenset()
    fields: ClassVar[frozenset[str]] = frozenset()
    width: int = 1
    looks_back: int | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuses a class whose memory would not be found, or whose needs are no groups."""
        super().__init_subclass__(**kwargs)
        if cls.__dict__.get("__slots__"):
            raise TypeError(f"{cls.__name__} has __slots__: a feature's memory is in its plain attributes")
        needs: Any = cls.needs
        if isinstance(needs, str) or not all(need in list(Group) for need in needs):
            groups = ", ".join(f"Group.{group.name}" for group in Group)
            raise TypeError(f"{cls.__name__}.needs is a frozenset of some of {groups}, not {needs!r:.80}")
        cls.needs = frozenset(Group(need) for need in needs)
        fields: Any = cls.fields
        if isinstance(fields, str) or not OPTIONAL_FIELDS.issuperset(fields):
            names = ", ".join(sorted(OPTIONAL_FIELDS))
            raise TypeError(f"{cls.__name__}.fields is a frozenset of some of {names}, not {fields!r:.80}")
        if fields and Group.BAR not in cls.needs:
            raise TypeError(f"{cls.__name__}.fields are of the bar group: name Group.BAR in `needs`")
        cls.fields = frozenset(fields)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Notes the arguments, so that no author has to."""
        if cls.__init__ is object.__init__ and (args or kwargs):
            raise TypeError(f"{cls.__name__}() takes no arguments")
        feature = super().__new__(cls)
        vars(feature)[_MADE] = Made(cls, args, kwargs)
        return feature

    @property
    def made_of(self) -> Made:
        """Returns the arguments that made it, and the name under which a spec asked for it."""
        made: Made = vars(self)[_MADE]
        return made

    @property
    def spec(self) -> str:
        """Returns the text from which `make_feature` builds an equal, empty feature, e.g. `log_return_lags(3)`.

        Raises TypeError where an argument is neither a number nor a text.
        """
        return self.made_of.spec

    def reset(self) -> None:
        """Forgets all it has seen; the service calls it after a gap, which no window may span."""
        made = self.made_of
        assert made.arguments  # a TypeError for an argument that may have a memory itself
        vars(self).clear()
        vars(self)[_MADE] = made
        type(self).__init__(self, *made.args, **made.kwargs)

    def state(self) -> State:
        """Returns what the attributes hold; raises NotSaved for what `shared.attributes` cannot save."""
        arguments = self.made_of.arguments
        return _snapshot(arguments=arguments, memory=saved_attributes(type(self).__name__, self._attributes()))

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave, whatever this feature has seen; raises ValueError for another's state."""
        saved, made, name = FeatureSnapshot.of(state), self.made_of, type(self).__name__
        if saved.arguments != made.arguments:
            raise ValueError(f"{name}{made.arguments} does not take the state of a {name}{saved.arguments:.80}")
        self.reset()
        restored = restored_attributes(name, self._attributes(), saved.memory)
        vars(self).update(restored)
        vars(self)[_MADE] = made

    def _attributes(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != _MADE}

    def numbers(self, val: T) -> NDArray[Any] | None:
        """Takes a value as `on_tick` does, and returns the result in numpy memory of its own, of shape (width,).

        Raises UserCodeFailed for what is no number, or has another width.
        """
        result = self.on_tick(val)
        if result is None:
            return None
        try:
            numbers = as_numbers(result)
        except (TypeError, ValueError) as error:
            raise UserCodeFailed(
                f"{self.spec} gave {result!r:.80}, which is no number and no list of numbers"
            ) from error
        if numbers.shape != (self.width,):
            raise UserCodeFailed(
                f"{self.spec} gives numbers of shape {numbers.shape}, and its width is {self.width}: set `width`"
            )
        return numbers

    def array(self, values: Any) -> NDArray[np.float32] | None:
        """Returns what a new one's `numbers` gives for each of n values, to the last bit, of shape (n, width).

        Rows are NaN until there are numbers. None where the feature has no such form, and goes tick by tick. It writes
        each value's row out of that value and those before.

        - values: prices, float64 of shape (n,); of a feature of bars BarArrays, with all that it needs at each bar.
        """
        return None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._attributes().items())})"


class Feature(AnyFeature[float, R], Generic[R]):
    """A feature of prices takes each tick's price as a float."""


class BarFeature(AnyFeature[Bar, R], Generic[R]):
    """A feature of bars takes each tick's Bar; `needs` says which of its groups are there."""

    needs = frozenset({Group.BAR})

    def given(self, bar: Bar, field: str) -> float:
        """Returns a field of the bar; raises DataError where its source does not give it, ValueError for NaN or inf."""
        value = getattr(bar, field)
        if value is None:
            raise DataError(
                f"{self.spec} needs {field}, which the source of {bar.sym} does not give: choose another one, and name "
                f'it in the class, fields = frozenset({{"{field}"}}), to have that said at the start'
            )
        if not math.isfinite(value):
            raise ValueError(f"a bar's {field} must be finite, not {value!r}")
        return float(value)

    def column(self, bars: BarArrays, field: str) -> NDArray[np.float64]:
        """Returns a field of all bars; raises DataError where it is not there, ValueError for NaN or inf."""
        column: NDArray[np.float64] | None = getattr(bars, field)
        if column is None:
            raise DataError(f"{self.spec} needs {field}, which these bars do not have")
        if not np.isfinite(column).all():
            raise ValueError(f"the bars' {field} must be finite")
        return column


def as_numbers(result: Any) -> NDArray[np.float32]:
    """Returns a number, several, or a tensor as float32 in numpy memory of its own; raises TypeError for others.

    >>> as_numbers(1.5)
    array([1.5], dtype=float32)
    """
    found = np.asarray(result)  # first, since torch knows no `copy`
    if found.dtype.kind not in "fiub":
        if found.dtype.kind != "O":
            raise TypeError(f"{found.dtype} is no number")
        found = np.array([float(each) for each in found.flat])  # Decimals; None, which numpy takes for NaN, is refused
    return np.array(found, dtype=np.float32, ndmin=1)


def checked_price(val: float) -> float:
    """Returns the price as a float; raises ValueError unless it is finite and positive.

    >>> checked_price(100)
    100.0
    """
    price = float(val)
    if not 0.0 < price < math.inf:
        raise ValueError(f"a price must be finite and positive, not {val!r}")
    return price


def checked_prices(prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the prices; raises ValueError unless each is finite and positive."""
    if not ((prices > 0.0) & (prices < math.inf)).all():
        raise ValueError("prices must be finite and positive")
    return prices


def as_rows(*columns: NDArray[np.float64]) -> NDArray[np.float32]:
    """Returns columns of n numbers side by side, each number rounded as `as_numbers` does.

    >>> as_rows(np.array([0.5, 1.5]), np.array([2.0, 3.0])).tolist()
    [[0.5, 2.0], [1.5, 3.0]]
    """
    return np.stack(columns, axis=1).astype(np.float32)


def made_anew(feature: AnyFeature[T, R]) -> AnyFeature[T, R]:
    """Returns another feature, made of the same arguments, that has seen nothing."""
    made = feature.made_of
    assert made.arguments  # a TypeError for an argument that may have a memory itself
    another = type(feature)(*made.args, **made.kwargs)
    another.made_of.name = made.name
    return another
