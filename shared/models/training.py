"""A card's training part says how the model was made, from what, and how good it was."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


PROBABILITIES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)


def rounded(value: float) -> float:
    """Rounds to 6 significant digits: enough for a person and a monitor, and the same on every machine.

    >>> rounded(0.012581138064722153)
    0.0125811
    """
    return float(f"{value:.6g}")


class Distribution(BaseModel):
    """A distribution describes a series of numbers in few; a later series is compared with it.

    All values have the series' unit and are rounded to 6 significant digits.

    - std: of a sample (n - 1).
    - quantiles: probability -> value at PROBABILITIES, linear between neighbours (numpy's default); 0 and 1 give the
      smallest and the largest value.

    >>> d = Distribution.of([1.0, 2.0, 3.0, 4.0, 5.0])
    >>> d.n, d.mean, d.std, d.quantiles[0.0], d.quantiles[0.5], d.quantiles[0.95]
    (5, 3.0, 1.58114, 1.0, 3.0, 4.8)
    """

    model_config = ConfigDict(defer_build=True, frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    n: Annotated[int, Field(ge=2)]
    mean: float
    std: Annotated[float, Field(ge=0)]
    quantiles: Annotated[dict[Annotated[float, Field(ge=0, le=1)], float], Field(min_length=2)]

    @model_validator(mode="after")
    def _ascending(self) -> "Distribution":
        probabilities, values = list(self.quantiles), list(self.quantiles.values())
        if probabilities != sorted(probabilities) or values != sorted(values):
            raise ValueError("quantiles must ascend")
        return self

    @classmethod
    def of(cls, values: "ArrayLike") -> "Distribution":
        """Returns the distribution of `values`: one dimension, finite, at least two; else ValueError."""
        import numpy as np

        array = np.asarray(values, dtype=np.float64)
        if array.ndim != 1 or array.size < 2 or not np.isfinite(array).all():
            raise ValueError(f"a distribution is of at least two finite numbers, not of shape {array.shape}")
        found = np.quantile(array, PROBABILITIES).tolist()
        return cls(
            n=array.size,
            mean=rounded(float(array.mean())),
            std=rounded(float(array.std(ddof=1))),
            quantiles=dict(zip(PROBABILITIES, map(rounded, found), strict=True)),
        )


Loss = Literal["l1", "huber", "mse"]
Optimiser = Literal["lbfgs", "adam"]

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$")]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]

RATES: dict[Any, float] = {"lbfgs": 1.0, "adam": 0.01}


def _rate(given: dict[str, Any]) -> float:
    return RATES[given["optimiser"]]


class CardPart(BaseModel):
    """A part of a card is frozen and strict, and refuses unknown fields."""

    model_config = ConfigDict(defer_build=True, frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Recipe(CardPart):
    """A recipe says how to fit weights to data.

    - loss: l1, mse, or huber, whose delta is one standard deviation of the training targets.
    - optimiser: lbfgs (strong Wolfe line search) or adam, both on the full batch.
    - lr: the optimiser's learning rate, by default its own in RATES; it has no unit, since features and targets are
      standardised.
    - epochs: at most; an epoch is 10 iterations of lbfgs, or one step of adam.
    - validation_share: the last part of the training window, on which early stop finds the number of epochs for a new
      fit on the whole window; 0 means no early stop.
    - patience: epochs without a lower validation loss before early stop ends the fit.

    >>> Recipe(optimiser="adam").lr
    0.01
    """

    loss: Loss = "l1"
    optimiser: Optimiser = "lbfgs"
    lr: Annotated[float, Field(gt=0)] = Field(default_factory=_rate)
    epochs: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    patience: Annotated[int, Field(ge=1)] = 20
    validation_share: Annotated[float, Field(ge=0, le=0.9)] = 0.2
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


class Fit(CardPart):
    """A fit says how a card's weights were fitted: by which recipe, and over how many epochs."""

    recipe: Recipe
    epochs: Count


class Window(CardPart):
    """A window is a span of samples, from its first prediction (start) to when its last outcome was known (end)."""

    start: Time
    end: Time
    samples: Count


class Scores(CardPart):
    """Scores say how good predictions are, in log returns of one interval; a score is None where it is undefined.

    - l1, huber, mse: mean losses.
    - hit_rate: share of the outcomes other than 0 whose sign is the prediction's.
    - ic: Pearson correlation of prediction and outcome.
    - r2_zero: 1 - sum (y - y_hat)² / sum y², so 0 is as good as predicting 0.
    - gross: sum of sign(y_hat) · y.
    - net_legs: gross, less the fee of both legs at each prediction, for a strategy that closes and opens at every tick.
    - net_netted: gross, less the fee of changes only.
    """

    samples: Count
    l1: float | None = None
    huber: float | None = None
    mse: float | None = None
    hit_rate: Share | None = None
    ic: Annotated[float, Field(ge=-1, le=1)] | None = None
    r2_zero: float | None = None
    gross: float | None = None
    net_legs: float | None = None
    net_netted: float | None = None


class Compared(CardPart):
    """Scores in the training window, beside those on the held-out data after it, if there is any."""

    in_sample: Scores
    out_of_sample: Scores | None = None


class Fold(CardPart):
    """A fold of a walk-forward fits on `train` and scores on `test`, which follows it."""

    train: Window
    test: Window
    scores: Scores


class WalkForward(CardPart):
    """A walk-forward has folds by time within the training window, and the means of their scores (samples: the sum)."""

    folds: Annotated[tuple[Fold, ...], Field(min_length=1, strict=False)]
    mean: Scores


class Revision(CardPart):
    """A revision names the git commit of the code; it is dirty where tracked files differed from it."""

    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40,64}$")]
    dirty: bool


class Training(CardPart):
    """A training says how a model came about. None: it does not apply, as a fit to weights from elsewhere.

    - data_sha256: of the price file.
    - train, test: the training window, and the held-out one after it.
    - fit: how the weights were fitted.
    - fee: rate per leg in `scores` and `baselines`.
    - scores, baselines: of the model, and of each baseline by name.
    - features, y_hat: distributions of each feature, in order, and of the predictions, over the training window.
    - git, libraries: the code's revision, and name -> version.
    """

    data_sha256: Sha256 | None = None
    train: Window | None = None
    test: Window | None = None
    fit: Fit | None = None
    fee: Share
    scores: Compared
    baselines: dict[str, Compared] = {}
    walk_forward: WalkForward | None = None
    features: Annotated[tuple[Distribution, ...], Field(min_length=1, strict=False)]
    y_hat: Distribution
    git: Revision | None = None
    libraries: dict[str, str] = {}
