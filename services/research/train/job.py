"""A training makes a carded model out of a price file."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from torch import nn

from services.research.train.fit import EpochDone, FitSpec, Fitted, fit, make_module
from services.research.verdict.held import held_by_signs
from services.research.verdict.verdict import Verdict, judged
from shared.errors import DataError
from shared.features.vector import FeatureVector
from shared.history import HistoryBar
from shared.history.resampled import bars_of
from shared.history.times import text_time
from shared.history.zone import DAY_NS
from shared.intervals import interval_ns
from shared.messages.base import Symbol
from shared.models.card import Card, FeatureSpecs
from shared.models.dataset import Dataset, holdout, samples, seen, walk_forward_splits
from shared.models.model import Predict
from shared.models.model_files import git_revision, library_versions, sha256_of, weights_bytes, write_model
from shared.models.runtime import Runtime
from shared.models.scores import evaluate_on_file, mean_scores, predictions, score
from shared.models.training import Fit, Fold, Training, WalkForward
from shared.plural import plural
from shared.user_code import blaming

Progress = Callable[[str, int, int], None]  # what is being done, how far, of how much (0: not known)

MAX_WIDTH = 1_000  # each feature's distribution stands in the card
ROWS_SAID_EVERY = 10_000
HOUR_NS = DAY_NS // 24


def _known_interval(text: str) -> str:
    interval_ns(text)
    return text


def _known_time(text: str) -> str:
    text_time(text)
    return text


def _narrow_features(specs: tuple[str, ...]) -> tuple[str, ...]:
    vector = FeatureVector(specs)
    if vector.width > MAX_WIDTH:
        raise ValueError(f"{', '.join(specs)} has {vector.width} features, a card holds {MAX_WIDTH} at most")
    return vector.specs


class TrainSpec(BaseModel):
    """A spec says what a training is of.

    - features: specs of `shared.features.registry`, or of the user's own.
    - window: how many feature vectors the model is shown at a time, oldest first; 1 for one that is no sequence model.
    - interval: of the model.
    - own_interval: of the file's bars, which make those, the same by default.
    - test_share: the file's last samples, held out.
    - until: all samples whose outcome was known before this time are trained on, instead of a share.
    - walk_forward: folds within the training window, 0 for none.
    - fee: rate of each leg in the scores.
    - timezone: of the file's times, as `shared.history.bars` takes it.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    data: Path
    sym: Symbol
    interval: Annotated[str, AfterValidator(_known_interval)]
    own_interval: str = ""
    name: str = ""
    features: Annotated[FeatureSpecs, AfterValidator(_narrow_features)] = ("log_return_lags(3)",)
    window: Annotated[int, Field(ge=1, le=10_000)] = 1
    fit: FitSpec = FitSpec()
    test_share: Annotated[float, Field(ge=0, le=0.9)] = 0.25
    until: Annotated[str, AfterValidator(_known_time)] | None = None
    walk_forward: Annotated[int, Field(ge=0, le=1_000)] = 0
    fee: Annotated[float, Field(ge=0, lt=1)] = 0.0003
    timezone: str = ""

    @property
    def model_name(self) -> str:
        """Returns `name`, or one of symbol, interval, model and loss, e.g. btcusdt_12h_linear_l1."""
        if self.name:
            return self.name
        kind = self.fit.model.rpartition(":")[2].removesuffix("Model")
        kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind)
        return re.sub(r"[^a-z0-9]+", "_", f"{self.sym}_{self.interval}_{kind}_{self.fit.recipe.loss}".lower())


class Trained(NamedTuple):
    """This is the result of a training: a model, its card, and the content of its weights file.

    - holes: outcomes that came late, as the file has holes.
    - verdicts: on the held-out samples, traded in the prediction's direction, by the way to order.
    """

    module: nn.Module
    card: Card
    weights: bytes
    holes: int
    verdicts: Mapping[str, Verdict]

    def save(self, folder: Path, *, force: bool = False) -> tuple[Path, Path]:
        """Writes both files; raises ConfigError where the name is taken and `force` is not given."""
        return write_model(folder, self.card, self.weights, force=force)


def train(spec: TrainSpec, progress: Progress | None = None) -> Trained:
    """Reads the file, fits the model on the training window, scores it there and on what was held out.

    Raises DataError for a file that cannot be used or has too few rows, ConfigError and Diverged as `fit` does, and
    UserCodeFailed for a feature or a model that raises.
    """
    with blaming(spec.sym):
        return _train(spec, progress or _silent)


