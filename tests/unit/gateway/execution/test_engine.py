"""The live gateway's stage: pure, as every Tick; the engine is handed what it gives."""

import pytest

from services.gateway.execution.engine import GatewayStage
from services.gateway.live import live_plan
from shared.config import load_settings
from shared.messages import Stream
from tests.unit.gateway.test_paper import filled, order, paper


def test_an_order_is_given_on_and_nothing_of_it_is_kept() -> None:
    """The same order gives the same, however often and to whichever stage it comes: no memory moves, in or outside."""
    intent, stages = order(), [GatewayStage(), GatewayStage()]
    before = stages[0].state()
    assert [stage.on_tick(intent) for stage in stages for _ in range(2)] == [[intent]] * 4
    assert [stage.state() for stage in stages] == [before] * 2


def test_a_report_of_the_journal_is_given_on_by_its_number() -> None:
    stage, report = GatewayStage(), filled(paper(), order())
    assert stage.on_tick(report) == [report]
    with pytest.raises(ValueError, match="came where n=2 was due"):
        stage.on_tick(report)


def test_orders_are_for_the_engine_and_the_bus_gets_the_rest() -> None:
    plan = live_plan(load_settings(symbols=("BTCUSDT",)))
    assert plan.kept == {Stream.ORDERS}
    assert [output.stream for output in plan.outputs] == [Stream.EXECUTIONS]
