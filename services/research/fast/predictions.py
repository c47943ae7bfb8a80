"""A model predicts once for all that trade on it: sample by sample, as in the line, and kept on disk."""

import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.features.spec import parsed
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
    def memory(self) -> int:
        """Returns how many bars before one are enough for its prediction, of features that have arrays."""
        calls = [parsed(spec) for spec in self.features]
        numbers = [value for call in calls for value in (*call.args, *call.kwargs.values()) if isinstance(value, int)]
        return max(numbers, default=1) + self.window


def predict_all(asked: Asked, prices: Floats, first: int = 0, kept: Path | None = None) -> Floats | None:
    """Returns y_hat at each price from the place `first` on, NaN where there is none.

    None where a feature has no form for arrays: then only the line's own stages predict. Every y_hat has the bits that
    the line gives at the same price, since the features' arrays do, and the model takes one sample at a time.

    - kept: the folder where predictions are kept; by default `~/.cache/tickline/predictions`.
    """
    vector = FeatureVector(asked.features)
    rows = vector.array(prices)
    if rows is None:
        return None
    folder = kept or _folder()
    path = folder / f"{_key(asked, prices, first)}.npy" if asked.identity else None
    if path is not None and (found := _read(path, len(prices) - first)) is not None:
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


def _key(asked: Asked, prices: Floats, first: int) -> str:
    told = (
        FORM,
        full_version(),  # features and model classes that ship
        asked.identity,
        asked.features,
        asked.window,
        first,
        *(Runtime.here(format).text for format in LIBRARIES),
    )
    return sha256(repr(told).encode() + prices.tobytes()).hexdigest()


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
