"""Checking a model says, a line each, what holds of it here: files, hash, shapes, predictions, runtime."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import DataError
from shared.history.resampled import bars_of, own_interval
from shared.models.card import Card, ModelRefused
from shared.models.dataset import dataset, holdout
from shared.models.load_model import load_model
from shared.models.model_files import file_sha256
from shared.models.runtime import TOLERANCE, Runtime
from shared.models.saving import SAMPLES, SEED, require_finite
from shared.models.scores import predictions
from shared.models.training import Distribution

NEAR = 1e-5  # relative; a card's numbers have 6 digits


def check_model(
    path: Path, *, data: Path | None = None, timezone: str = "", folder: Path | None = None
) -> Iterator[str]:
    """Yields a line for each thing that holds; raises ModelRefused or DataError at the first that does not.

    - data: the file that the card describes, whose distributions are computed again. timezone: of its times.
    - folder: where a user's files lie; None is the folder of the configuration.
    """
    loaded = load_model(path, folder=folder)
    card, where = loaded.card, f"model {loaded.card.name}"
    yield f"hash: the file has sha256 {card.sha256[:16]}…, as the card says; predictions carry {loaded.hash}"
    if card.format == "onnx":
        yield "external data: none, all is in the file; operators: ONNX's own"
    gives = f"{', '.join(card.features)} gives {card.no_features}"
    yield f"shapes: {gives}; a sample is {card.sample_shape}, and one number comes out"
    predict = loaded.predict()
    said = require_finite((predict.on_tick(row) for row in _samples(card)), where)
    yield f"samples: {SAMPLES:,} of {SAMPLES:,} give a finite number, {said.min():.6g} to {said.max():.6g}"
    yield from _distributions(loaded.predict(), card, data, timezone, folder)
    here = Runtime.here(card.format)
    if card.runtime in (None, here):
        yield f"runtime: {here.text}"
    else:
        assert card.runtime is not None
        yield (
            f"runtime: {here.text}; the card's numbers are of {card.runtime.text}: predictions agree to "
            f"{TOLERANCE:g} of their s.d., not to the bit"
        )


def _samples(card: Card) -> Iterator[NDArray[np.float32]]:
    """Yields samples as the card describes its features, each by itself; normal ones where it does not."""
    draw = np.random.default_rng(SEED)
    described = card.training.features if card.training is not None else ()
    for _ in range(SAMPLES):
        sample = np.empty(card.sample_shape, np.float32)
        for column in range(card.no_features):
            size = sample[..., column].shape
            sample[..., column] = _drawn(described[column], draw, size) if described else draw.normal(size=size)
        yield sample


def _drawn(of: Distribution, draw: np.random.Generator, size: Sequence[int]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.interp(draw.random(size), list(of.quantiles), list(of.quantiles.values()))
    return found


def _distributions(predict: Any, card: Card, data: Path | None, timezone: str, folder: Path | None) -> Iterator[str]:
    training = card.training
    if training is None:
        yield "distributions: the card has none, so nobody can say when its edge is gone: add it again with its data"
        return
    if data is None:
        yield f"distributions: of {training.y_hat.n} samples, not computed again: give its data"
        return
    if training.data_sha256 not in (None, file_sha256(data)):
        raise DataError(f"{data}: is not the file that model {card.name} was described on: its sha256 is another")
    own = own_interval(data, [card.interval], timezone)
    whole = dataset(
        bars_of(
            data, own, card.interval, timezone, frozenset(card.needs), f"model {card.name}", frozenset(card.fields)
        ),
        card.features,
        window=card.window,
        sym=card.symbols[0],
        folder=folder,
    )
    test = training.test.samples if training.test is not None else 0
    inside, _ = holdout(len(whole), test / len(whole) if len(whole) else 0.0)
    part = whole.part(inside)
    found = [*(Distribution.of(column) for column in part.newest.T), Distribution.of(predictions(predict, part))]
    named = [f"feature {number}" for number in range(1, card.no_features + 1)]
    for name, now, then in zip([*named, "y_hat"], found, [*training.features, training.y_hat], strict=True):
        if not _near(now, then):
            raise ModelRefused(
                f"model {card.name}: the distribution of {name} is not the card's (mean {now.mean:.6g} and "
                f"{then.mean:.6g}, s.d. {now.std:.6g} and {then.std:.6g}): its features or its runtime have changed"
            )
    yield f"distributions: of {len(part)} samples, as the card says"


def _near(now: Distribution, then: Distribution) -> bool:
    a, b = (np.array([each.mean, each.std, *each.quantiles.values()]) for each in (now, then))
    return now.n == then.n and bool(np.all(np.abs(a - b) <= NEAR * np.maximum(np.abs(b), then.std)))
