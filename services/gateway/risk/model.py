"""The weights that a config means; an arming is given for them."""

from shared.config import Settings
from shared.models.choose import card_at, chosen_model


def model_sha256(settings: Settings) -> str:
    """sha256, in hex, of the configured model's weights, as its card says; the signal service holds the file to it.

    Raises ModelRefused where no card is found, or several are, ConfigError where none is named.
    """
    return card_at(chosen_model(settings)).sha256
