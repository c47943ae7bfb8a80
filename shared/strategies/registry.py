"""The registry names the strategies as configs do, and `Identity` says which one a config trades with.

To add a strategy: its file, and its line here.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from shared.config import Settings
from shared.errors import ConfigError
from shared.models.card import ModelRefused
from shared.models.choose import card_at, chosen_model
from shared.registry import Registry
from shared.strategies.decider import Decider

STRATEGIES = Registry[type[Decider]](
    {
        "basic_taker": "shared.strategies.basic_taker:BasicTaker",
        "threshold": "shared.strategies.threshold:Threshold",
    }
)


def make_decider(name: str, params: Mapping[str, object]) -> Decider:
    """Returns a strategy with its parameters; raises ValueError, in one line, for a wrong name or parameter.

    >>> make_decider("basic_taker", {"netting": True})
    BasicTaker(leverage=Decimal('1'), netting=True, sizing='compounding', fraction=Decimal('1'))
    """
    kind = STRATEGIES.get(name)
    if kind is None:
        raise ValueError(f"strategy {name!r:.60} is unknown; there are: {', '.join(STRATEGIES)}")
    try:
        return kind.model_validate(dict(params))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        known = ", ".join(kind.model_fields)
        which = f", parameter {where!r:.60}" if where else ""
        raise ValueError(f"strategy {name}{which}: {first['msg']} (it has: {known})") from error


class Identity(NamedTuple):
    """An identity says what trades: the model and the strategy, in one line for a person and as JSON.

    - model, sha256: the model's name, and its weights' hash.
    - strategy, params: the strategy's name, and all its parameters, defaults included.
    """

    model: str
    sha256: str
    strategy: str
    params: Mapping[str, Any]

    @classmethod
    def of(cls, settings: Settings) -> "Identity":
        """Returns what this config trades with; raises ModelRefused or ConfigError."""
        card = card_at(chosen_model(settings))
        own = settings.strategy
        try:
            decider = make_decider(own.name, own.params)
        except ValueError as error:
            raise ConfigError(f"config: {error}") from error
        return cls(card.name, card.sha256, own.name, decider.model_dump(mode="json"))

    @classmethod
    def told(cls, json: Mapping[str, Any]) -> "Identity":
        """Reads what `as_json` gave."""
        return cls(json["model"]["name"], json["model"]["sha256"], json["strategy"]["name"], json["strategy"]["params"])

    def as_json(self) -> dict[str, Any]:
        """Returns the identity as JSON."""
        return {
            "model": {"name": self.model, "sha256": self.sha256},
            "strategy": {"name": self.strategy, "params": dict(self.params)},
        }

    @property
    def model_shown(self) -> str:
        """Returns name and hash, the hash as predictions carry it."""
        return f"{self.model} ({self.sha256[:16]})"

    def __str__(self) -> str:
        params = ", ".join(f"{name}={value}" for name, value in self.params.items())
        return f"model {self.model_shown}, strategy {self.strategy}({params})"


def identity_or_none(settings: Settings) -> Identity | None:
    """Returns `Identity.of`, or None where the config has no valid model or strategy."""
    try:
        return Identity.of(settings)
    except (ConfigError, ModelRefused):
        return None
