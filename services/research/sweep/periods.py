"""Which time is for learning, which for ranking, and which for nothing before the end."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from services.research.train import holdout, walk_forward_splits
from shared.errors import ConfigError
from shared.plural import plural

MIN_BARS = 3  # two bars have one return of the market between them, of which there is no deviation


class Span(NamedTuple):
    """The bars that end in [start_ns, end_ns)."""

    start_ns: int
    end_ns: int


class Periods(NamedTuple):
    """folds: each is traded by a model that learned from all before it. holdout: the rest, up to the last bar."""

    folds: tuple[Span, ...]
    holdout: Span


def periods(ts: npt.NDArray[np.int64], folds: int, share: float) -> Periods:
    """Cut the ends of a file's bars. Cuts are times, so that trials of all lags and intervals trade the same ones.

    Raises ConfigError where a part would have fewer than `MIN_BARS`.

    >>> found = periods(np.arange(100, 200), folds=3, share=0.2)
    >>> [tuple(span) for span in found.folds], tuple(found.holdout)
    ([(120, 140), (140, 160), (160, 180)], (180, 200))
    """
    before, after = holdout(len(ts), share)
    if len(ts[after]) < MIN_BARS or before.stop < MIN_BARS * (folds + 1):
        raise ConfigError(
            f"a hold-out of {share:g} and {plural(folds, 'fold')} in {plural(len(ts), 'bar')}: each part needs "
            f"{MIN_BARS} bars: "
            "use fewer folds, another --holdout, or more rows"
        )
    edges = [*ts.tolist(), int(ts[-1]) + 1]
    cuts = [Span(edges[tested.start], edges[tested.stop]) for _, tested in walk_forward_splits(before.stop, folds)]
    return Periods(tuple(cuts), Span(edges[after.start], edges[after.stop]))
