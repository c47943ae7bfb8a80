"""A grid has the values that a sweep tries: of parameters of strategy, wrappers, features and model."""

import inspect
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Annotated, NamedTuple, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from shared.errors import ConfigError
from shared.features.registry import make_feature

Value: TypeAlias = bool | int | float | str

STRATEGY, MODEL = "strategy", "model"
LAGS = "lags"
# What has an option of its own, and where it leads.
SHORT = {
    LAGS: "log_return_lags.no_lags",
    "sizing": "strategy.sizing",
    "leverage": "strategy.leverage",
    "threshold": "strategy.threshold",
}


def _once(values: tuple[Value, ...]) -> tuple[Value, ...]:
    for at, value in enumerate(values):
        if any(value == other and isinstance(value, bool) == isinstance(other, bool) for other in values[:at]):
            raise ValueError(f"{value} stands twice: give each value once, since each is a trial that counts")
    return values


class Axis(BaseModel):
    """An axis is one parameter by name, and the values to try.

    - name: `strategy.PARAMETER`; `WRAPPER.PARAMETER`, e.g. trailing_stop.distance; `FEATURE.ARGUMENT`, e.g.
      bollinger.n, of a class of the user's its name, e.g. Momentum.n; `model.PARAMETER`. Where two have the same name,
      `bollinger#2.n` is the second one's. One of SHORT stands for what it leads to.

    >>> Axis.told("strategy.distance=0.01,0.02")
    Axis(name='strategy.distance', values=(0.01, 0.02))
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    name: Annotated[str, Field(min_length=1, max_length=200)]
    values: Annotated[tuple[Value, ...], Field(min_length=1, strict=False), AfterValidator(_once)]

    @classmethod
    def told(cls, text: str) -> "Axis":
        """Reads `name=a,b,c`; each value is JSON, or else a text. Raises ConfigError."""
        name, sign, values = text.partition("=")
        found = [part.strip() for part in values.split(",")]
        if not sign or not name.strip() or not all(found):
            raise ConfigError(f"--grid {text!r:.80}: write name=a,b,c, e.g. strategy.distance=0.01,0.02")
        values_found = tuple(map(value_of, found))
        if not all(math.isfinite(value) for value in values_found if isinstance(value, float)):
            raise ConfigError(f"{option_of(name.strip())}: a value must be finite")
        return cls.made(name.strip(), values_found)

    @classmethod
    def made(cls, name: str, values: Sequence[Value]) -> "Axis":
        """Returns an axis; raises ConfigError where a value stands twice."""
        try:
            return cls(name=name, values=tuple(values))
        except ValueError as error:
            why = str(error.errors()[0]["msg"]) if hasattr(error, "errors") else str(error)
            raise ConfigError(f"{option_of(name)}: {why.removeprefix('Value error, ')}") from error

    @property
    def target(self) -> tuple[str, str]:
        """Returns whose parameter it is, and its name."""
        whose, _, parameter = SHORT.get(self.name, self.name).rpartition(".")
        return whose, parameter


def value_of(text: str) -> Value:
    """Returns a value as JSON has it, else the text.

    >>> value_of("true"), value_of("2"), value_of("0.5"), value_of("fraction"), value_of("mine.py:Net")
    (True, 2, 0.5, 'fraction', 'mine.py:Net')
    """
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text


def option_of(name: str) -> str:
    """Returns the option by which a person gave an axis."""
    return f"--{name}" if name in SHORT else f"--grid {name}"


Chosen: TypeAlias = tuple[tuple[str, Value], ...]  # parameter -> value, of one trial; it can be a key


class Parts(NamedTuple):
    """The parts of a grid: whose parameters the axes are.

    - strategy: of the strategy and its wrappers.
    - model: of the features and of the model, so each combination of theirs is a model of its own.
    """

    strategy: tuple[Axis, ...]
    model: tuple[Axis, ...]

    @classmethod
    def of(cls, axes: Iterable[Axis], features: Sequence[str], wrappers: Sequence[str]) -> "Parts":
        """Sorts the axes; raises ConfigError for a name that is nobody's, or two's.

        >>> axes = [Axis.told("bollinger.n=10,20"), Axis.told("leverage=1,2")]
        >>> parts = Parts.of(axes, ["bollinger(20, 2.0)", "log_return()"], [])
        >>> [axis.name for axis in parts.strategy], [axis.name for axis in parts.model]
        (['leverage'], ['bollinger.n'])
        """
        axes, known_features, known_wrappers = tuple(axes), named(features), named(wrappers)
        seen: dict[tuple[str, str], str] = {}
        strategy: list[Axis] = []
        model: list[Axis] = []
        for axis in axes:
            whose, parameter = axis.target
            if not whose or not parameter:
                raise ConfigError(f"--grid {axis.name}: {_NAMES}")
            if (before := seen.setdefault(axis.target, axis.name)) != axis.name:
                raise ConfigError(f"{option_of(before)} and {option_of(axis.name)} are the same parameter: give one")
            places = [
                found
                for found, here in (
                    (strategy, whose == STRATEGY or whose in known_wrappers),
                    (model, whose == MODEL or whose in known_features),
                )
                if here
            ]
            if len(places) != 1 or (whose in known_features and whose in (STRATEGY, MODEL)):
                there = ", ".join([STRATEGY, *known_wrappers, *known_features, MODEL])
                why = f"there are {there}" if not places else f"{whose} is the name of two"
                raise ConfigError(f"{option_of(axis.name)}: {why}: {_NAMES}")
            places[0].append(axis)
        if len({axis.name for axis in axes}) < len(axes):
            raise ConfigError("--grid: a name stands twice: give all its values at once")
        return cls(tuple(strategy), tuple(model))


_NAMES = "write strategy.PARAMETER, WRAPPER.PARAMETER, FEATURE.ARGUMENT or model.PARAMETER"


def named(specs: Sequence[str]) -> dict[str, int]:
    """Returns name -> place of features or wrappers; where two have one name each has its number behind it.

    >>> named(["log_return_lags(3)", "mine.py:Momentum(5)", "mine.py:Momentum(9)"])
    {'log_return_lags': 0, 'Momentum#1': 1, 'Momentum#2': 2}
    """
    plain = [spec.partition("(")[0].rpartition(":")[2].strip() for spec in specs]
    numbers: dict[str, int] = {}
    found = {}
    for at, name in enumerate(plain):
        numbers[name] = numbers.get(name, 0) + 1
        found[name if plain.count(name) == 1 else f"{name}#{numbers[name]}"] = at
    return found


def combinations(axes: Sequence[Axis]) -> Iterator[Chosen]:
    """Yields every combination of the values, the last axis changing first.

    >>> list(combinations([Axis.told("a.x=1,2"), Axis.told("b.y=3")]))
    [(('a.x', 1), ('b.y', 3)), (('a.x', 2), ('b.y', 3))]
    """
    names = [axis.name for axis in axes]
    for values in product(*(axis.values for axis in axes)):
        yield tuple(zip(names, values, strict=True))


def with_features(specs: Sequence[str], chosen: Chosen) -> tuple[str, ...]:
    """Returns the features' specs with the chosen arguments; raises ConfigError for one that a feature has not.

    >>> with_features(["log_return_lags(3)"], (("lags", 5), ("model.hidden", 8)))
    ('log_return_lags(5)',)
    """
    places, found = named(specs), list(specs)
    for name, value in chosen:
        whose, parameter = Axis(name=name, values=(value,)).target
        if whose in places:
            at = places[whose]
            found[at] = _with_argument(found[at], parameter, value, name)
    return tuple(found)


def of_model(chosen: Chosen) -> dict[str, Value]:
    """Returns the chosen parameters of the model.

    >>> of_model((("lags", 5), ("model.hidden", 8)))
    {'hidden': 8}
    """
    return dict(_of(chosen, MODEL))


def of_strategy(chosen: Chosen) -> dict[str, Value]:
    """Returns the chosen parameters of the strategy."""
    return dict(_of(chosen, STRATEGY))


def with_wrappers(wrappers: Sequence[Mapping[str, JsonValue]], chosen: Chosen) -> tuple[dict[str, JsonValue], ...]:
    """Returns the wrappers' settings with the chosen parameters.

    >>> with_wrappers([{"name": "trailing_stop", "distance": 0.02}], (("trailing_stop.distance", 0.05),))
    ({'name': 'trailing_stop', 'distance': 0.05},)
    """
    places = named([str(wrapper["name"]) for wrapper in wrappers])
    found = [dict(wrapper) for wrapper in wrappers]
    for whose, at in places.items():
        found[at] |= dict(_of(chosen, whose))
    return tuple(found)


def _of(chosen: Chosen, whose: str) -> Iterator[tuple[str, Value]]:
    for name, value in chosen:
        part, parameter = Axis(name=name, values=(value,)).target
        if part == whose:
            yield parameter, value


def _with_argument(spec: str, parameter: str, value: Value, name: str) -> str:
    feature = make_feature(spec)
    kind, made = type(feature), feature.made_of
    bound = inspect.signature(kind).bind(*made.args, **made.kwargs)
    known = inspect.signature(kind).parameters
    if parameter not in known:
        raise ConfigError(
            f"{option_of(name)}: {spec} has no argument {parameter!r}; it has: {', '.join(known) or 'none'}"
        )
    bound.arguments[parameter] = value
    try:
        other = kind(*bound.args, **bound.kwargs)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{option_of(name)}={value}: {spec}: {error}") from error
    other.made_of.name = made.name
    return other.spec
