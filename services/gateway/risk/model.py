"""The weights that a config means; an arming is given for them."""

from shared.config import Settings
from shared.models.choose import card_at, choose_model


def model_sha256(settings: Settings) -> str:
    """sha256, in hex, of the configured model's weights, as its card says; the signal service holds the file to it.

    Raises ModelRefused where no card is found, or several are.
    """
    own = settings.signal
    path = choose_model(own.model, own.weights, settings.symbols, settings.interval)
    return card_at(path).sha256
