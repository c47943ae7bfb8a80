"""The lines of a run without a terminal."""

import re
from decimal import Decimal

import pytest

from services.console import display
from services.console.display import Display
from services.console.refusals import Ended
from services.console.watch import View
from shared.messages import Stream
from shared.runner.progress import Progress


def view(ticks: int) -> View:
    written = dict.fromkeys(Stream, 0) | {Stream.TICKS: ticks}
    return View({}, Progress(written, {}), {}, Decimal(100))


def test_the_rate_is_of_the_last_seconds_not_of_the_last_look(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an earlier run left on the bus does not count; two ticks a second are seen between looks 0.25 s apart."""
    now_s = 1000.0
    monkeypatch.setattr(display.time, "monotonic", lambda: now_s)
    shown = Display()
    for look in range(41):
        shown.report(view(500 + look // 4 * 2), 0, "")
        now_s += 0.25
    told = [line.rpartition("; ")[2] for line in capsys.readouterr().err.splitlines()]
    assert told == ["2.0 ticks/s", "2.0 ticks/s"]


def test_a_trouble_stays_in_one_piece(capsys: pytest.CaptureFixture[str]) -> None:
    Display().say("ingestor: market data: [red] " + "x" * 300)
    assert capsys.readouterr().err[11:] == "ingestor: market data: [red] " + "x" * 300 + "\n"


def test_every_line_has_a_time(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now_s = 1000.0
    monkeypatch.setattr(display.time, "monotonic", lambda: now_s)
    shown = Display()
    shown.say("the bus is back, after 5 s")
    shown.report(view(5), 0, "not armed")
    now_s += 5
    shown.report(view(9), 0, "")
    lines = capsys.readouterr().err.splitlines()
    assert [re.sub(r"^\d\d:\d\d:\d\dZ  ", "", line).partition(";")[0] for line in lines] == [
        "the bus is back, after 5 s", "not armed", "9 ticks, 0 orders, 0 executions",
    ]  # fmt: skip
    assert all(re.match(r"\d\d:\d\d:\d\dZ  ", line) for line in lines)


def test_what_is_refused_meanwhile_is_said_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else a line of refused orders looks like one that trades; each line has those since the line before."""
    now_s = 1000.0
    monkeypatch.setattr(display.time, "monotonic", lambda: now_s)
    shown = Display()
    for refused in ({"NOT_ARMED": 4}, {"NOT_ARMED": 7, "DUST": 1}, {"NOT_ARMED": 7, "DUST": 1}):
        now_s += 5
        shown.report(view(5), 0, "", Ended(2, refused))
    lines = capsys.readouterr().err.splitlines()
    assert [line[11:].rpartition("; equity")[0] for line in lines] == [
        "5 ticks, 0 orders, 2 filled; not filled: 4 NOT_ARMED",
        "5 ticks, 0 orders, 2 filled; not filled: 1 DUST, 3 NOT_ARMED", "5 ticks, 0 orders, 2 filled",
    ]  # fmt: skip
