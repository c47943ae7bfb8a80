"""A pool does a sweep's tasks: in processes of this machine, or on a cluster, by configuration."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

from shared.errors import ConfigError
from shared.extras import to_install

T = TypeVar("T")
R = TypeVar("R")

REMEDIES = {
    "dask": "pip install distributed, and name the cluster: --backend-option scheduler_host=HOST:PORT",
    "ray": "pip install ray; RAY_ADDRESS names the cluster",
}


class Pool(NamedTuple):
    """A pool is one of joblib's backends.

    - backend: loky, threading, sequential, dask, ray, or any that was registered with joblib.
    - jobs: how many tasks at a time, -1 for all cores.
    - options: of the backend, e.g. dask's scheduler_host.
    """

    backend: str = "loky"
    jobs: int = -1
    options: Mapping[str, object] = {}

    def map(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[tuple[int, R]]:
        """Yields the results as they come, each with its task's place, in any order; Ray and sequential at the end.

        Function and tasks must be picklable. Raises ConfigError for a backend that cannot be had; what the function
        raises goes through.
        """
        joblib = _joblib()
        try:
            if self.backend == "ray":
                import_module("ray.util.joblib").register_ray()
            config = joblib.parallel_config(self.backend, n_jobs=self.jobs, **self.options)
        except (ImportError, ValueError, TypeError, OSError) as error:
            raise ConfigError(self._refusal(error)) from error
        with config:
            early = joblib.parallel.get_active_backend()[0].supports_return_generator
            parallel = joblib.Parallel(return_as="generator_unordered" if early else "list")
            yield from parallel(joblib.delayed(_numbered)(function, at, task) for at, task in enumerate(tasks))

    def _refusal(self, error: Exception) -> str:
        remedy = REMEDIES.get(self.backend, "use loky, or another one that joblib knows")
        return f"--backend {self.backend}: {' '.join(str(error).split()).rstrip('.')}: {remedy}"


def _numbered(function: Callable[[T], R], at: int, task: T) -> tuple[int, R]:
    return at, function(task)


def _joblib() -> Any:
    try:
        import joblib
    except ImportError as error:
        raise ConfigError(f"a sweep needs joblib ({error}): {to_install('research')}") from error
    return joblib
