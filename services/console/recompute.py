"""A y_hat is computed again: the features that the chain has go through the weights whose hash the prediction names."""

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from services.console.cards import card_of_hash
from shared.config import Settings
from shared.errors import DataError
from shared.explain.chain import Chain
from shared.messages import Features, Message, Prediction
from shared.models.card import Card
from shared.models.load_model import load_model
from shared.models.runtime import Runtime, allowed_difference


class Recomputed(NamedTuple):
    """A y_hat was computed again.

    - recorded, computed: both, as floats. bits: whether they are the same to the last bit.
    - same: bits, or as near as another runtime may come.
    - model: the card's name. runtime: that of this process. line: all of it for a person.
    """

    recorded: float
    computed: float
    bits: bool
    same: bool
    model: str
    runtime: str
    line: str


def recomputed(settings: Settings, chain: Chain, before: Sequence[Message]) -> Recomputed:
    """Returns the y_hat of a chain, computed again; raises DataError where the chain has none, ModelRefused.

    before: the features of the ticks before it, oldest first, for a model that is shown a sequence.
    """
    prediction, features = chain.one(Prediction), chain.one(Features)
    if prediction is None or prediction.y_hat is None:
        raise DataError("trace --recompute: this chain has no y_hat")
    if features is None:
        raise DataError("trace --recompute: the features of this chain are not found any more")
    path, card = card_of_hash(settings, prediction.model)
    loaded = load_model(path)
    computed = loaded.predict().on_tick(_input(card, features, before))
    assert computed is not None
    here = Runtime.here(card.format).text
    bits = _bits(computed) == _bits(prediction.y_hat)
    std = card.training.y_hat.std if card.training is not None else abs(computed)
    apart = abs(computed - prediction.y_hat)
    same = bits or apart <= allowed_difference(std, computed)
    said = "the same to the bit" if bits else f"apart by {apart:.3g}"
    if not bits:
        said += ", as another runtime may be" if same else ", and no runtime explains that"
    line = (
        f"recomputed: y_hat {computed!r} of {card.name} ({prediction.model}), recorded {prediction.y_hat!r}: {said} "
        f"(here: {here})"
    )
    return Recomputed(prediction.y_hat, computed, bits, same, card.name, here, line)


def _input(card: Card, features: Features, before: Sequence[Message]) -> Any:
    own = features.values.numpy()
    if card.window == 1:
        return own.copy()
    rows = [one.values.numpy() for one in before if isinstance(one, Features)]
    if len(rows) != card.window - 1:
        found = f"{len(rows) + 1} of them are found"
        raise DataError(f"trace --recompute: the model is shown {card.window} ticks' features, and {found}")
    return np.stack([*rows, own])


def _bits(number: float) -> bytes:
    return struct.pack("<d", number)
