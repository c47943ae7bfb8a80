"""Gaps, silent symbols and readings, by a clock that is set."""

from decimal import Decimal

import numpy as np
import pytest

from services.monitor.alerts.conditions import AlertKind, Condition
from services.monitor.alerts.stream_watch import StreamWatch
from shared.config import Settings, load_settings
from shared.messages import Features, Gap, GapCause, Message, Prediction, Stream, Tensor
from shared.messages.monitor import Measure, RangeReading

SYM = "BTCUSDT"


def settings(**changed: object) -> Settings:
    ingestor = {"source": "ccxt", "exchange": "okx", "markets": {SYM: "BTC/USDT"}}
    return load_settings(**{"symbols": (SYM,), "interval": "1m", "ingestor": ingestor, **changed})


def prediction(y_hat: float | None, model: str = "m" * 16) -> Prediction:
    return Prediction(n=2, sym=SYM, ts_event=2, tr="t", tick_n=2, price=Decimal(1), y_hat=y_hat, model=model)


def gap() -> Gap:
    return Gap(n=1, sym=SYM, ts_event=1, tr="t", stream=Stream.PREDICTIONS, cause=GapCause.LATE)


@pytest.mark.parametrize(
    ("after", "over"), [(prediction(None), False), (prediction(0.1), True), (prediction(None, model=""), True)]
)
def test_a_gap_stands_until_there_is_a_prediction_again(after: Message, over: bool) -> None:
    watch = StreamWatch(settings())
    watch.see(gap())
    watch.see(after)
    assert [one.kind for one in watch.conditions()] == ([] if over else [AlertKind.GAP])


@pytest.mark.parametrize("stream", [Stream.ORDERS, Stream.EXECUTIONS, Stream.DECISIONS, Stream.MONITOR])
def test_what_only_the_monitor_has_missed_is_no_gap_in_the_ticks(stream: Stream) -> None:
    watch = StreamWatch(settings())
    watch.see(gap().model_copy(update={"stream": stream}))
    assert list(watch.conditions()) == []


def features() -> Features:
    return Features(n=1, sym=SYM, ts_event=1, tr="t", spec="s", values=Tensor.of(np.zeros(1, np.float32)))


@pytest.mark.parametrize("heard", [prediction(0.1), features()])  # the latter also where nobody decides any more
def test_a_symbol_is_silent_when_no_tick_came_for_two_bars_and_a_while(heard: Message) -> None:
    now_s = [1_000.0]
    watch = StreamWatch(settings(), lambda: now_s[0])
    now_s[0] += 180
    assert list(watch.conditions()) == []
    now_s[0] += 1
    assert list(watch.conditions()) == [Condition(AlertKind.FEED, SYM, f"{SYM}: no tick came for 3 min", sym=SYM)]
    watch.see(heard)
    assert list(watch.conditions()) == []


@pytest.mark.parametrize("changed", [{"interval": "trade"}, {"ingestor": {"source": "simulated"}}])
def test_ticks_that_keep_to_no_clock_are_never_silent(changed: dict[str, object]) -> None:
    now_s = [1_000.0]
    watch = StreamWatch(settings(**changed), lambda: now_s[0])
    now_s[0] += 1e9
    assert list(watch.conditions()) == []


def test_a_measure_outside_its_range_is_told_until_it_is_within() -> None:
    watch = StreamWatch(settings())

    def reading(value: float) -> RangeReading:
        what = Measure.COSTS
        return RangeReading(
            n=1, sym=SYM, ts_event=1, tr="t", what=what, name="", value=value, low=0.0, high=2.0, count=9
        )

    watch.see(reading(3.0))
    assert watch.readings == [f"{SYM}: costs: 3 bps in 9 fills, 2 assumed"]
    watch.see(reading(1.0))
    assert watch.readings == []
