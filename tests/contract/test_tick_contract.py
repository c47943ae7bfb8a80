"""What every Tick keeps: restored = replayed = never stopped. A Tick of the library that has no line in CASES fails."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import shared
from shared.account import Account
from shared.account.live_book import LiveBook
from shared.drift.pool import SymbolPool
from shared.drift.scale import Scale
from shared.drift.stage import DriftStage
from shared.drift.twin import Costs, Twin, TwinBar
from shared.drift.wealth import Decay, Wealth, claim_of, edge_above
from shared.exchanges.clock import ClockSkew, TimeAnswer
from shared.features.log_return import LogReturn
from shared.features.log_return_lags import LogReturnLags
from shared.features.registry import make_feature
from shared.features.vector import FeatureVector
from shared.messages.codec import pack, unpack
from shared.models.load_model import load_model
from shared.models.model import Predict
from shared.models.model_input import ModelInput
from shared.models.onnx_model import OnnxModel, OnnxPredict
from shared.record import NewerWire
from shared.resampler import Resampler
from shared.runner.joint import JointView
from shared.runner.spec import Stage
from shared.strategies import BasicTakerStrat, Strategy, Threshold
from shared.tick import Pipe, Tick
from shared.windows import DequeWindow, Last, NumpyWindow
from shared.windows.rolling_moments import RollingMoments
from shared.windows.sequence_window import SequenceWindow
from shared.windows.smoothed_average import SmoothedAverage
from shared.windows.tensor_window import TensorWindow
from tests.onnx_files import linear
from tests.unit.drift.lines import MESSAGES, OF_A
from tests.unit.drift.references import REFERENCE
from tests.unit.features.bars import BARS
from tests.unit.features.specs import SPECS
from tests.unit.monitor.test_comparisons import SYM as BOOKED
from tests.unit.monitor.test_comparisons import line

AnyTick = Tick[Any, Any]
SYM = "BTCUSDT"
MODEL = load_model("weights/btcusdt_12h_linear.json").module
FLOATS = st.floats()
PRICES = st.floats(0.01, 1e6)
STATES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.decimals(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        | st.tuples(inner, st.integers())
    ),
    max_leaves=5,
)


def do_nothing(tick: AnyTick, val: Any, result: Any) -> None:
    """Most Ticks change by `on_tick` only."""


def fill(tick: AnyTick, val: Any, result: Any) -> None:
    """A strategy's account changes by the fills of its orders."""
    assert isinstance(tick, Strategy)
    for order in result or []:
        price = Decimal(str(val))
        tick.account.book(order.sym, order.signed_qty, price, Decimal("0.0003") * abs(order.signed_qty) * price)


@dataclass(frozen=True)
class Case:
    make: Callable[[], AnyTick]
    values: st.SearchStrategy[Any]
    after: Callable[[AnyTick, Any, Any], None] = do_nothing


def vectors(width: int) -> st.SearchStrategy[torch.Tensor]:
    return st.lists(st.floats(width=32), min_size=width, max_size=width).map(torch.tensor)


class Passing(Stage):
    """Passes on what it is given: the view that is tried has no memory of its own."""

    def on_tick(self, val: Any) -> Any:
        return [val]


