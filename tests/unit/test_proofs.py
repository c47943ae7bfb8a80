"""What the chaos tests and benches judge by: it finds what it is there to find."""

import doctest
from decimal import Decimal
from pathlib import Path

import pytest

from services.simulator.engine.stops import EngineStop
from shared.orders.stop_life import StopLife
from shared.orders.stops import StopKind, StopPhase
from tests.bench.gateway import ioc
from tests.bench.protected import compared, timetable
from tests.bench.protected.compared import BOUNDS
from tests.chaos import naked
from tests.chaos.naked import Exposed, Span
from tests.chaos.stop_evidence import StopEvidence, missed_stop_plants

D = Decimal
DOCS = Path(__file__).parents[2] / "docs" / "research" / "backtest.md"


@pytest.mark.parametrize("module", [ioc, compared, timetable, naked], ids=lambda module: module.__name__)
def test_examples(module: object) -> None:
    failed, tried = doctest.testmod(module)  # type: ignore[arg-type]
    assert tried and not failed


def test_the_bounds_are_those_of_the_page() -> None:
    rows = [line.split("|")[1:-1] for line in DOCS.read_text().splitlines() if line.startswith("| ")]
    table = {cells[0].strip(): (cells[1].strip(), float(cells[2])) for cells in rows if cells[0].strip() in BOUNDS}
    assert table == {name: (bound.words, bound.most) for name, bound in BOUNDS.items()}


def test_an_ioc_that_costs_more_than_it_may_is_told() -> None:
    market = [1.0 + number % 10 / 100 for number in range(100)]
    assert ioc.compared(market, market)["p50"]["reached"]
    assert not ioc.compared(market, [one + 0.2 for one in market])["p50"]["reached"]


def test_each_fault_of_stops_is_found() -> None:
    stop = EngineStop(7, "", "BTC", "STOP_MARKET", -1, D(0), D(95), False, 1_000, 1_000)
    life = StopLife(
        "a1", "strategy:B", "B", "e1", StopKind.STOP, 0, D(2), D(95), None, True, StopPhase.WAITING, 0, 0, venue_id="7"
    )
    span = Span(1_000, 9_000)
    good = StopEvidence({"B": D(2)}, {"B": (stop,)}, {"B": frozenset("7")}, {"B": Exposed((span,), ())}, {"B": ()},
                        {"B": (life,)})  # fmt: skip
    assert good.faults() == []
    assert missed_stop_plants(good) == []
