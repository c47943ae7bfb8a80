"""A training makes a carded model out of a price file."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.research.train.fit import EpochDone, FitSpec, fit
from shared.errors import DataError
from shared.features.registry import make_feature
from shared.history import HistoryBar, bars
from shared.history.zone import DAY_NS
from shared.intervals import interval_ns
from shared.messages.base import Symbol
from shared.models.card import Card
from shared.models.dataset import Dataset, dataset, holdout, walk_forward_splits
from shared.models.model import Model
from shared.models.model_files import git_revision, library_versions, sha256_of, weights_bytes, write_model
from shared.models.scores import evaluate_on_file, mean_scores, predictions, score
from shared.models.training import Fit, Fold, WalkForward
from shared.plural import plural
from shared.user_code import blaming

Progress = Callable[[str, int, int], None]  # what is being done, how far, of how much (0: not known)

MAX_WIDTH = 1_000  # each feature's distribution stands in the card
ROWS_SAID_EVERY = 10_000
HOUR_NS = DAY_NS // 24


def _known_interval(text: str) -> str:
    interval_ns(text)
    return text


def _narrow_feature(spec: str) -> str:
    width = make_feature(spec).width
    if width > MAX_WIDTH:
        raise ValueError(f"{spec} has {width} features, a card holds {MAX_WIDTH} at most")
    return spec


class TrainSpec(BaseModel):
    """A spec says what a training is of.

    features: a spec of `shared.features.registry`.
    test_share: the file's last samples, held out.
    walk_forward: folds within the training window, 0 for none.
    fee: rate of each leg in the scores.
    timezone: of the file's times, as `shared.history.bars` takes it.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    data: Path
    sym: Symbol
    interval: Annotated[str, AfterValidator(_known_interval)]
    name: str = ""
    features: Annotated[str, AfterValidator(_narrow_feature)] = "log_return_lags(3)"
    fit: FitSpec = FitSpec()
    test_share: Annotated[float, Field(ge=0, le=0.9)] = 0.25
    walk_forward: Annotated[int, Field(ge=0, le=1_000)] = 0
    fee: Annotated[float, Field(ge=0, lt=1)] = 0.0003
    timezone: str = ""

    @property
    def model_name(self) -> str:
        """Returns `name`, or one of symbol, interval, model and loss, e.g. btcusdt_12h_linear_l1."""
        if self.name:
            return self.name
        kind = re.sub(r"(?<!^)(?=[A-Z])", "_", self.fit.model.removesuffix("Model"))
        return re.sub(r"[^a-z0-9]+", "_", f"{self.sym}_{self.interval}_{kind}_{self.fit.recipe.loss}".lower())


class Trained(NamedTuple):
    """This is the result of a training: a model, its card, and the content of its weights file.

    holes: outcomes that came late, as the file has holes.
    """

    module: Model
    card: Card
    weights: bytes
    holes: int

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
    data = _read(spec, say)
    try:
        inside, outside = (data.part(span) for span in holdout(len(data), spec.test_share))
        folds = _walk_forward(inside, spec, say)
        fitted = fit(inside, spec.fit, _named(say, "fit"))
    except DataError as error:
        raise DataError(f"{spec.data}: {error}") from error
    say("scores", 0, 0)
    training = evaluate_on_file(fitted.module, spec.data, inside, outside if len(outside) else None, fee=spec.fee)
    training = training.model_copy(
        update={
            "fit": Fit(recipe=spec.fit.recipe, epochs=fitted.epochs),
            "walk_forward": folds,
            "git": git_revision(),
            "libraries": library_versions(),
        }
    )
    weights = weights_bytes(fitted.module.state_dict())
    recipe = spec.fit.recipe
    card = Card(
        name=spec.model_name,
        model=spec.fit.model,
        params=dict(spec.fit.params),
        features=(spec.features,),
        no_features=inside.x.shape[1],
        symbols=(spec.sym,),
        interval=spec.interval,
        sha256=sha256_of(weights),
        origin=f"tickline train on {spec.data.name}: {recipe.loss} loss, {recipe.optimiser}, seed {recipe.seed}",
        training=training,
    )
    return Trained(fitted.module, card, weights, data.holes(_longest_ns(spec)))


def _longest_ns(spec: TrainSpec) -> int:
    """Returns how long a bar of the file may be; a local day has an hour more where the clocks go back."""
    length = interval_ns(spec.interval)
    return length + HOUR_NS if spec.timezone and length % DAY_NS == 0 else length


def _read(spec: TrainSpec, say: Progress) -> Dataset:
    rows = 0

    def counted() -> Iterator[HistoryBar]:
        nonlocal rows
        for rows, bar in enumerate(bars(spec.data, spec.interval, timezone=spec.timezone), 1):
            if rows % ROWS_SAID_EVERY == 0:
                say("rows read", rows, 0)
            yield bar

    try:
        with blaming(spec.sym):
            data = dataset(counted(), spec.features)
    except ValueError as error:
        raise DataError(f"{spec.data}: {error}") from error
    if not len(data):
        raise DataError(
            f"{spec.data}: {plural(rows, 'row gives', 'rows give')} no sample of {spec.features} and what came "
            "next: use more rows"
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
            module = fit(earlier, spec.fit, _named(say, f"fold {number} of {len(spans)}")).module
        except DataError as error:
            raise DataError(f"fold {number} of {len(spans)}: {error}") from error
        scores = score(predictions(module, later), later.y, fee=spec.fee, delta=float(earlier.y.std()))
        folds.append(Fold(train=earlier.window(), test=later.window(), scores=scores))
    return WalkForward(folds=tuple(folds), mean=mean_scores([fold.scores for fold in folds]))


def _named(say: Progress, what: str) -> EpochDone:
    return lambda done, total: say(what, done, total)


def _silent(what: str, done: int, total: int) -> None:
    return None