TIMES = st.integers(0, 2**62)
CASES: dict[type[AnyTick], list[Case]] = {
    ClockSkew: [Case(lambda: ClockSkew(2), st.builds(TimeAnswer, TIMES, TIMES, TIMES))],
    FeatureVector: [
        Case(lambda: FeatureVector(["log_return_lags(2)"]), BARS),
        Case(lambda: FeatureVector(["log_return_lags(2)", "log_return()"]), BARS),
    ],
    Decay: [Case(lambda: Decay(0.05), st.floats(-30, 5))],
    DequeWindow: [Case(lambda: DequeWindow[Any](3), STATES)],
    DriftStage: [
        Case(lambda: DriftStage(["A", "B"], Costs(), REFERENCE), MESSAGES),
        Case(lambda: DriftStage(["A"], Costs(), None), MESSAGES),
    ],
    Last: [Case(lambda: Last[Any](), STATES)],
    LiveBook: [Case(lambda: LiveBook(BOOKED), st.sampled_from(list(line([0.01, -0.005, 0.002, 0.004, -0.01]))))],
    JointView: [Case(lambda: JointView(Passing()), st.integers())],
    LogReturn: [Case(LogReturn, PRICES)],
    LogReturnLags: [Case(lambda: LogReturnLags(1), PRICES), Case(lambda: LogReturnLags(3), PRICES)],
    ModelInput: [
        Case(lambda: ModelInput(["log_return_lags(2)"]), BARS),
        Case(lambda: ModelInput(["log_return_lags(2)"], 2, Resampler(60 * 10**9, 120 * 10**9)), BARS),
    ],
    NumpyWindow: [
        Case(lambda: NumpyWindow(3), FLOATS),
        Case(lambda: NumpyWindow(1), FLOATS),
        Case(lambda: NumpyWindow(4, dtype="float32"), st.floats(width=32)),
    ],
    OnnxPredict: [
        Case(lambda: OnnxPredict(OnnxModel(linear().SerializeToString(), 3)), vectors(3).map(lambda x: x.numpy()))
    ],
    Pipe: [
        Case(lambda: Pipe(LogReturn(), NumpyWindow(2)), PRICES),
        Case(lambda: Pipe(LogReturnLags(3), Predict(MODEL)), PRICES),
    ],
    Predict: [Case(lambda: Predict(MODEL), vectors(3))],
    RollingMoments: [Case(partial(RollingMoments, n), st.floats(-1e9, 1e9)) for n in (1, 2, 4)],
    SmoothedAverage: [Case(lambda: SmoothedAverage(3, 0.5), st.floats(-1e9, 1e9))],
    Resampler: [Case(lambda: Resampler(60 * 10**9, 180 * 10**9), BARS)],
    Scale: [Case(partial(Scale, sd), st.floats(-1, 1)) for sd in (0.01, None)],
    SequenceWindow: [Case(lambda: SequenceWindow(3, 2), vectors(2).map(torch.Tensor.numpy))],
    Strategy: [
        Case(
            lambda: Strategy(SYM, MODEL, LogReturnLags(3), Account(Decimal(100)), Threshold(threshold=0.001)),
            PRICES,
            fill,
        )
    ],
    BasicTakerStrat: [
        Case(lambda: BasicTakerStrat(SYM, MODEL, LogReturnLags(3), Account(Decimal(100))), PRICES, fill),
        Case(lambda: BasicTakerStrat(SYM, MODEL, LogReturnLags(3), Account(Decimal(100)), netting=True), PRICES, fill),
    ],
    SymbolPool: [
        Case(
            lambda: SymbolPool(["A", "B"]),
            st.builds(
                TwinBar,
                st.sampled_from("AB"),
                st.integers(1, 9),
                st.just("t"),
                st.just("m"),
                st.none() | st.floats(-1, 1),
            ),
        )
    ],
    TensorWindow: [
        Case(lambda: TensorWindow(3), st.floats(width=32)),
        Case(lambda: TensorWindow(2, dtype=torch.float64), FLOATS),
    ],
    Twin: [Case(partial(Twin, "A", Costs(legs=legs)), OF_A) for legs in (True, False)],
    Wealth: [Case(partial(claim_of, 0.05), st.floats(-30, 5)), Case(edge_above, st.floats(-30, 5))],
}
ALL = [
    pytest.param(case, id=f"{kind.__name__}-{number}")
    for kind, cases in CASES.items()
    for number, case in enumerate(cases)
]


