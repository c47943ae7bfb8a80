"""Who decides has a hash, of code and parameters: each order carries it, and an arming is for one.

The strategy process makes it of what it has loaded; the console of the same files, without running them.
"""

import json
from collections.abc import Sequence
from hashlib import sha256

from shared.config import Settings
from shared.config.settings import StrategySettings
from shared.models.choose import chosen_card
from shared.models.code import predicting_hash
from shared.strategies.registry import GROUP, STRATEGIES, WRAPPERS, AnyStrategy
from shared.strategies.wrapper import Wrapper, innermost
from shared.user_code.hash import decided_by
from shared.user_code.loader import code_of, hash_named

DECIDING = {"name", "params", "wrappers", "qty_step", "qty_steps"}


def strategy_hash(own: StrategySettings, code: Sequence[str]) -> str:
    """Returns the hash of a strategy with its parameters and wrappers.

    code: the hash of its own code, and of each wrapper's; empty for what is ours.

    >>> a, b = StrategySettings(), StrategySettings(params={"leverage": 2})
    >>> strategy_hash(a, [""]) == strategy_hash(a, [""]) not in (strategy_hash(b, [""]), strategy_hash(a, ["1f"]))
    True
    """
    told = own.model_dump(mode="json", include=DECIDING) | {"code": list(code)}
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def loaded_hash(own: StrategySettings, strategy: AnyStrategy) -> str:
    """Returns the hash of a config's strategy as this process has loaded it."""
    outer: list[str] = []
    layer = strategy
    while isinstance(layer, Wrapper):
        outer.insert(0, code_of(type(layer)))
        layer = layer.inner
    return strategy_hash(own, [code_of(type(innermost(strategy))), *outer])


def decided_by_config(settings: Settings) -> str:
    """Returns what this config's orders carry, if their services start now; runs no code of the user's.

    Raises ModelRefused or ConfigError where the config has no valid model or strategy.
    """
    own, card = settings.strategy, chosen_card(settings)
    code = [hash_named(own.name, STRATEGIES, GROUP)]
    code += [hash_named(str(wrapper.get("name")), WRAPPERS, GROUP) for wrapper in own.wrappers]
    return decided_by(strategy_hash(own, code), "" if card is None else predicting_hash(card)[:16])
