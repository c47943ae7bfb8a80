"""A model predicts once for all that trade on it: sample by sample, as in the line, and kept on disk."""

import os
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.bar import BarArrays
from shared.features.vector import FeatureVector
from shared.models.runtime import LIBRARIES, Runtime
from shared.tick import Tick
from shared.version import full_version

Floats = NDArray[np.float64]

FORM = "1"  # of what is kept; another one is not found
MAX_KEPT_BYTES = 1 << 30  # of all predictions on disk; the oldest go


class Asked(NamedTuple):
    """This is what is asked for predictions.

    - predict: the Tick of the model. identity: names it, weights, code and all; empty where nothing is to be kept.
    - features: specs. window: as of a card.
    """

    predict: Tick[Any, float]
    identity: str
    features: tuple[str, ...]
    window: int = 1

    @property
    def vector(self) -> FeatureVector:
        """Returns its features, new ones."""
        return FeatureVector(self.features)


def bars_before(vector: FeatureVector, window: int) -> int | None:
    """Returns how many bars before one are enough for the prediction at it, to the bit; None where all of them are.

    >>> bars_before(FeatureVector(["log_return_lags(3)", "time_of_day()"]), window=2)
    4
    """
    return None if vector.looks_back is None else vector.looks_back + window - 2


class ToldModel(Tick[Any, float]):
    """A model that was told what to say, one number after the other."""

    def __init__(self, y_hats: Iterable[float]) -> None:
        self._y_hats: Iterator[float] = iter(y_hats)

    def on_tick(self, val: Any) -> float | None:
        """Returns the next number."""
        return next(self._y_hats)


def predict_all(asked: Asked, seen: Floats | BarArrays, first: int = 0, kept: Path | None = None) -> Floats | None:
    """Returns y_hat at each price, or bar, from the place `first` on, NaN where there is none.

    None where a feature has no form for arrays, or a bar does not tell what one needs: then only the line's own stages
    predict. Every y_hat has the bits that the line gives at the same price, since the features' arrays do, and the
    model takes one sample at a time.

    - seen: prices, or bars where `asked` takes these.
    - kept: the folder where predictions are kept; by default `~/.cache/tickline/predictions`.
    """
    rows = asked.vector.array(seen)
    if rows is None:
        return None
    folder = kept or _folder()
    path = folder / f"{_key(asked, seen, first)}.npy" if asked.identity else None
    if path is not None and (found := _read(path, len(rows) - first)) is not None:
        return found
    made = _predicted(asked, rows, first)
    if path is not None:
        _keep(path, made)
    return made


def _predicted(asked: Asked, rows: NDArray[np.float32], first: int) -> Floats:
    y_hats = np.full(len(rows) - first, np.nan)
    on_tick, window = asked.predict.on_tick, asked.window
    full = ~np.isnan(rows).all(axis=1)
    begins = int(np.argmax(full)) if full.any() else len(rows)  # once there are numbers, there always are
    for at in range(max(first, begins + window - 1), len(rows)):
        sample = rows[at].copy() if window == 1 else rows[at - window + 1 : at + 1].copy()
        y_hats[at - first] = on_tick(sample)
    return y_hats


def _key(asked: Asked, seen: Floats | BarArrays, first: int) -> str:
    told = (
        FORM,
        full_version(),  # features and model classes that ship
        asked.identity,
        asked.features,
        asked.window,
        first,
        *(Runtime.here(format).text for format in LIBRARIES),
    )
    hashed = sha256(repr(told).encode())
    columns: Sequence[NDArray[Any] | None] = seen if isinstance(seen, BarArrays) else (seen,)
    for column in columns:
        hashed.update(b"" if column is None else column.tobytes())
    return hashed.hexdigest()


def _folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "tickline" / "predictions"


def _read(path: Path, count: int) -> Floats | None:
    try:
        found: NDArray[Any] = np.load(path, allow_pickle=False)
        path.touch()
    except (OSError, ValueError, EOFError):  # none, or not whole: it is made again
        return None
    return found if found.dtype == np.float64 and found.shape == (count,) else None


def _keep(path: Path, made: Floats) -> None:
    """Writes the predictions; where that cannot be done, they are made again another time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, suffix=".new", delete=False) as file:
            np.save(file, made)
        os.replace(file.name, path)
        _forget(path.parent.iterdir())
    except OSError:
        return


def _forget(paths: Any) -> None:
    """Removes the files that were used longest ago, until the rest is below MAX_KEPT_BYTES."""
    told: Sequence[tuple[float, int, Path]] = sorted(
        ((stat.st_mtime, stat.st_size, path) for path in paths for stat in (path.stat(),)), reverse=True
    )
    held = 0
    for _, size, path in told:
        held += size
        if held > MAX_KEPT_BYTES:
            path.unlink(missing_ok=True)
