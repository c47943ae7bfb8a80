"""Where work is done does not matter; what cannot be had is one line."""

from importlib.util import find_spec

import pytest

from services.research.sweep import Pool
from shared.errors import ConfigError, DataError


def square(value: int) -> int:
    if value < 0:
        raise DataError(f"{value} is below 0")
    return value * value


@pytest.mark.parametrize(
    "pool", [Pool(jobs=1), Pool(jobs=2), Pool("threading", 2), Pool("multiprocessing", 2), Pool("sequential")]
)
def test_every_task_has_its_result(pool: Pool) -> None:
    assert sorted(pool.map(square, [3, 1, 2])) == [(0, 9), (1, 1), (2, 4)]


@pytest.mark.parametrize("pool", [Pool(jobs=2), Pool("threading", 2)])
def test_an_error_comes_through(pool: Pool) -> None:
    with pytest.raises(DataError, match="-1 is below 0"):
        list(pool.map(square, [1, -1, 2]))


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        ("nosuch", "--backend nosuch: Invalid backend: nosuch, expected one of .*: use loky"),
        ("dask", "--backend dask: .*: pip install distributed, and name the cluster"),  # missing, or no cluster named
        pytest.param(
            "ray",
            "--backend ray: No module named 'ray': pip install ray",
            marks=pytest.mark.skipif(find_spec("ray") is not None, reason="Ray is here"),
        ),
    ],
)
def test_a_backend_that_cannot_be_had_is_one_line(backend: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        list(Pool(backend).map(square, [1]))
    assert len(str(refused.value).splitlines()) == 1
