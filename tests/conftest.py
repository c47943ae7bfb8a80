"""What all tests share."""

import gc
import os
from collections import defaultdict
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from decimal import DefaultContext, setcontext
from itertools import count
from pathlib import Path

import pytest
import structlog
from _pytest.doctest import DoctestModule
from hypothesis import settings

from tests.quick_journals import quick_journals
from tests.worker_order import order_for_workers

HERE = Path(__file__).parent
_NUMBERS = count()
WAITING = ("integration", "contract")  # more than they compute; they begin early

# Examples have no deadline of their own: a busy machine is no failure. The time-out per test is pytest's.
# `make test` takes the same examples each time; `make fuzz` looks for new ones, four times as many, by a seed that it
# tells. A test with a number of its own says it by `examples`.
settings.register_profile("tickline", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("fuzz", deadline=None, max_examples=200)
settings.load_profile("tickline")


@pytest.fixture(autouse=True)
def _decimal_context_of_its_own() -> None:
    """Gives each test a decimal context of its own: ccxt without our guard changes how Decimals are rounded."""
    setcontext(DefaultContext.copy())


@pytest.fixture(autouse=True)
def _predictions_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps predictions of tests out of a person's, and a test's out of another's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / f"cache-{next(_NUMBERS)}"))


@pytest.fixture(autouse=True)
def _environment_of_its_own() -> Iterator[None]:
    """Takes back the variables that a command in this process has set for its children."""
    before = dict(os.environ)
    yield
    if os.environ != before:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(autouse=True)
def _log_of_its_own() -> Iterator[None]:
    """Takes back where a command in this process has let the log go: to a captured output that is closed by now."""
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _journals_made_quickly(request: pytest.FixtureRequest) -> Iterator[None]:
    """Makes new journals as alembic does, without it; tests of the journal itself are marked `alembic`."""
    with nullcontext() if request.node.get_closest_marker("alembic") else quick_journals():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Freezes what is collected and imported: no cycles are looked for among it, now or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_collect_file() -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Looks for no doctests in files of tests: there are none, and it takes its time."""
    return [found for found in (yield) if not isinstance(found, DoctestModule)]


@pytest.hookimpl(trylast=True)  # when what is not asked for is taken out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Lets several processes that share the tests begin with what takes long."""
    workers: int = getattr(config, "workerinput", {}).get("workercount", 1)
    if workers > 1:
        long, folders = list[list[pytest.Item]](), defaultdict[str, list[pytest.Item]](list)
        files = defaultdict[Path, list[pytest.Item]](list)
        for item in items:
            folder = item.path.relative_to(HERE).parts[0] if item.path.is_relative_to(HERE) else ""
            if item.get_closest_marker("long"):
                long.append([item])
            elif folder == "e2e":
                files[item.path].append(item)
            else:
                folders[folder if folder in WAITING else ""].append(item)
        dealt = [*long, *files.values(), *([item] for item in folders["integration"])]
        items[:] = order_for_workers(dealt, folders["contract"], folders[""], workers)