def _train(spec: TrainSpec, say: Progress) -> Trained:
    vector = FeatureVector(spec.features)
    make_module(spec.fit, vector.width)  # what cannot be made is found out now, not after the reading
    data = _read(spec, vector, say)
    inside, outside = (data.part(span) for span in _split(data, spec))
    try:
        folds = _walk_forward(inside, spec, say)
        fitted = fit(inside, spec.fit, _named(say, "fit"))
    except DataError as error:
        raise DataError(f"{spec.data}: {error}") from error
    say("scores", 0, 0)
    asked = Predict(fitted.module, batched=fitted.batched)
    training = evaluate_on_file(asked, spec.data, inside, outside if len(outside) else None, fee=spec.fee)
    training = training.model_copy(
        update={
            "fit": Fit(recipe=spec.fit.recipe, epochs=fitted.epochs),
            "walk_forward": folds,
            "git": git_revision(),
            "libraries": library_versions(),
        }
    )
    weights = weights_bytes(fitted.module.state_dict())
    card = _card(spec, vector, fitted, sha256_of(weights), training)
    return Trained(fitted.module, card, weights, data.holes(_longest_ns(spec)), _verdicts(asked, outside, spec.fee))


def _verdicts(predict: Predict, outside: Dataset, fee: float) -> dict[str, Verdict]:
    found = held_by_signs(outside.ts, outside.ts_next, predictions(predict, outside), outside.y, fee)
    return {name: judged(part, "nothing was held out") for name, part in found.items()}


def _card(spec: TrainSpec, vector: FeatureVector, fitted: Fitted, sha256: str, training: Training) -> Card:
    recipe = spec.fit.recipe
    made = Card(
        name=spec.model_name,
        model=spec.fit.model,
        params=dict(spec.fit.params),
        features=spec.features,
        no_features=vector.width,
        needs=tuple(sorted(vector.needs)),
        fields=tuple(sorted(vector.fields)),
        window=spec.window,
        batched=fitted.batched,
        standardised=fitted.standardised,
        symbols=(spec.sym,),
        interval=spec.interval,
        sha256=sha256,
        origin=f"tickline train on {spec.data.name}: {recipe.loss} loss, {recipe.optimiser}, seed {recipe.seed}",
        training=training,
        runtime=Runtime.here("torch"),
    )
    return made.fitting()


def _split(data: Dataset, spec: TrainSpec) -> tuple[slice, slice]:
    if spec.until is None:
        return holdout(len(data), spec.test_share)
    first = data.known_before(text_time(spec.until).ns)
    if not first:
        raise DataError(f"{spec.data}: no outcome was known before {spec.until}: pass a later --until")
    return slice(0, first), slice(first, len(data))


def _longest_ns(spec: TrainSpec) -> int:
    """Returns how long a bar of the file may be; a local day has an hour more where the clocks go back."""
    length = interval_ns(spec.interval)
    return length + HOUR_NS if spec.timezone and length % DAY_NS == 0 else length


def _read(spec: TrainSpec, vector: FeatureVector, say: Progress) -> Dataset:
    rows = 0

    def counted() -> Iterator[HistoryBar]:
        nonlocal rows
        own, who = spec.own_interval or spec.interval, ", ".join(spec.features)
        found = bars_of(spec.data, own, spec.interval, spec.timezone, vector.needs, who, vector.fields)
        for rows, bar in enumerate(found, 1):
            if rows % ROWS_SAID_EVERY == 0:
                say("rows read", rows, 0)
            yield bar

    try:
        with blaming(spec.sym):
            data = samples(seen(counted(), vector, spec.sym), vector, spec.window)
    except ValueError as error:
        raise DataError(f"{spec.data}: {error}") from error
    if not len(data):
        shown = ", ".join(spec.features)
        raise DataError(
            f"{spec.data}: {plural(rows, 'row gives', 'rows give')} no sample of {shown} and what came next: "
            "use more rows"
        )
    return data


def _walk_forward(data: Dataset, spec: TrainSpec, say: Progress) -> WalkForward | None:
    if not spec.walk_forward:
        return None
    folds = []
    spans = walk_forward_splits(len(data), spec.walk_forward)
    for number, (before, after) in enumerate(spans, 1):
        earlier, later = data.part(before), data.part(after)
        try:
            fitted = fit(earlier, spec.fit, _named(say, f"fold {number} of {len(spans)}"))
        except DataError as error:
            raise DataError(f"fold {number} of {len(spans)}: {error}") from error
        y_hat = predictions(Predict(fitted.module, batched=fitted.batched), later)
        scores = score(y_hat, later.y, fee=spec.fee, delta=float(earlier.y.std()))
        folds.append(Fold(train=earlier.window(), test=later.window(), scores=scores))
    return WalkForward(folds=tuple(folds), mean=mean_scores([fold.scores for fold in folds]))


def _named(say: Progress, what: str) -> EpochDone:
    return lambda done, total: say(what, done, total)


def _silent(what: str, done: int, total: int) -> None:
    return None
