"""The layer around a model of any class: what it computes, and that its file is plain tensors."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from shared.models.linear_model import LinearModel
from shared.models.model import Predict
from shared.models.model_files import weights_bytes
from shared.models.standardised import Standardised, can_rescale

NUMBER, POSITIVE = st.floats(-10, 10, width=32), st.floats(0.015625, 100, width=32)
THREE = st.lists(NUMBER, min_size=3, max_size=3)


class Deep(nn.Module):
    """Of a user, who knows nothing of scales."""

    def __init__(self, no_features: int) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(no_features, 5), nn.Tanh(), nn.Linear(5, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.net(x)
        return y


class LastOf(nn.Module):
    """A sequence model."""

    def __init__(self, no_features: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(no_features, 4, batch_first=True)
        self.head = nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.head(self.lstm(x)[0][..., -1, :])
        return y


@given(THREE, THREE, st.lists(POSITIVE, min_size=3, max_size=3), POSITIVE)
def test_it_is_the_module_of_standardised_numbers(
    x: list[float], shift: list[float], scale: list[float], y_scale: float
) -> None:
    torch.manual_seed(1)
    module = Deep(3)
    layer = Standardised(module, 3)
    layer.rescale(torch.tensor(shift), torch.tensor(scale), y_scale)
    inner = ((np.array(x, np.float32) - np.array(shift, np.float32)) / np.array(scale, np.float32)).astype(np.float32)
    wanted = module(torch.from_numpy(inner)).item() * y_scale
    assert layer(torch.tensor(x)).item() == pytest.approx(wanted, rel=1e-6, abs=1e-9)


@given(THREE, THREE, st.lists(POSITIVE, min_size=3, max_size=3), POSITIVE)
def test_it_scales_as_a_class_of_ours_does_by_itself(
    x: list[float], shift: list[float], scale: list[float], y_scale: float
) -> None:
    torch.manual_seed(2)
    own = LinearModel(3).double()
    wrapped = Standardised(LinearModel(3).double(), 3).double()
    wrapped.module.load_state_dict(own.state_dict())
    for model in (own, wrapped):
        for factor in (1.0, 0.5):  # one scaling after another
            model.rescale(torch.tensor(shift).double() * factor, torch.tensor(scale).double(), y_scale)
    value = torch.tensor(x).double()
    torch.testing.assert_close(wrapped(value), own(value), rtol=1e-7, atol=1e-5)


@pytest.mark.parametrize("shape", [(3,), (1, 3), (6, 3), (1, 6, 3), (4, 6, 3)])
def test_sequences_and_batches_are_scaled_by_their_last_axis(shape: tuple[int, ...]) -> None:
    torch.manual_seed(3)
    layer = Standardised(LastOf(3) if len(shape) == 3 or shape[0] == 6 else Deep(3), 3)
    layer.rescale(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.5, 1.0, 2.0]), 2.0)
    x = torch.randn(shape)
    inner = x.clone()
    for column, (shift, scale) in enumerate(((1.0, 0.5), (2.0, 1.0), (3.0, 2.0))):
        inner[..., column] = (x[..., column] - shift) / scale
    torch.testing.assert_close(layer(x), 2.0 * layer.module(inner))


@pytest.mark.parametrize("inner", [Deep(3), LinearModel(3)])
def test_predict_gives_its_bits_and_its_file_is_plain_tensors(inner: nn.Module) -> None:
    layer = Standardised(inner, 3)
    layer.rescale(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.5, 1.0, 2.0]), 0.01)
    x = torch.tensor([0.1, 2.0, -1.0])
    state = torch.load(io.BytesIO(weights_bytes(layer.state_dict())), weights_only=True)
    again = Standardised(Deep(3) if isinstance(inner, Deep) else LinearModel(3), 3)
    again.load_state_dict(state)
    assert Predict(again).on_tick(x) == Predict(layer).on_tick(x) == layer(x).item()


def test_who_needs_it() -> None:
    assert can_rescale(LinearModel(3))
    assert can_rescale(Standardised(Deep(3), 3))
    assert not can_rescale(Deep(3))
