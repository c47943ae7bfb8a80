"""What the chaos tests and benches judge by: it finds what it is there to find."""

import doctest
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from math import ceil
from pathlib import Path

import pytest

from services.simulator.engine.events import EngineFill
from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.engine.stops import EngineStop, StopState
from shared.messages.reasons import StopKind
from shared.orders.stop_life import StopLife
from shared.orders.stops import StopPhase
from tests.bench.gateway import ioc
from tests.bench.protected import compared, timetable
from tests.bench.protected.compared import BOUNDS
from tests.chaos import adversary, disturber, naked, sums
from tests.chaos.counts import Counts, CountsFile, Written
from tests.chaos.naked import (
    ATTACHED,
    CANCELED,
    CAUSES,
    FAILED,
    FILLING,
    FOLLOWS,
    REFUSED,
    Exposed,
    Span,
    exposed,
)
from tests.chaos.sent import Sent
from tests.chaos.stop_evidence import AT_WORK, BOOK, JOURNAL, NOTED, StopEvidence, missed_stop_plants
from tests.simulator_venues import SWAPS, Place, named, trading

D = Decimal
FOLDER = Path(__file__).parents[2] / "docs"
DOCS = FOLDER / "research" / "backtest.md"


MODULES = [ioc, compared, timetable, naked, adversary, disturber, sums]
STOP = EngineStop(7, "", "BTC", "STOP_MARKET", -1, D(0), D(95), False, 100, 100)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
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


def fill(qty: int, at_ms: int, order_id: int = 1) -> EngineFill:
    return EngineFill(at_ms, order_id, "", "BTC", D(qty), D(100), D(0), "", D(0), at_ms)


CARRIED = STOP._replace(parent=1, qty=D(2), state=StopState.DORMANT)
TRIGGERED = STOP._replace(state=StopState.TRIGGERING, at_trigger="fails", fired_ms=150, updated_ms=150)


@pytest.mark.parametrize(
    ("fills", "versions", "naked"),
    [
        ([fill(2, 100)], [STOP._replace(updated_ms=130)], [Span(100, 130, FOLLOWS)]),
        ([fill(2, 100)], [CARRIED, CARRIED._replace(state=StopState.WAITING, updated_ms=130)], []),
        (
            [fill(1, 100), fill(1, 160)],
            [CARRIED, CARRIED._replace(state=StopState.WAITING, updated_ms=180)],
            [Span(100, 160, FILLING)],
        ),
        (
            [fill(1, 100), fill(2, 160)],
            [CARRIED, CARRIED._replace(state=StopState.WAITING, updated_ms=180)],
            [Span(100, 160, FILLING), Span(160, 200, ATTACHED)],
        ),
        (
            [fill(2, 100), fill(-1, 130, 2), fill(1, 160)],
            [CARRIED._replace(qty=D(3)), CARRIED._replace(qty=D(3), state=StopState.WAITING, updated_ms=180)],
            [Span(100, 160, FILLING), Span(160, 200, FOLLOWS)],
        ),
        (
            [fill(2, 100)],
            [
                CARRIED._replace(unattached=True),
                CARRIED._replace(unattached=True, state=StopState.FAILED, updated_ms=110),
                STOP._replace(id=8, updated_ms=150),
            ],
            [Span(100, 150, REFUSED)],
        ),
        (
            [fill(1, 100)],
            [CARRIED, CARRIED._replace(state=StopState.DISCARDED, updated_ms=110), STOP._replace(id=8, updated_ms=150)],
            [Span(100, 150, FOLLOWS)],
        ),
        ([fill(2, 100), fill(-2, 170)], [STOP, TRIGGERED], [Span(150, 170, FAILED)]),
        ([fill(2, 100)], [STOP, STOP._replace(state=StopState.CANCELED, updated_ms=150)], [Span(150, 200, CANCELED)]),
        ([fill(2, 100), fill(-5, 150, 2)], [STOP], [Span(150, 200, FOLLOWS)]),
        ([fill(2, 100), fill(-2, 150)], [STOP], []),
        (
            [fill(2, 100), fill(-2, 150, 2), fill(1, 180)],
            [
                CARRIED._replace(qty=D(0), at_first_fill=True, state=StopState.WAITING),
                CARRIED._replace(state=StopState.TRIGGERED, updated_ms=150),
            ],
            [Span(180, 200, FOLLOWS)],
        ),
    ],
    ids=[
        "follows",
        "carried",
        "in parts",
        "too little",
        "some closed meanwhile",
        "refused",
        "in part",
        "failed",
        "canceled",
        "turned",
        "gone",
        "goes on",
    ],
)
def test_why_a_position_has_no_stop(
    fills: Sequence[EngineFill], versions: Sequence[EngineStop], naked: Sequence[Span]
) -> None:
    assert list(exposed(fills, versions, 200).naked) == naked


