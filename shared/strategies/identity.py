"""What trades: the model and the strategy, in one line for a person and as JSON."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.config import Settings
from shared.errors import ConfigError
from shared.models.card import ModelRefused
from shared.models.choose import card_at, chosen_model
from shared.strategies.registry import make_decider


class Identity(NamedTuple):
    """model: its name. sha256: of its weights. params: all of the strategy's, also those at their defaults."""

    model: str
    sha256: str
    strategy: str
    params: Mapping[str, Any]

    @classmethod
    def of(cls, settings: Settings) -> "Identity":
        """What this config trades with; raises ModelRefused, ConfigError."""
        card = card_at(chosen_model(settings))
        own = settings.strategy
        try:
            decider = make_decider(own.name, own.params)
        except ValueError as error:
            raise ConfigError(f"config: {error}") from error
        return cls(card.name, card.sha256, own.name, decider.model_dump(mode="json"))

    @classmethod
    def told(cls, json: Mapping[str, Any]) -> "Identity":
        """What `as_json` gave."""
        return cls(json["model"]["name"], json["model"]["sha256"], json["strategy"]["name"], json["strategy"]["params"])

    def as_json(self) -> dict[str, Any]:
        """The documented form."""
        return {
            "model": {"name": self.model, "sha256": self.sha256},
            "strategy": {"name": self.strategy, "params": dict(self.params)},
        }

    @property
    def model_shown(self) -> str:
        """Name and hash; the hash as predictions carry it."""
        return f"{self.model} ({self.sha256[:16]})"

    def __str__(self) -> str:
        params = ", ".join(f"{name}={value}" for name, value in self.params.items())
        return f"model {self.model_shown}, strategy {self.strategy}({params})"


def identity_or_none(settings: Settings) -> Identity | None:
    """As `Identity.of`; None where there is none to be had, for those who do without."""
    try:
        return Identity.of(settings)
    except (ConfigError, ModelRefused):
        return None
