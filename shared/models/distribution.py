"""How values were distributed, in few numbers: what a later series is held against."""

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

PROBABILITIES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)


def rounded(value: float) -> float:
    """To 6 significant digits: enough for a person and a monitor, and the same on every machine.

    >>> rounded(0.012581138064722153)
    0.0125811
    """
    return float(f"{value:.6g}")


class Distribution(BaseModel):
    """The distribution of a series of numbers, in the numbers' unit. Frozen and strict.

    std: of a sample (n - 1). quantiles: probability -> value, linear between neighbours (numpy's default), at
    PROBABILITIES; 0 and 1 are the smallest and the largest value. All are rounded to 6 significant digits.

    >>> d = Distribution.of([1.0, 2.0, 3.0, 4.0, 5.0])
    >>> d.n, d.mean, d.std, d.quantiles[0.0], d.quantiles[0.5], d.quantiles[0.95]
    (5, 3.0, 1.58114, 1.0, 3.0, 4.8)
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

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
        """The distribution of `values`: one dimension, finite, at least two; else ValueError."""
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