def test_an_order_that_was_cancelled_was_over_then() -> None:
    versions = [CARRIED, CARRIED._replace(state=StopState.WAITING, updated_ms=180)]
    assert exposed([fill(2, 100)], versions, 200, {1: 170}).naked == (Span(100, 170, FILLING),)


def test_dust_is_no_position() -> None:
    rest = exposed([fill(2, 100), fill(-1, 150)], [STOP._replace(updated_ms=120)], 200, dust=D(150))
    assert rest == Exposed((Span(100, 150),), (Span(100, 120, FOLLOWS),))


def met(exchange: str) -> Counts:
    times = {name: [400, 900] for name in (JOURNAL, NOTED, BOOK, AT_WORK, *CAUSES)}
    return Counts(
        asked=1_200, orders=1_200, iocs=500, ended_short=150, kills=50, triggers=60, failed=10, races=30, orphans=10,
        held_ms=90_000, naked_ms=times | {ATTACHED: []}, bound_ms=5_000, left_filled=100, left_closed=90,
    )  # fmt: skip


def written() -> dict[tuple[str, str], Written]:
    return {key: Written(*key, "c1", "", 60.0, met(key[1])) for key in sums.FORMS}


@pytest.mark.parametrize("place", SWAPS, ids=named)
async def test_each_order_that_is_sent_is_counted_also_where_it_does_not_arrive(place: Place) -> None:
    async with trading(place) as pair:
        sent = Sent(pair.fake, place)
        pair.fake.server.faults.append(Fault(FaultMode.DROP, path=place.orders, method="POST"))
        for number in (1, 2):
            await pair.venue.place(pair.request("0.010", number))
        assert sent.counts == {f"{1:032x}": 1, f"{2:032x}": 1}
        assert [order.client_id for order in pair.accepted] == [f"{2:032x}"]


def test_the_sums_are_those_of_the_issue() -> None:
    assert [place.exchange for place in SWAPS] == list(sums.EXCHANGES)
    assert sums.problems(written()) == []
    assert sums.problems(written(), short=True) == []
    assert any("protected, okx" in line for line in sums.table(written()))


def test_the_sums_are_those_of_the_page() -> None:
    rows = [
        line.split("|")[1:-1] for line in (FOLDER / "chaos.md").read_text().partition("| over plain")[2].splitlines()
    ]
    table = [(full.strip(), short.strip()) for _, full, short in (row for row in rows if len(row) == 3)][1:]
    shown = [(least, ceil(least / sums.SCALE)) for least in sums.LEAST.values()]
    shown = [*shown, (sums.LEAST_LEFT, len(sums.EXCHANGES))]
    share = f"{sums.LEAST_SHORT:.0%}".replace("%", " %")
    assert table == [
        *((f"{full:,}", f"{short:,}") for full, short in shown[:2]),
        (share, share),
        *((f"{full:,}", f"{short:,}") for full, short in shown[2:]),
    ]


def test_a_signature_is_measured() -> None:
    assert ioc.signatures(2)["p50"] > 0


@pytest.mark.parametrize("name", sums.LEAST)
@pytest.mark.parametrize("short", [False, True])
def test_a_sum_that_is_too_small_is_told(name: str, short: bool) -> None:
    few = {
        key: one._replace(counts=None if one.counts is None else replace(one.counts, **{name: 0}))
        for key, one in written().items()
    }
    assert next(line.split(":")[0] for line in sums.problems(few, short=short)) == name


@pytest.mark.parametrize(
    ("key", "change", "told"),
    [
        ((sums.PROTECTED, "okx"), {ATTACHED: [3]}, "okx: 3 ms without the stop that its order had carried"),
        ((sums.PROTECTED, "binance"), {AT_WORK: [5_001]}, "binance: follows, a gateway at work: 5001 ms"),
        ((sums.PROTECTED, "binance"), {NOTED: [5_001]}, "binance: noted, a gateway at work: 5001 ms"),
    ],
)
def test_a_position_that_was_too_long_without_a_stop_is_told(
    key: tuple[str, str], change: dict[str, list[int]], told: str
) -> None:
    found, one = written(), met(key[1])
    found[key] = found[key]._replace(counts=replace(one, naked_ms=one.naked_ms | change))
    (line,) = sums.problems(found)
    assert line.startswith(told)


def test_what_did_not_end_well_is_told(tmp_path: Path) -> None:
    file = CountsFile(tmp_path / "build" / "chaos.jsonl")
    with file.form("plain", "okx") as counts:
        counts.orders = 7
    newest = file.newest()["plain", "okx"]
    assert newest.counts == Counts(orders=7)
    with pytest.raises(RuntimeError), file.form("plain", "okx"):
        raise RuntimeError
    assert file.newest()["plain", "okx"].counts is None
    assert "plain, okx: did not end well" in sums.problems(written() | file.newest())
