"""Where the work is done: processes of this machine, or a cluster, by configuration."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

from shared.errors import ConfigError

T = TypeVar("T")
R = TypeVar("R")

INSTALLED_BY = {"dask": "distributed", "ray": "ray"}  # backend -> what pip calls it


class Pool(NamedTuple):
    """joblib's backends by name: loky, threading, sequential, dask, ray, or any that was registered with joblib.

    jobs: how many at a time, -1 for all cores. options: of the backend, e.g. dask's scheduler_host.
    """

    backend: str = "loky"
    jobs: int = -1
    options: Mapping[str, object] = {}

    def map(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[tuple[int, R]]:
        """The results as they come, each with its task's place. Function and tasks must be picklable.

        Raises ConfigError for a backend that cannot be had; what the function raises goes through.
        """
        joblib = _joblib()
        try:
            if self.backend == "ray":
                import_module("ray.util.joblib").register_ray()
            settled = joblib.parallel_config(self.backend, n_jobs=self.jobs, **self.options)
        except (ImportError, ValueError, TypeError, OSError) as error:
            raise ConfigError(self._refusal(error)) from error
        with settled:
            parallel = joblib.Parallel(return_as="generator_unordered")
            yield from parallel(joblib.delayed(_numbered)(function, at, task) for at, task in enumerate(tasks))

    def _refusal(self, error: Exception) -> str:
        package = INSTALLED_BY.get(self.backend)
        remedy = f"pip install {package}, and see --backend-option" if package else "use loky or threading"
        return f"--backend {self.backend}: {' '.join(str(error).split())}: {remedy}"


def _numbered(function: Callable[[T], R], at: int, task: T) -> tuple[int, R]:
    return at, function(task)


def _joblib() -> Any:
    try:
        import joblib
    except ImportError as error:
        raise ConfigError(f"a sweep needs joblib ({error}): pip install 'tickline[research]'") from error
    return joblib
