"""What predicts is more than weights: here is the hash of the user's code behind a card, without running any of it."""

from pathlib import Path

from shared.features.registry import FEATURES
from shared.features.registry import GROUP as FEATURE_GROUP
from shared.features.spec import parsed
from shared.models.card import Card, ModelRefused
from shared.models.registry import GROUP, MODELS
from shared.user_code.loader import hash_named


def code_of(card: Card, folder: Path | None = None) -> dict[str, str]:
    """Returns name -> hash of each class and feature of the card that is not ours; it runs no code.

    - folder: where a user's files lie; None is the folder of the configuration.
    - Raises ModelRefused for a feature that is not written as one, ConfigError where there is no such file.
    """
    try:
        features = [parsed(spec).name for spec in card.features]
    except ValueError as error:
        raise ModelRefused(f"model {card.name}: {error}") from error
    found = {name: hash_named(name, FEATURES, FEATURE_GROUP, folder) for name in features}
    if card.model is not None:
        found[card.model] = hash_named(card.model, MODELS, GROUP, folder)
    return {name: code for name, code in found.items() if code}


def predicting_hash(card: Card, folder: Path | None = None) -> str:
    """Returns the sha256, in hex, of everything that predicts; its first 16 digits are `Prediction.model`.

    >>> from shared.models.choose import card_at
    >>> card = card_at(Path("weights/btcusdt_12h_linear.json"))
    >>> predicting_hash(card)[:16] == card.short_hash
    True
    """
    return card.predicting_hash(code_of(card, folder))
