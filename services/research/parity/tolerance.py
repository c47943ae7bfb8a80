"""A session that another runtime recorded is compared to a tolerance: the last bits of floats are that CPU's."""

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from shared.messages import Features, Message, Prediction
from shared.messages.codec import unpack
from shared.models.card import Card
from shared.models.runtime import Runtime, allowed_difference
from shared.record import NewerWire
from shared.recording.checkpoint import RUNTIMES, Checkpoint
from shared.runner.symbol import SymbolSnapshot


class Tolerance(NamedTuple):
    """A tolerance says by how much y_hat and features may differ: see `allowed_difference`.

    - y_hat, features: their standard deviations, as the card has them; None without: each value itself counts as one.
    - why: both runtimes, in one line.
    """

    y_hat: float | None
    features: tuple[float, ...] | None
    why: str

    @classmethod
    def of(cls, card: Card, why: str) -> "Tolerance":
        """Returns the tolerance for a card's model."""
        training = card.training
        if training is None:
            return cls(None, None, why)
        return cls(training.y_hat.std, tuple(each.std for each in training.features), why)

    def with_floats_of(self, found: Message | None, computed: Message) -> Message | None:
        """Returns the computed message with the recorded floats; None where these differ by more than they may."""
        if isinstance(found, Prediction) and isinstance(computed, Prediction):
            a, b = found.y_hat, computed.y_hat
            if a is None or b is None or not _near([a], [b], None if self.y_hat is None else [self.y_hat]):
                return None
            return computed.model_copy(update={"y_hat": a})
        if isinstance(found, Features) and isinstance(computed, Features):
            ours, theirs = computed.values.numpy(), found.values.numpy()
            if ours.shape != theirs.shape:
                return None
            stds = None if self.features is None else np.broadcast_to(self.features, ours.shape).ravel().tolist()
            if not _near(theirs.ravel().tolist(), ours.ravel().tolist(), stds):
                return None
            return computed.model_copy(update={"values": found.values})
        return None


def tolerance(checkpoints: Sequence[Checkpoint], card: Card | None) -> Tolerance | None:
    """Returns the tolerance for a recording; None where the runtime that is here made it, and each bit counts.

    Where no snapshot names a runtime, all that the namespace knew may have made it: then it counts as made here only if
    this one is among them. A recording of before runtimes were kept counts as made here.
    """
    if card is None or not checkpoints:
        return None
    here = Runtime.here(card.format)
    first, last = (each.settings.get(RUNTIMES, {}) for each in (checkpoints[0], checkpoints[-1]))
    instance = checkpoints[-1].settings["signal"]["instance"]
    marks = {mark for each in checkpoints for mark in _marks(each, instance)} | (last.keys() - first.keys())
    if not marks and here.mark not in last:
        marks = set(last)
    others = sorted(marks - {here.mark})
    if not others:
        return None
    theirs = " and ".join(last.get(mark, mark) for mark in others)
    return Tolerance.of(card, f"recorded with {theirs}; computed with {here.text}")


def _marks(checkpoint: Checkpoint, instance: str) -> Iterator[str]:
    """Yields the marks in an instance's snapshots; who needs one that cannot be read says so."""
    for data in checkpoint.snapshots.get(instance, {}).values():
        with contextlib.suppress(NewerWire, ValueError, TypeError):
            stage = SymbolSnapshot.of(unpack(data)).stage
            if isinstance(stage, dict) and stage.get("runtime"):
                yield str(stage["runtime"])


def _near(found: Sequence[float], computed: Sequence[float], stds: Sequence[float] | None) -> bool:
    for a, b, std in zip(found, computed, map(abs, computed) if stds is None else stds, strict=True):
        if a != b and not abs(a - b) <= allowed_difference(std, b) and not (math.isnan(a) and math.isnan(b)):
            return False
    return True
