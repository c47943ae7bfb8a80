from decimal import Decimal

import pytest

from services.simulator.engine.events import FillPlan, Lags
from services.simulator.engine.faults import IOCS, LATE, ORDERS, READS, TROUBLES, USUAL, RandomFaults
from services.simulator.http.request import HttpRequest


def order(number: int) -> HttpRequest:
    return HttpRequest("fapi.binance.com/fapi/v1/order", {}, "POST", "", f"symbol=X&newClientOrderId=id{number}")


def lots(random_faults: RandomFaults, numbers: list[int]) -> dict[int, str]:
    return {
        number: str(fault and (fault.mode, fault.after, fault.status == 429))
        for number in numbers
        for fault in [random_faults.fault(order(number))]
    }


def test_an_orders_lot_is_the_seeds_whatever_else_was_asked_before() -> None:
    chances = dict.fromkeys(TROUBLES, 0.1)
    some = list(range(200))
    assert lots(RandomFaults(7, chances), some) == lots(RandomFaults(7, chances), some[::-1])
    assert lots(RandomFaults(7, chances), some) != lots(RandomFaults(8, chances), some)


def test_every_trouble_comes_about_as_often_as_wanted() -> None:
    random_faults = RandomFaults(1, dict.fromkeys(TROUBLES, 0.1))
    drawn = list(lots(random_faults, list(range(2000))).values())
    assert len(set(drawn)) == len(TROUBLES) + 1
    assert 0.15 < drawn.count("None") / 2000 < 0.25


def test_a_second_asking_has_a_lot_of_its_own() -> None:
    random_faults = RandomFaults(1, {"drop_before": 0.5})
    assert len({random_faults.fault(order(1)) is None for _ in range(20)}) == 2


def test_by_default_requests_pass_and_market_orders_fill_at_once() -> None:
    random_faults = RandomFaults()
    assert random_faults.fault(order(1)) is None
    assert (random_faults.plan("x").parts, random_faults.rejects("x"), random_faults.stale(order(1))) == (1, False, 0)


def test_by_default_iocs_miss_and_fall_short_and_reads_are_late() -> None:
    random_faults, count = RandomFaults(3), 4000
    shares = [random_faults.ioc_plan(f"id{number}").share for number in range(count)]
    lags = [random_faults.lags(f"id{number}") for number in range(count)]
    seen = {
        "miss": shares.count(Decimal(0)), "short": sum(0 < share < 1 for share in shares),
        "late_row": sum(lag.end_ms > 0 for lag in lags), "late_trades": sum(lag.trades_ms > 0 for lag in lags),
    }  # fmt: skip
    assert all(0.8 * chance < seen[name] / count < 1.2 * chance for name, chance in USUAL.items()), seen
    assert all(0 <= lag.row_ms <= lag.end_ms <= random_faults.rows_ms >= lag.trades_ms for lag in lags)


def test_in_fair_weather_nothing_happens() -> None:
    fair = RandomFaults(chances={})
    assert {fair.ioc_plan(f"id{number}") for number in range(100)} == {FillPlan()}
    assert {fair.lags(f"id{number}") for number in range(100)} == {Lags()}


@pytest.mark.parametrize("name", [*ORDERS, *IOCS, *LATE, *READS])
def test_what_is_certain_happens(name: str) -> None:
    random_faults = RandomFaults(1, {name: 1.0})
    plan, ioc, lags = random_faults.plan("x"), random_faults.ioc_plan("y"), random_faults.lags("x")
    happened = {
        "reject": random_faults.rejects("x"), "partial": plan.parts > 1 and plan.share == 1, "expire": plan.share < 1,
        "miss": ioc.share == 0, "short": 0 < ioc.share < 1 and name != "expire", "late_row": lags.end_ms > 0,
        "late_trades": lags.trades_ms > 0, "stale": random_faults.stale(order(1)) > 0,
    }  # fmt: skip
    assert happened[name] and sum(happened.values()) == 1


def test_an_unknown_trouble_is_an_error() -> None:
    with pytest.raises(ValueError, match="no such trouble: hail"):
        RandomFaults(1, {"hail": 0.1})
