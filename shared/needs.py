"""What model and strategy need of the market, beside its price, and the refusal where a source does not give it.

It reads the card and the strategy, no feature and no model, so the ingestor may ask it.
"""

from collections.abc import Set

from shared.bar_groups import RANGE
from shared.config import Settings
from shared.errors import ConfigError
from shared.messages.market import Group
from shared.models.choose import chosen_card
from shared.strategies.registry import configured_strategy


def model_needs(settings: Settings) -> frozenset[Group]:
    """Returns the groups that the card of the config's model names; none without a model. Raises ModelRefused."""
    card = chosen_card(settings)
    return frozenset() if card is None else frozenset(card.needs)


def strategy_needs(settings: Settings) -> frozenset[Group]:
    """Returns the groups that the config's strategy asks for; raises ConfigError where there is no such strategy."""
    return configured_strategy(settings.strategy).needed()


def stop_needs(settings: Settings) -> frozenset[str]:
    """Returns what simulated stops look at where a source tells it; without it they go by each tick's price.

    >>> stop_needs(Settings()), stop_needs(Settings(strategy={"protect": {"stop_bps": 250}}))
    (frozenset(), frozenset({'range'}))
    """
    return frozenset() if settings.strategy.protect.terms is None else frozenset({RANGE})


def monitor_needs(settings: Settings) -> frozenset[Group]:
    """Returns what the monitor looks at where ticks carry it: on swaps the funding, which is a cost.

    >>> sorted(monitor_needs(Settings(gateway={"markets": {"B": "BTC/USDT:USDT"}}, symbols=("B",))))
    [<Group.FUNDING: 'funding'>]
    """
    markets = [*settings.gateway.markets.values()]
    if settings.ingestor.source == "ccxt":
        markets += [market for venue in settings.ingestor.each_venue.values() for market in venue.markets.values()]
    swaps = any(":" in market for market in markets)
    return frozenset({Group.FUNDING}) if settings.monitor.on and swaps else frozenset()


def carried_groups(settings: Settings) -> frozenset[Group]:
    """Returns the groups that predictions carry, where their ticks do, for strategy, its stops, and monitor."""
    stops = frozenset({Group.BAR}) if stop_needs(settings) else frozenset()
    return strategy_needs(settings) | monitor_needs(settings) | stops


def needed_groups(settings: Settings) -> frozenset[Group]:
    """Returns the groups that ticks must carry for this config; raises ModelRefused or ConfigError.

    >>> needed_groups(Settings())
    frozenset()
    """
    return model_needs(settings) | strategy_needs(settings)


def require_groups(settings: Settings, offered: Set[Group], source: str) -> None:
    """Raises ConfigError, by name, where a source does not give what model or strategy need.

    - offered: the groups that the source gives.
    - source: its name for a person, e.g. `replay of prices.csv`.
    """
    card, own = chosen_card(settings), settings.strategy
    model = () if card is None else (("model", card.name, frozenset(card.needs)),)
    for what, name, needs in (*model, ("strategy", own.name, strategy_needs(settings))):
        if missing := needs - offered:
            names = " and ".join(sorted(missing))
            has = " and ".join(["the price", *sorted(offered)])
            raise ConfigError(
                f"config: {what} {name} needs {names}, but {source} gives {has} only: take a source that gives it, or "
                f"another {what}"
            )


def require_fields(settings: Settings, told: Set[str], source: str) -> None:
    """Raises ConfigError, by name, where a source gives bars without a field that the model's features need.

    - told: those of the bar group's optional fields that the source tells.
    """
    card = chosen_card(settings)
    if card is not None and (missing := set(card.fields) - told):
        has = " and ".join(["volume", *sorted(told)])
        raise ConfigError(
            f"config: model {card.name} needs {' and '.join(sorted(missing))} of each bar, but {source} tells {has} "
            "only: take a source that tells it, or another model"
        )
