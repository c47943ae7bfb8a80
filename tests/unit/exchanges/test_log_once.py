"""What is said of an exchange that answers nothing, on a clock of the test."""

import heapq
import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import structlog

from shared.exchanges.log_once import Silence


class Timer:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """Time goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Timer, Callable[[], None]]] = []
        self._number = itertools.count()

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        timer = Timer()
        heapq.heappush(self._due, (self.now + delay, next(self._number), timer, callback))
        return timer

    def go_on(self, seconds: float) -> None:
        until = self.now + seconds
        while self._due and self._due[0][0] <= until:
            self.now, _, timer, callback = heapq.heappop(self._due)
            if not timer.cancelled:
                callback()
        self.now = until


@pytest.fixture
def said() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as logs:
        yield logs


def asked_in_vain(silence: Silence, clock: Clock, seconds: float) -> None:
    with suppress(TimeoutError), silence.asking():
        clock.go_on(seconds)
        raise TimeoutError


def answered(silence: Silence, clock: Clock, seconds: float) -> None:
    with silence.asking():
        clock.go_on(seconds)
        silence.heard()


def test_silence_is_said_within_ten_seconds_again_as_it_lasts_and_when_it_is_over(said: list[Any]) -> None:
    clock = Clock()
    silence = Silence("binance", clock)
    answered(silence, clock, 1)
    for _ in range(3):
        asked_in_vain(silence, clock, 9)
    told = [(entry["event"], entry["log_level"], entry.get("since_s")) for entry in said]
    assert told[0][:2] == ("exchange silent", "warning") and told[0][2] <= 10
    assert [since for _, _, since in told] == [8, 18]
    answered(silence, clock, 2)
    assert (said[-1]["event"], said[-1]["log_level"], said[-1]["after_s"]) == ("exchange is back", "info", 29)
    said.clear()
    clock.go_on(100)
    assert said == []


def test_nobody_asks_so_nobody_is_silent(said: list[Any]) -> None:
    clock = Clock()
    silence = Silence("okx", clock)
    answered(silence, clock, 7)
    clock.go_on(60)
    answered(silence, clock, 0.1)
    assert said == []


def test_an_answer_to_another_question_is_no_silence_but_what_hangs_on_is(said: list[Any]) -> None:
    clock = Clock()
    silence = Silence("okx", clock)
    with silence.asking():
        clock.go_on(5)
        answered(silence, clock, 1)
        clock.go_on(7)
        assert said == []
        clock.go_on(2)
        assert [entry["since_s"] for entry in said] == [8]
        silence.heard()
    said.clear()
    clock.go_on(60)
    assert said == []


def test_a_refusal_is_an_answer_and_what_failed_before_it_is_forgiven(said: list[Any]) -> None:
    clock = Clock()
    silence = Silence("bybit", clock)
    asked_in_vain(silence, clock, 3)
    with suppress(ValueError), silence.asking():
        silence.heard()  # HTTP 400
        raise ValueError
    clock.go_on(60)
    assert said == []


def test_a_client_that_is_closed_says_nothing_more(said: list[Any]) -> None:
    clock = Clock()
    silence = Silence("bybit", clock)
    asked_in_vain(silence, clock, 3)
    silence.close()
    clock.go_on(60)
    assert said == []
