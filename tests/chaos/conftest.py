"""What all chaos tests share: the seed, the market data, and what an undisturbed run makes of it."""

import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from tests.chaos.counts import CountsFile
from tests.chaos.replay import Replay, undisturbed

FAILED = pytest.StashKey[bool]()
SHORT = bool(os.environ.get("CHAOS_SHORT"))
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is chaos."""
    for item in items:
        item.add_marker(pytest.mark.chaos)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[str], None]]:
    """Print a figure, past pytest's capture."""

    def speak(text: str) -> None:
        if WORKER:  # beside others: shown where the test fails
            print(text)
            return
        with capsys.disabled():
            print(f"\n    {text}", end="", flush=True)

    yield speak
    speak("")


@pytest.fixture(scope="session")
def short() -> bool:
    """Whether few kills will do (CHAOS_SHORT=1)."""
    return SHORT


@pytest.fixture(scope="session")
def counts_file(short: bool) -> CountsFile:
    """The file of what the forms at exchanges have met; `python -m tests.chaos.sums` adds it up."""
    return CountsFile.of(short=short)


@pytest.fixture
def rng(say: Callable[[str], None], request: pytest.FixtureRequest) -> random.Random:
    """The test's random numbers; CHAOS_SEED replays them."""
    seed = int(os.environ.get("CHAOS_SEED") or time.time_ns() % 1_000_000)
    say(f"{request.node.name}: CHAOS_SEED={seed}")
    return random.Random(seed)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let fixtures know how the test ended."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture
def folder(request: pytest.FixtureRequest, say: Callable[[str], None]) -> Iterator[Path]:
    """A folder with a short name (unix sockets need that); kept, with all logs and data, when the test fails."""
    path = Path(tempfile.mkdtemp(prefix="tlc-"))
    yield path
    if request.node.stash.get(FAILED, False):
        say(f"logs and data are in {path}")
    else:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def replay() -> Iterator[Replay]:
    """Ten symbols' files, and the content that an undisturbed run writes."""
    path = Path(tempfile.mkdtemp(prefix="tlc-"))
    yield undisturbed(path, symbols=10, rows=1_500 if SHORT else 2_500)
    shutil.rmtree(path, ignore_errors=True)
