"""A module takes a sample by itself, or a batch of samples: which of both is found out by trying."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from shared.models.card import ModelRefused
from shared.models.saving import Samples
from shared.user_code import described

TRIED = 8  # samples


def takes_batches(module: nn.Module, samples: Samples, where: str) -> bool:
    """Says whether a module takes a batch of samples, and not a sample by itself; raises ModelRefused where neither.

    Where both go and give the same, it is the sample by itself, which costs less; where they differ, the batch, as
    torch's modules have it.
    """
    alone, one, batch = (_tried(module, samples[:TRIED], how) for how in ("alone", "one", "batch"))
    if isinstance(alone, str) and isinstance(one, str):
        raise ModelRefused(f"{where}: the module takes neither a sample {alone}, nor a batch of one {one}")
    if isinstance(alone, str) or isinstance(one, str):
        return isinstance(alone, str)
    same = _near(alone, one)
    return not (same and (isinstance(batch, str) or _near(alone, batch)))


def _tried(module: nn.Module, samples: Samples, how: str) -> NDArray[np.float64] | str:
    """Returns the predictions of a few samples, or why there are none."""
    try:
        with torch.no_grad():
            if how == "batch":
                given = torch.from_numpy(samples)
                return _numbers(module(given), len(samples), tuple(given.shape))
            rows = [torch.from_numpy(row.copy()) for row in samples]
            rows = [row.unsqueeze(0) for row in rows] if how == "one" else rows
            return np.concatenate([_numbers(module(row), 1, tuple(row.shape)) for row in rows])
    except Exception as error:  # noqa: BLE001  (the user's code may raise anything, and the caller says what)
        said = str(error) if isinstance(error, _NotOneNumber) else described(error, "").removeprefix(": ")
        first = said.splitlines()[0]
        shape = samples.shape[1:] if how == "alone" else (1, *samples.shape[1:])
        return f"of shape {tuple(shape)} ({first:.160})"


class _NotOneNumber(ValueError):
    """A module gave something else than one number for each sample."""


def _numbers(found: object, count: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    if not isinstance(found, torch.Tensor):
        raise _NotOneNumber(f"gives a {type(found).__name__}, not a tensor")
    if found.numel() != count:
        raise _NotOneNumber(f"gives shape {tuple(found.shape)}, not one number each")
    if found.dtype != torch.float32:
        raise _NotOneNumber(f"gives {found.dtype}, not torch.float32")
    return found.reshape(count).numpy().astype(np.float64)


def spread(expected: NDArray[np.float64]) -> float:
    """Returns the output's standard deviation; of an output that never differs, its size."""
    std = float(expected.std())
    return std if std > 0 else max(float(np.abs(expected).max()), 1.0)


def _near(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    if np.array_equal(a, b, equal_nan=True):
        return True
    with np.errstate(invalid="ignore"):  # what is not finite is near to nothing
        return bool(np.all(np.abs(a - b) <= 1e-4 * spread(a)))
