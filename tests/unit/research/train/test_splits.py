"""Splits by time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.research.train import holdout, walk_forward_splits
from shared.errors import ConfigError


@given(st.integers(1, 300), st.integers(1, 300))
def test_each_part_but_the_first_is_tested_once_after_all_before_it(n: int, k: int) -> None:
    if n < k + 1:
        with pytest.raises(ConfigError, match="samples"):
            walk_forward_splits(n, k)
        return
    folds = [(list(range(n))[train], list(range(n))[test]) for train, test in walk_forward_splits(n, k)]
    assert len(folds) == k
    for train, test in folds:
        assert train == list(range(test[0]))
    tested = [index for _, test in folds for index in test]
    assert tested == list(range(folds[0][1][0], n))
    assert max(len(test) for _, test in folds) - min(len(test) for _, test in folds) <= 1


@given(st.integers(0, 1000), st.floats(0, 0.9))
def test_the_held_out_part_is_the_last(n: int, share: float) -> None:
    train, test = holdout(n, share)
    assert [*range(n)[train], *range(n)[test]] == list(range(n))
    assert abs(len(range(n)[test]) - n * share) <= 0.5
