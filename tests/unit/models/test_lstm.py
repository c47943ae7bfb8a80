"""An LSTM with torch's own defaults in a notebook, on the line and as ONNX: what is equal to the bit, what to 1e-6."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from shared.models.dataset import Dataset
from shared.models.runtime import TOLERANCE
from tests.bench.models.agreement import Agreement, Floats, exact, line, notebook, prices, samples, saved, trained


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lstm")
    (path / "prices.csv").write_text(prices(160))
    return path


@pytest.fixture(scope="module")
def data(folder: Path) -> Dataset:
    return samples(folder)


@pytest.fixture(scope="module")
def module(data: Dataset) -> nn.Module:
    return trained(data, steps=10)


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.fixture(scope="module")
def alone(data: Dataset, module: nn.Module) -> Floats:
    """A notebook's y_hat, a window at a time under torch.no_grad(), with the threads that torch takes on two cores."""
    with threads(2):
        return notebook(module, data)


def allowed(module: nn.Module, data: Dataset, alone: Floats) -> float:
    """TOLERANCE, or as `save_model` has it, four times what float32 itself is off: 48 steps add up."""
    return max(TOLERANCE, 4 * Agreement.of(alone, exact(module, data)).largest)


def test_a_notebook_and_the_line_agree(folder: Path, data: Dataset, module: nn.Module, alone: Floats) -> None:
    with threads(2):
        loaded = saved(module, "mine", "torch", folder)
        assert torch.get_num_threads() == 2  # a notebook goes on with its own
    assert loaded.card.batched
    once, again = line(loaded, data), line(loaded, data)
    assert np.array_equal(once, again)  # the same file on the same runtime: to the bit
    assert np.array_equal(once, alone)  # and the notebook's, however many threads it has
    assert alone.std() > 1e-3
    for other in (notebook(module, data, batch=True), notebook(module, data, gradients=True)):
        assert Agreement.of(alone, other).largest <= allowed(module, data, alone)


@pytest.mark.long
def test_onnx_agrees_to_the_tolerance_and_with_itself_to_the_bit(
    folder: Path, data: Dataset, module: nn.Module, alone: Floats
) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    loaded = saved(module, "mine_onnx", "onnx", folder)
    once = line(loaded, data)
    assert np.array_equal(once, line(loaded, data))
    assert Agreement.of(alone, once).largest <= allowed(module, data, alone)
