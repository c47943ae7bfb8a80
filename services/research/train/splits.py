"""Splits by time. Nothing is shuffled: what is tested on lies after what was trained on."""

from itertools import pairwise

from shared.errors import ConfigError
from shared.plural import plural


def holdout(n: int, share: float) -> tuple[slice, slice]:
    """The first samples to train on, and the last `share` of n, rounded, which the model never sees.

    >>> holdout(688, 0.25)
    (slice(0, 516, None), slice(516, 688, None))
    """
    first = n - round(n * share)
    return slice(0, first), slice(first, n)


def walk_forward_splits(n: int, k: int) -> list[tuple[slice, slice]]:
    """k folds of n samples, cut into k + 1 equal parts: each part but the first is tested after all before it.

    >>> walk_forward_splits(10, 4)
    [(slice(0, 2, None), slice(2, 4, None)), (slice(0, 4, None), slice(4, 6, None)), ..., (..., slice(8, 10, None))]

    Raises ConfigError where there are fewer samples than parts.
    """
    if k < 1 or n < k + 1:
        raise ConfigError(
            f"walk-forward of {plural(k, 'fold')} over {plural(n, 'sample')}: use at least 1 fold and {k + 1} samples"
        )
    edges = [n * i // (k + 1) for i in range(1, k + 2)]
    return [(slice(0, start), slice(start, end)) for start, end in pairwise(edges)]
