"""A folder to run in, and a file to replay."""

import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from playwright.sync_api import Browser

from services.console.main import main
from tests.e2e.command import Command, Done, Tickline
from tests.e2e.page_browser import browser

BARS = 150


@pytest.fixture
def tickline(tmp_path: Path) -> Iterator[Tickline]:
    """The command in a folder of its own; whatever it leaves running is ended."""
    command = Tickline(tmp_path)
    yield command
    command.end()


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """`tickline` in this process, with the folders in tmp_path; nothing may be started there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TICKLINE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("TICKLINE_BUS__FOLDER", str(tmp_path / "state" / "bus"))

    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["tickline", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return Done(int(ended.value.code or 0), out, err, {})

    yield call
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    """Debian's Chromium; while it is there a loop runs in this thread, so it goes with its module."""
    with browser() as launched:
        yield launched


@pytest.fixture(scope="session")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 12 h bars that the shipped BTCUSDT model fits."""
    return write_bars(tmp_path_factory.mktemp("data") / "bars.csv", BARS)


def write_bars(path: Path, count: int) -> Path:
    """Seeded prices, one every 12 h."""
    dice, at, price = random.Random(7), datetime(1990, 1, 1, tzinfo=UTC), 70_000.0
    rows = ["datetime,price"]
    for _ in range(count):
        price *= 1 + dice.gauss(0, 0.01) * (1 if price < 100_000 else 0.5) - (price - 70_000) / 7e6
        rows.append(f"{at:%Y-%m-%dT%H:%M:%S},{price:.1f}")
        at += timedelta(hours=12)
    path.write_text("\n".join(rows) + "\n")
    return path
