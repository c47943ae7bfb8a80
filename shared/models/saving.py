"""What every way to make a model has in common: its data, its card, the check that it loads, and its two files."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from shared.errors import ConfigError, DataError
from shared.features.feature import AnyFeature
from shared.features.vector import FeatureVector
from shared.history import infer_interval
from shared.history.resampled import bars_of, own_interval
from shared.models.card import Card, ModelRefused, sample_shape
from shared.models.dataset import Dataset, dataset, holdout
from shared.models.load_model import LoadedModel, model_of
from shared.models.model_files import BY_OPTION, check_name, git_revision, library_versions, sha256_of, write_model
from shared.models.runtime import Runtime
from shared.plural import plural

SAMPLES = 1_000
SEED = 0
FEE = 0.0003
DEFAULT_ORIGIN = "tickline.save_model"

Samples = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Saving:
    """A saving says what a new model is called, what it is for, and what it is described on.

    - name: of its files. out: their folder. force: replace a model of that name.
    - features: specs, or features; their numbers side by side are the model's input. folder: where a user's files lie.
    - symbols, interval: what it is for; the interval is that of `data` by default.
    - window: how many feature vectors the model is shown.
    - data: CSV or Parquet file, whose samples the card describes. timezone: of its times.
    - test_share: the file's last samples, which the model was not fitted to: their scores stand apart.
    - fee: rate of each leg in the scores.
    - origin: where it comes from, for a person.
    """

    name: str
    features: Sequence[str | AnyFeature[Any, Any]]
    symbols: str | Sequence[str]
    interval: str | None = None
    window: int = 1
    data: Path | None = None
    timezone: str = ""
    test_share: float = 0.0
    fee: float = FEE
    origin: str = DEFAULT_ORIGIN
    out: Path
    folder: Path | None = None
    force: bool = False
    remedy: str = BY_OPTION
    vector: FeatureVector = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_name(self.out, self.name, force=self.force, remedy=self.remedy)
        if isinstance(self.features, str):
            raise ConfigError(f"model {self.name}: features are a list, e.g. features=[{self.features!r:.80}]")
        specs = [each if isinstance(each, str) else each.spec for each in self.features]
        try:
            vector = FeatureVector(specs, self.folder)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"model {self.name}: {error}") from error
        object.__setattr__(self, "vector", vector)
        if self.interval is None and self.data is None:
            raise ConfigError(f"model {self.name}: give an interval, or data that have one")

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Returns the shape of one sample."""
        return sample_shape(self.vector.width, self.window)

    def read(self) -> Dataset | None:
        """Returns the samples of the data, or None where there are none; raises DataError."""
        if self.data is None:
            return None
        symbols, interval, specs = self._symbols(), self._interval(), ", ".join(self.vector.specs)
        own = own_interval(self.data, [interval], self.timezone)
        try:
            found = dataset(
                bars_of(self.data, own, interval, self.timezone, self.vector.needs, specs, self.vector.fields),
                self.vector.specs,
                window=self.window,
                sym=symbols[0],
                folder=self.folder,
            )
        except ValueError as error:
            raise DataError(f"{self.data}: {error}") from error
        if len(found) < 2:
            raise DataError(f"{self.data}: {plural(len(found), 'sample')} of {specs}: use more rows")
        return found

    def samples(self, data: Dataset | None) -> Samples:
        """Returns SAMPLES inputs to compare on: of the data, evenly spread, and random ones where those are too few."""
        found = np.empty((0, *self.sample_shape), np.float32)
        mean, std = np.zeros(self.vector.width), np.ones(self.vector.width)
        if data is not None:
            at = np.unique(np.linspace(0, len(data) - 1, min(SAMPLES, len(data))).astype(np.int64))
            found = np.array(data.x[at])
            numbers = found.reshape(-1, self.vector.width).astype(np.float64)
            mean, std = numbers.mean(axis=0), numbers.std(axis=0)
        missing = (SAMPLES - len(found), *self.sample_shape)
        drawn = np.random.default_rng(SEED).normal(mean, std, missing).astype(np.float32)
        return np.concatenate([found, drawn])

    def model(self, weights: bytes, **fields: Any) -> LoadedModel:
        """Returns the model as the line would load it, from its bytes; raises ModelRefused.

        - fields: further ones of the card.
        """
        try:
            card = Card(
                name=self.name,
                features=self.vector.specs,
                no_features=self.vector.width,
                needs=tuple(sorted(self.vector.needs)),
                fields=tuple(sorted(self.vector.fields)),
                window=self.window,
                symbols=self._symbols(),
                interval=self._interval(),
                sha256=sha256_of(weights),
                origin=self.origin,
                runtime=Runtime.here(fields.get("format", "torch")),
                **fields,
            )
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "card"
            raise ConfigError(f"model {self.name}, {where}: {first['msg'].removeprefix('Value error, ')}") from error
        return model_of(card, weights, self.out / f"{self.name}.json", self.folder)

    def write(self, loaded: LoadedModel, weights: bytes, data: Dataset | None) -> LoadedModel:
        """Describes the model on the data and writes both files; returns the model with its whole card."""
        from shared.models.scores import evaluate_on_file

        card = loaded.card.fitting()
        if data is not None and self.data is not None:
            inside, outside = (data.part(span) for span in holdout(len(data), self.test_share))
            test = outside if len(outside) else None
            training = evaluate_on_file(loaded.predict(), self.data, inside, test, fee=self.fee)
            made_by = {"git": git_revision(), "libraries": library_versions()}
            card = card.model_copy(update={"training": training.model_copy(update=made_by)})
        write_model(self.out, card, weights, force=self.force)
        return LoadedModel(card, loaded.hash, loaded._loaded)

    def _symbols(self) -> tuple[str, ...]:
        return (self.symbols,) if isinstance(self.symbols, str) else tuple(self.symbols)

    def _interval(self) -> str:
        if self.interval is not None:
            return self.interval
        assert self.data is not None  # the constructor checks it
        return infer_interval(self.data, self.timezone)


def require_finite(predicted: Iterable[float | None], where: str) -> NDArray[np.float64]:
    """Returns predictions as an array; raises ModelRefused where one of them is no number."""
    array = np.array([math.nan if each is None else each for each in predicted], np.float64)
    bad = int(np.count_nonzero(~np.isfinite(array)))
    if bad:
        raise ModelRefused(f"{where}: {plural(bad, 'prediction')} of {len(array)} not finite: train it anew")
    return array
