"""What informs only: ranges against the card, realised costs against the config's, books against the card's band."""

from collections.abc import Iterator
from decimal import Decimal
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.paper import PaperStage
from services.monitor.comparisons import (
    FILLS,
    WINDOW,
    Z90,
    Comparisons,
    EquityBand,
    MeasuredValue,
    Ranges,
    RealisedCosts,
)
from services.monitor.stage import MonitorStage
from services.strategy.stage import StrategyStage
from shared.drift.stage import DriftStage
from shared.drift.twin import Costs
from shared.messages import Message, OrderIntent, Prediction, RangeReading
from shared.messages.codec import pack, unpack
from shared.messages.monitor import BOOK, Measure
from shared.models.training import Compared, Distribution, Scores, Training
from shared.strategies import BasicTaker
from tests.unit.monitor.session import BAR_NS, BEGIN_NS, REFERENCE
from tests.unit.runner.fakes import features

SYM = "BTCUSDT"
FEE, SLIPPAGE_BPS = Decimal("0.0003"), Decimal(2)
KNOWN = Distribution.of([i / 1000 for i in range(1001)])
TRAINING = Training(fee=0.0003, scores=Compared(in_sample=Scores(samples=1)), features=(KNOWN,), y_hat=KNOWN)
ONE = REFERENCE.model_copy(update={"symbols": (SYM,), "mean_net": 0.0, "sd_net": 0.01})


def prediction(n: int, price: str = "1000", y_hat: float | None = 0.5) -> Prediction:
    ts_event = BEGIN_NS + n * BAR_NS
    return Prediction(
        n=n, sym=SYM, ts_event=ts_event, tr=f"replay:{SYM}:{ts_event}:{n}", tick_n=n, price=Decimal(price), y_hat=y_hat,
        model="m",
    )  # fmt: skip


def line(gains: list[float], *, netting: bool = False) -> Iterator[Message]:
    """A line on paper: predictions, decisions, orders and reports, in the order in which the monitor takes them."""
    strategy = StrategyStage(SYM, BasicTaker(netting=netting), Decimal(100), "book")
    venue, price = PaperStage(FEE, SLIPPAGE_BPS), 1000.0
    for n, gain in enumerate((0.0, *gains), 1):
        price *= 1 + gain
        message: Message = prediction(n, f"{price:.10f}", 0.5 if n % 3 else -0.5)
        yield message
        for made in strategy.on_tick(message) or []:
            yield made
            if isinstance(made, OrderIntent):
                for report in venue.on_tick(made) or []:
                    yield report
                    strategy.on_tick(report)


@pytest.mark.parametrize(("values", "share"), [([0.5] * WINDOW, 0.0), ([2.0] * 10 + [0.5] * (WINDOW - 10), 0.1)])
def test_a_window_of_values_is_compared_with_the_cards(values: list[float], share: float) -> None:
    ranges = Ranges(TRAINING)
    of_y_hat = [found for n, value in enumerate(values, 1) for found in ranges.on_tick(prediction(n, y_hat=value))]
    (only,) = of_y_hat
    assert (only.what, only.value, only.low, only.behind) == (Measure.Y_HAT, share, 0.0, WINDOW)
    assert (only.value > only.high) == (share > 0.062)


def test_features_of_another_number_are_not_compared() -> None:
    ranges = Ranges(TRAINING)
    message = features(1, SYM, 1, "t", "x")
    named = [found for _ in range(WINDOW) for found in ranges.on_tick(message)]
    assert [(found.what, found.name) for found in named] == [(Measure.FEATURE, "1 of x")]
    two = Ranges(TRAINING.model_copy(update={"features": (KNOWN, KNOWN)}))
    assert [found for _ in range(2 * WINDOW) for found in two.on_tick(message)] == []


