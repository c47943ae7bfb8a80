"""`Identity` says what trades. Who decides also has a hash: each order carries it, and an arming is for one.

The strategy process makes the hash of what it has loaded; the console of the same files, without running them.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from shared.config import Settings
from shared.config.strategy import StrategySettings
from shared.errors import TicklineError
from shared.models.choose import NO_MODEL, chosen_card
from shared.models.code import predicting_hash
from shared.strategies.registry import GROUP, STRATEGIES, WRAPPERS, AnyStrategy, described
from shared.strategies.wrapper import Wrapper, innermost
from shared.user_code.hash import decided_by
from shared.user_code.loader import code_of, files_of, hash_named, is_spec

DECIDING = {"name", "params", "wrappers", "qty_step", "qty_steps", "on_missing"}


def strategy_hash(settings: Settings, code: Sequence[str]) -> str:
    """Returns the hash of a config's strategy with its parameters and wrappers, and of what else it decides by.

    That is the interval of its ticks, and what its reserve is made of. The gateway's own config has them, too, but is
    read when the gateway starts, which may be long before the strategy does.

    - code: the hash of its own code, and of each wrapper's; empty for what is ours.

    >>> a, b = Settings(), Settings(strategy={"params": {"leverage": 2}})
    >>> strategy_hash(a, [""]) == strategy_hash(a, [""]) not in (strategy_hash(b, [""]), strategy_hash(a, ["1f"]))
    True
    """
    own, gateway = settings.strategy, settings.gateway
    told = own.model_dump(mode="json", include=DECIDING)
    costs = {name: f"{getattr(gateway, name).normalize():f}" for name in ("fee", "slippage_bps")}
    if own.limit_bps is not None:  # without one it is what it was before wire 5, when a recording may have been made
        costs |= {"max_slippage_bps": f"{own.limit_bps.normalize():f}", "reduce": own.reduce}
    if own.protect.terms is not None:
        told |= {"protect": own.protect.deciding()}
    told |= {"interval": settings.interval, "code": list(code), **costs}
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def loaded_hash(settings: Settings, strategy: AnyStrategy) -> str:
    """Returns the hash of a config's strategy as this process has loaded it."""
    outer: list[str] = []
    layer = strategy
    while isinstance(layer, Wrapper):
        outer.insert(0, code_of(type(layer)))
        layer = layer.inner
    return strategy_hash(settings, [code_of(type(innermost(strategy))), *outer])


def decided_by_config(settings: Settings) -> str:
    """Returns what this config's orders carry, if their services start now; runs no code of the user's.

    Raises ModelRefused or ConfigError where the config has no valid model or strategy.
    """
    return decided_by(strategy_hash(settings, strategy_code(settings.strategy)), _model_hash(settings))


def own_files(settings: Settings) -> list[str]:
    """Returns the files of the user's folder that decide, from there on: of strategy, wrappers, features and model."""
    card = chosen_card(settings)
    names = [settings.strategy.name, *(str(wrapper.get("name")) for wrapper in settings.strategy.wrappers)]
    if card is not None:
        names += [*(feature.partition("(")[0] for feature in card.features), card.model or ""]
    return sorted({path for name in names if is_spec(name) for _, path, _ in files_of(name)})


def strategy_code(own: StrategySettings) -> list[str]:
    """Returns the hash of a strategy's code, and of each wrapper's; empty for what is ours. Runs none of it."""
    names = (hash_named(str(wrapper.get("name")), WRAPPERS, GROUP) for wrapper in own.wrappers)
    return [hash_named(own.name, STRATEGIES, GROUP), *names]


def _model_hash(settings: Settings) -> str:
    """Returns what predictions carry; empty without a model."""
    card = chosen_card(settings)
    return "" if card is None else predicting_hash(card)[:16]


class Identity(NamedTuple):
    """An identity says what trades: the model and the strategy, in one line for a person and as JSON.

    - model, sha256: the model's name, and its weights' hash; `none` and empty without one.
    - strategy, params: the strategy's name, and all its parameters, defaults included.
    - code: the hash of the strategy's code and of all that predicts; empty where nobody told.
    - hash: what predictions carry, and `model list` shows; empty without a model, and where nobody told.
    """

    model: str
    sha256: str
    strategy: str
    params: Mapping[str, Any]
    code: str = ""
    hash: str = ""

    @classmethod
    def of(cls, settings: Settings) -> "Identity":
        """Returns what this config trades with; raises ModelRefused or ConfigError."""
        card = chosen_card(settings)
        own = settings.strategy
        params = described(own)
        name, sha256 = (card.name, card.sha256) if card is not None else (NO_MODEL, "")
        predicts = _model_hash(settings)
        return cls(name, sha256, own.name, params, decided_by(str(strategy_code(own)), predicts), predicts)

    @classmethod
    def told(cls, json: Mapping[str, Any]) -> "Identity":
        """Reads what `as_json` gave."""
        model, strategy = json["model"], json["strategy"]
        code, predicts = json.get("code", ""), model.get("hash", "")
        return cls(model["name"], model["sha256"], strategy["name"], strategy["params"], code, predicts)

    def as_json(self) -> dict[str, Any]:
        """Returns the identity as JSON."""
        return {
            "model": {"name": self.model, "sha256": self.sha256, "hash": self.hash},
            "strategy": {"name": self.strategy, "params": dict(self.params)},
            "code": self.code,
        }

    @property
    def model_shown(self) -> str:
        """Returns name and hash, in a recording that tells none the weights' sha256; `none` without a model."""
        return f"{self.model} ({self.hash or self.sha256[:16]})" if self.sha256 else self.model

    def __str__(self) -> str:
        params = dict(self.params)
        around = called_around(params)
        one, each = params.pop("qty_step", ""), params.pop("qty_steps", {})
        steps = ", ".join([*([str(one)] if one else []), *(f"{sym} {step}" for sym, step in each.items())])
        own = {name: value for name, value in params.items() if name not in AROUND}
        said = f"model {self.model_shown}, strategy {' in '.join([called(self.strategy, own), *around])}"
        return f"{said}, in steps of {steps}" if steps else said


def called(name: str, params: Mapping[str, object]) -> str:
    """Returns a name with parameters, as a call of it would be written.

    >>> called("trailing_stop", {"distance": 0.02})
    'trailing_stop(distance=0.02)'
    """
    return f"{name}({', '.join(f'{key}={value}' for key, value in params.items())})"


AROUND = ("wrappers", "protect")  # of what `described` gives


def called_around(params: Mapping[str, Any]) -> list[str]:
    """Returns what is around a strategy, in the same form, from within outwards.

    - params: as `described` gives them.

    >>> called_around({"leverage": 1, "wrappers": [{"name": "cool_down", "ticks": 3}], "protect": {"stop_bps": "250"}})
    ['cool_down(ticks=3)', 'protect(stop_bps=250)']
    """
    protect = params.get("protect")
    found = [called_wrapper(wrapper) for wrapper in params.get("wrappers", ())]
    return [*found, called("protect", protect)] if protect else found


def called_wrapper(wrapper: Mapping[str, object]) -> str:
    """Returns a wrapper as a config has it, in the same form.

    >>> called_wrapper({"name": "trailing_stop", "distance": 0.02})
    'trailing_stop(distance=0.02)'
    """
    return called(str(wrapper["name"]), {key: value for key, value in wrapper.items() if key != "name"})


def identity_or_none(settings: Settings) -> Identity | None:
    """Returns `Identity.of`, or None where the config has no valid model or strategy, or their code is not here."""
    try:
        return Identity.of(settings)
    except TicklineError:
        return None
