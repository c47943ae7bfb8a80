import json
from typing import Any

import pytest

from services.simulator.engine.stop_faults import DEFAULTS, FATES, StopFate, StopFaults
from services.simulator.http.request import ApiError, HttpRequest
from services.simulator.simulator import serving


def test_the_same_seed_and_words_have_the_same_fates() -> None:
    one, same, other = StopFaults(7), StopFaults(7), StopFaults(8)
    fates = [one.fate("a") for _ in range(50)]
    assert fates == [same.fate("a") for _ in range(50)]
    assert fates != [other.fate("a") for _ in range(50)]


def test_they_strike_unless_they_are_switched_off() -> None:
    struck = [StopFaults().fate(str(number)) for number in range(1000)]
    shares = {name: sum(fate.at_trigger == name for fate in struck) / 1000 for name in FATES}
    assert all(abs(share - DEFAULTS[name]) < 0.03 for name, share in shares.items())
    assert {fate.orphan for fate in struck} == {fate.unattached for fate in struck} == {False, True}
    assert 0 < max(fate.shown_ms for fate in struck) <= StopFaults().late_ms
    assert {StopFaults(chances={}).fate(str(number)) for number in range(100)} == {StopFate()}


def test_a_fault_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="no such fault of stops: failz"):
        StopFaults(chances={"failz": 1.0})


async def test_a_tester_sets_them_over_http() -> None:
    async with serving("binance", seed=7) as fake:

        def switch(**content: Any) -> Any:
            return fake.server.admin["stops"](HttpRequest("_fake/stops", {}, body=json.dumps(content)))

        assert switch() == {"seed": 7, "chances": DEFAULTS, "late_ms": StopFaults().late_ms}
        assert switch(chances={"fails": 1.0}, late_ms=5) == {"seed": 7, "chances": {"fails": 1.0}, "late_ms": 5}
        assert fake.state.stop_faults.fate("a") == StopFate("fails")
        with pytest.raises(ApiError):
            switch(chances={"failz": 1.0})
        assert fake.state.stop_faults.fate("b") == StopFate("fails")
