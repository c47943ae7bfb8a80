"""A model's card by the hash that predictions carry: the config's own, or another in its folders. Needs no runtime."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from shared.config import Settings
from shared.errors import TicklineError
from shared.models.card import Card, ModelRefused
from shared.models.choose import NO_MODEL, card_at, chosen_model
from shared.models.code import predicting_hash


def card_of_hash(settings: Settings, wanted: str) -> tuple[Path, Card]:
    """Returns the card whose model predicts under this hash; raises ModelRefused where there is none."""
    for path, card in _cards(settings):
        try:
            if predicting_hash(card)[:16] == wanted:
                return path, card
        except (TicklineError, ValueError, TypeError):  # its code is not here
            continue
    folders = " or ".join(map(str, settings.signal.folders))
    raise ModelRefused(f"trace --recompute: no model in {folders} has the hash {wanted}: put it back, code and all")


def _cards(settings: Settings) -> Iterator[tuple[Path, Card]]:
    tried = set[Path]()
    if settings.signal.model != NO_MODEL:
        with suppress(ModelRefused):  # another card may have the hash
            tried.add(chosen_model(settings))
    for path in [*tried, *(path for folder in settings.signal.folders for path in sorted(folder.glob("*.json")))]:
        try:
            yield path, card_at(path)
        except ModelRefused:
            continue
