"""The registry names the strategies as configs do.

To add a strategy, or a wrapper: its file, and its line here.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias, TypeVar, cast

from pydantic import BaseModel, ValidationError

from shared.config.strategy import StrategySettings
from shared.errors import ConfigError
from shared.registry import Registry
from shared.strategies.decider import Decider
from shared.strategies.stateful import StatefulStrategy
from shared.strategies.wrapper import Stateless, Wrapper, innermost
from shared.user_code import load_named

T = TypeVar("T", bound=BaseModel)
AnyStrategy: TypeAlias = Decider | StatefulStrategy

GROUP = "tickline.strategies"  # of packages' entry points, also for wrappers

STRATEGIES = Registry[type[AnyStrategy]](
    {
        "basic_taker": "shared.strategies.basic_taker:BasicTaker",
        "threshold": "shared.strategies.threshold:Threshold",
        "moving_average_cross": "shared.strategies.moving_average_cross:MovingAverageCross",
    }
)
WRAPPERS = Registry[type[Wrapper]](
    {
        "trailing_stop": "shared.strategies.trailing_stop:TrailingStop",
        "take_profit": "shared.strategies.take_profit:TakeProfit",
        "cool_down": "shared.strategies.cool_down:CoolDown",
    }
)


def make_strategy(settings: StrategySettings) -> AnyStrategy:
    """Returns the config's strategy within its wrappers, each by its name, or `file.py:Class`.

    Raises ValueError, in one line, for a wrong name or parameter; ConfigError or UserCodeFailed for users' code.

    >>> make_strategy(StrategySettings(params={"netting": True}))
    BasicTaker(leverage=Decimal('1'), netting=True, sizing='compounding', fraction=Decimal('1'))
    >>> make_strategy(StrategySettings(wrappers=({"name": "trailing_stop", "distance": 0.02},))).distance
    Decimal('0.02')
    """
    made: AnyStrategy = _made("strategy", STRATEGIES, settings.name, settings.params, Decider, StatefulStrategy)
    if isinstance(made, Wrapper):
        raise ValueError(f"strategy {settings.name}: it is a wrapper: name it in strategy.wrappers, around a strategy")
    for wrapper in settings.wrappers:
        params = dict(wrapper)
        name = params.pop("name", None)
        if not isinstance(name, str):
            raise ValueError(f"strategy.wrappers: each has a name, one of: {', '.join(WRAPPERS)}")
        made = _made("wrapper", WRAPPERS, name, params, Wrapper).around(made)
    return made


def configured_strategy(settings: StrategySettings) -> AnyStrategy:
    """Returns `make_strategy`'s; raises ConfigError where that raises ValueError."""
    try:
        return make_strategy(settings)
    except ValueError as error:
        raise ConfigError(f"config: {error}") from error


def _made(
    what: str, registry: Registry[type[T]], name: str, params: Mapping[str, object], *bases: type[BaseModel]
) -> T:
    loaded = load_named(name, registry, GROUP)
    if loaded is None:
        raise ValueError(
            f"{what} {name!r:.60} is unknown; there are: {', '.join(registry)}; one of yours is file.py:Class"
        )
    found = loaded.object
    if not isinstance(found, type) or not issubclass(found, bases):
        raise ValueError(f"{what} {name}: it is no {' and no '.join(base.__name__ for base in bases)}")
    if left := ", ".join(sorted(getattr(found, "__abstractmethods__", ()))):
        raise ValueError(f"{what} {name}: it lacks {left}: write it, with the arguments that its base class names")
    kind = cast(type[T], found)
    try:
        return kind.model_validate(dict(params))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        known = ", ".join(kind.model_fields)
        which = f", parameter {where!r:.60}" if where else ""
        said = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{what} {name}{which}: {said} (it has: {known})") from error


_BPS, _ZERO = Decimal(10_000), Decimal(0)


def with_reserve(
    strategy: AnyStrategy, fee: Decimal, slippage_bps: Decimal, limit_bps: Decimal | None = None
) -> AnyStrategy:
    """Returns the strategy with a little less leverage, since a venue refuses an order that leaves nothing for its fee.

    A position opened and closed again costs twice fee and slippage; and an exchange keeps the money for a limit order
    at its limit price. It is the parameter `leverage` of the strategy within all wrappers; one without stays as it is.

    - fee: a share of each fill's value.
    - limit_bps: how far the limit is from the price by which the size is computed.

    >>> with_reserve(make_strategy(StrategySettings()), Decimal("0.0005"), Decimal(5)).leverage
    Decimal('0.9980039920159680638722554890')
    """
    if isinstance(strategy, Wrapper):
        return strategy.fresh().around(with_reserve(strategy.inner, fee, slippage_bps, limit_bps))
    if isinstance(strategy, Stateless):
        return with_reserve(strategy.decider, fee, slippage_bps, limit_bps)
    leverage = getattr(strategy, "leverage", None)
    if not isinstance(leverage, Decimal):
        return strategy
    cost = 2 * fee + max(2 * slippage_bps, limit_bps or _ZERO) / _BPS
    # In two steps: pydantic's copy of both kinds at once sets attributes, which a StatefulStrategy refuses.
    return strategy.model_copy(deep=True).model_copy(update={"leverage": leverage / (1 + leverage * cost)})


def described(settings: StrategySettings) -> dict[str, Any]:
    """Returns all parameters as JSON, defaults included, those of the wrappers, from within outwards, steps and stops.

    Raises as `configured_strategy`.

    >>> described(StrategySettings(wrappers=({"name": "cool_down", "ticks": 2},)))["wrappers"]
    [{'name': 'cool_down', 'ticks': 2}]
    """
    strategy = configured_strategy(settings)
    params: dict[str, Any] = innermost(strategy).model_dump(mode="json")
    wrappers: list[dict[str, Any]] = []
    for wrapper in reversed(settings.wrappers):
        assert isinstance(strategy, Wrapper)
        wrappers.insert(0, {"name": wrapper["name"], **strategy.model_dump(mode="json", exclude_none=True)})
        strategy = strategy.inner
    around = {"wrappers": wrappers, **settings.model_dump(mode="json", include={"qty_step", "qty_steps"})}
    if settings.protect.terms is not None:
        around["protect"] = settings.protect.deciding()
    return params | {name: value for name, value in around.items() if value}
