"""A session of another runtime: floats within 1e-6 of their s.d. are near, everything else counts to the bit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.research.parity.tolerance import Tolerance, tolerance
from shared.messages import Features, Message, Prediction, Tensor
from shared.models.choose import card_at
from shared.models.runtime import Runtime
from shared.recording.checkpoint import RUNTIMES, Checkpoint
from shared.runner.symbol import Symbol
from tests.unit.runner.fakes import Echo, prediction

CARD = card_at(Path("weights/btcusdt_12h_linear.json"))
HERE = Runtime.here("torch")
THERE = Runtime(versions={"torch": "1.0"}, cpu="x86_64 GenuineIntel avx2")
assert CARD.training is not None
ALLOWED = 1e-6 * CARD.training.y_hat.std


class Predicting(Echo):
    """Its snapshot has a runtime's mark, as the signal stage's."""

    def __init__(self, mark: str) -> None:
        super().__init__()
        self._mark = mark

    def state(self) -> Any:
        return {"runtime": self._mark, "v": 4}


def checkpoint(*marks: str, runtimes: dict[str, str] | None = None) -> Checkpoint:
    dumped = {f"S{n}": Symbol(f"S{n}", Predicting(mark)).dump() for n, mark in enumerate(marks)}
    settings: dict[str, Any] = {"signal": {"instance": "signal"}}
    return Checkpoint(taken_ns=1, settings=settings | {RUNTIMES: runtimes or {}}, snapshots={"signal": dumped})


BOTH = {HERE.mark: HERE.text, THERE.mark: THERE.text}


@pytest.mark.parametrize(
    ("checkpoints", "other"),
    [
        ([], False),
        ([checkpoint()], False),
        ([checkpoint(HERE.mark, HERE.mark)], False),
        ([checkpoint("")], False),  # of before runtimes were kept
        ([checkpoint(runtimes={THERE.mark: THERE.text})], True),  # no symbol had begun
        ([checkpoint(runtimes=BOTH)], False),
        ([checkpoint(HERE.mark, THERE.mark, runtimes=BOTH)], True),
        ([checkpoint(HERE.mark), checkpoint(THERE.mark, runtimes=BOTH)], True),
        ([checkpoint(), checkpoint(HERE.mark, runtimes={HERE.mark: HERE.text})], False),
        ([checkpoint(HERE.mark, runtimes={HERE.mark: HERE.text}), checkpoint(HERE.mark, runtimes=BOTH)], True),
        ([checkpoint(HERE.mark, runtimes=BOTH), checkpoint(HERE.mark, runtimes=BOTH)], False),  # an earlier session's
    ],
)
def test_another_runtime_is_known_from_the_checkpoints(checkpoints: list[Checkpoint], other: bool) -> None:
    found = tolerance(checkpoints, CARD)
    assert (found is not None) == other
    if found is not None:
        assert found.why == f"recorded with {THERE.text}; computed with {HERE.text}"
    assert tolerance(checkpoints, None) is None  # without a model nothing is computed in floats


def is_near(within: Tolerance, found: Message | None, computed: Message) -> bool:
    return found is not None and within.with_floats_of(found, computed) == found


def said(y_hat: float | None) -> Prediction:
    return prediction(1).model_copy(update={"y_hat": y_hat})


@pytest.mark.parametrize(
    ("found", "computed", "near"),
    [
        (0.002, 0.002 + 0.9 * ALLOWED, True),
        (0.002, 0.002 + 1.1 * ALLOWED, False),
        (0.002, 0.002 - 0.9 * ALLOWED, True),
        (0.002, None, False),
        (None, 0.002, False),
    ],
)
def test_predictions_are_near_within_the_outputs_sd(found: float | None, computed: float | None, near: bool) -> None:
    assert is_near(Tolerance.of(CARD, "why"), said(found), said(computed)) == near


def test_nothing_but_the_float_may_differ() -> None:
    within = Tolerance.of(CARD, "why")
    other = said(0.002 + 0.5 * ALLOWED)
    assert is_near(within, said(0.002), other)
    for field, value in (("model", "other"), ("n", 2), ("history", True), ("tr", "t:A:9")):
        assert not is_near(within, said(0.002), other.model_copy(update={field: value}))
    assert within.with_floats_of(None, other) is None


def test_what_the_recorded_wire_did_not_know_stays_as_computed() -> None:
    later = said(0.002 + 0.5 * ALLOWED).model_copy(update={"model": "of a later wire"})
    assert Tolerance.of(CARD, "why").with_floats_of(said(0.002), later) == later.model_copy(update={"y_hat": 0.002})


def test_features_each_by_its_own_sd() -> None:
    assert CARD.training is not None
    stds = np.array([each.std for each in CARD.training.features])

    def features(values: Any) -> Features:
        tensor = Tensor.of(np.asarray(values, np.float64))
        return Features(n=1, sym="A", ts_event=1, tr="t", spec="log_return_lags(3)", values=tensor)

    within = Tolerance.of(CARD, "why")
    at = np.array([0.01, -0.02, 0.03])
    assert is_near(within, features(at), features(at + 0.9e-6 * stds))
    assert not is_near(within, features(at), features(at + np.array([0, 0, 1.1e-6 * stds[2]])))
    assert not is_near(within, features(at), features(at[:2]))


def test_without_distributions_it_is_of_the_value_itself() -> None:
    within = Tolerance.of(CARD.model_copy(update={"training": None}), "why")
    assert is_near(within, said(0.002), said(0.002 * (1 + 0.9e-6)))
    assert not is_near(within, said(0.002), said(0.002 * (1 + 1.1e-6)))