def test_on_paper_fills_cost_what_is_assumed() -> None:
    costs = RealisedCosts(Costs(float(FEE), float(SLIPPAGE_BPS)))
    found = [each for message in line([0.001] * 30) for each in costs.on_tick(message)]
    assert len(found) == 61 // FILLS
    assert [each.high for each in found] == [5.0] * len(found)
    assert [each.value for each in found] == pytest.approx([5.0] * len(found), abs=0.01)


def test_dearer_fills_are_seen() -> None:
    costs = RealisedCosts(Costs(float(FEE), 0.0))
    found = [each for message in line([0.001] * 30) for each in costs.on_tick(message)]
    assert all(each.value > each.high for each in found)


def test_the_band_is_left_where_the_card_was_wrong() -> None:
    """Each bar loses 0.8 s.d. after costs; the card promised 0."""
    band = EquityBand((SYM,), ONE)
    losing = [-0.007 if n % 3 else 0.007 for n in range(1, 62)]
    found = [each for message in line(losing) for each in band.on_tick(message)]
    first = found[0]
    assert (first.what, first.behind) == (Measure.EQUITY, 30)
    assert (first.low, first.high) == pytest.approx((-Z90 * 0.01 * sqrt(30), Z90 * 0.01 * sqrt(30)))
    assert first.value < first.low


def whole() -> MonitorStage:
    compared = Comparisons({SYM: Ranges(TRAINING)}, {SYM: RealisedCosts(Costs())}, EquityBand((SYM,), ONE))
    return MonitorStage(DriftStage((SYM,), Costs(), ONE), compared)


@given(st.sets(st.integers(0, 800), max_size=5))
def test_restored_is_never_stopped(stops: set[int]) -> None:
    stopped, steady, said = whole(), whole(), list[Message]()
    for i, message in enumerate(line([0.004, -0.006] * 60)):
        if i in stops:
            kept = pack(stopped.state())
            stopped = whole()
            stopped.restore(unpack(kept))
        made = steady.on_tick(message) or []
        assert stopped.on_tick(message) == made
        said += made
    compared = [each for each in said if isinstance(each, RangeReading)]
    assert {each.what for each in compared} == {Measure.Y_HAT, Measure.COSTS, Measure.EQUITY}
    for sym in (SYM, BOOK):
        of_symbol = [each.n for each in compared if each.sym == sym]
        assert of_symbol == list(range(1, len(of_symbol) + 1))


def test_a_decision_waits_for_its_prediction_and_a_report_for_its_order() -> None:
    monitor, messages = whole(), list(line([0.01]))
    first, decision, *orders, report = messages[:4]
    assert not monitor.ready(first), "nobody has decided on it"
    assert not monitor.ready(decision)
    assert monitor.ready(first)
    monitor.on_tick(first)
    assert monitor.ready(decision)
    assert not monitor.ready(report)
    for order in orders:
        monitor.on_tick(order)
    assert monitor.ready(report)
    assert not monitor.ready(prediction(2))
    assert monitor.ready(prediction(2).model_copy(update={"ts_event": 1})), (
        "another decision is behind its time: its own may never come"
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            MeasuredValue(Measure.FEATURE, "2 of rsi(14)", 0.12, 0.0, 0.062, 100),
            "feature 2 of rsi(14): 12 % of 100 values outside the card's 1 to 99 %, up to 6.2 % may be chance",
        ),
        (MeasuredValue(Measure.COSTS, "", 7.25, -10_000.0, 5.0, 20), "costs: 7.25 bps in 20 fills, 5 assumed"),
        (
            MeasuredValue(Measure.EQUITY, "", -0.02, -0.0125, 0.03, 30),
            "books: -2.000% of the notional in 30 held bars, -1.250% to +3.000% expected",
        ),
    ],
)
def test_a_reading_in_words(found: MeasuredValue, said: str) -> None:
    reading = RangeReading(
        n=1, sym=SYM, ts_event=1, tr="t", what=found.what, name=found.name, value=found.value, low=found.low,
        high=found.high, count=found.behind,
    )  # fmt: skip
    assert (reading.human(), reading.outside) == (said, True)