def subclasses(kind: type[AnyTick]) -> Iterator[type[AnyTick]]:
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def concrete_ticks() -> set[type[AnyTick]]:
    """Every Tick class of the library that can be made; classes inside doctests and functions are not its."""
    for module in pkgutil.walk_packages(shared.__path__, "shared."):
        if ".migrations" not in module.name:  # those are run by alembic alone
            importlib.import_module(module.name)
    return {
        kind
        for kind in subclasses(Tick)
        if kind.__module__.startswith("shared.")
        and not kind.__module__.startswith("shared.user_code.folders.")  # a user's, of another test
        and not inspect.isabstract(kind)
        and getattr(importlib.import_module(kind.__module__), kind.__qualname__, None) is kind
    }


def test_every_tick_of_the_library_is_held_to_the_contract() -> None:
    features = {type(make_feature(spec)) for spec in SPECS}  # test_feature_contract.py holds them to more
    missing = {f"{kind.__module__}.{kind.__name__}" for kind in concrete_ticks() - CASES.keys() - features}
    assert not missing, f"add a line to CASES in {__file__} for: {', '.join(sorted(missing))}"


def shown(result: Any) -> str:
    """A result so that equal text means equal bits; NaN equals NaN."""
    if isinstance(result, torch.Tensor):
        return f"{result.dtype} {tuple(result.shape)} {result.tolist()}"
    if isinstance(result, np.ndarray):
        return f"{result.dtype} {result.tolist()}"
    if isinstance(result, list):
        return str([(str(order), getattr(order, "leg", None)) for order in result])
    return repr(result)


def run(case: Case, tick: AnyTick, values: list[Any]) -> list[str]:
    results = []
    for val in values:
        result = tick.on_tick(val)
        case.after(tick, val, result)
        results.append(shown(result))
    return results


def saved(tick: AnyTick) -> bytes:
    """The state as it lies in a snapshot."""
    return pack(tick.state())


def restored(case: Case, snapshot: bytes) -> AnyTick:
    tick = case.make()
    tick.restore(unpack(snapshot))
    return tick


@pytest.mark.parametrize("case", ALL)
@given(st.data())
def test_restored_is_replayed_is_never_stopped(case: Case, data: st.DataObject) -> None:
    values = data.draw(st.lists(case.values, max_size=14))
    cut = data.draw(st.integers(0, len(values)))
    never_stopped = case.make()
    before = run(case, never_stopped, values[:cut])
    snapshot = saved(never_stopped)
    after = run(case, never_stopped, values[cut:])

    replayed = case.make()
    assert run(case, replayed, values) == before + after
    assert saved(replayed) == saved(never_stopped)

    continued = restored(case, snapshot)
    assert saved(continued) == snapshot
    assert run(case, continued, values[cut:]) == after
    assert saved(continued) == saved(never_stopped)
    assert repr(continued.state()) == repr(never_stopped.state())


@pytest.mark.parametrize("case", ALL)
@given(st.data())
def test_stopped_after_every_value(case: Case, data: st.DataObject) -> None:
    values = data.draw(st.lists(case.values, max_size=8))
    never_stopped = case.make()
    snapshot = saved(case.make())
    for val in values:
        tick = restored(case, snapshot)
        assert run(case, tick, [val]) == run(case, never_stopped, [val])
        snapshot = saved(tick)
    assert snapshot == saved(never_stopped)


@pytest.mark.parametrize("case", ALL)
@given(st.data())
def test_a_taken_state_is_of_its_moment_and_restores_over_anything(case: Case, data: st.DataObject) -> None:
    values = data.draw(st.lists(case.values, max_size=8))
    cut = data.draw(st.integers(0, len(values)))
    tick = case.make()
    run(case, tick, values[:cut])
    state, snapshot = tick.state(), saved(tick)
    first = run(case, tick, values[cut:])
    assert pack(state) == snapshot
    tick.restore(unpack(snapshot))
    assert run(case, tick, values[cut:]) == first


@pytest.mark.parametrize("case", ALL)
@given(STATES)
def test_any_other_state_is_taken_or_refused_with_a_value_error(case: Case, state: Any) -> None:
    tick = case.make()
    try:
        tick.restore(state)
    except (ValueError, NewerWire):
        return
    saved(tick)
