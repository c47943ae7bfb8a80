"""The models against numpy."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from shared.models.linear_model import LinearModel
from shared.models.model import Model, Predict
from shared.models.non_linear_model import NonLinearModel
from shared.models.registry import MODELS

VECTORS = st.lists(st.lists(st.floats(-1, 1, width=32), min_size=3, max_size=3), min_size=1, max_size=10)


@given(VECTORS)
def test_linear_is_w_x_plus_b_one_vector_at_a_time(series: list[list[float]]) -> None:
    model = LinearModel(3)
    w, b = model.linear.weight.detach().numpy(), model.linear.bias.detach().numpy()
    whole = np.array(series) @ w.astype(np.float64).T + b
    for x, expected in zip(series, whole, strict=True):
        np.testing.assert_allclose(model(torch.tensor(x)).detach().numpy(), expected, rtol=1e-4, atol=1e-6)


@given(VECTORS)
def test_non_linear_is_one_relu_layer(series: list[list[float]]) -> None:
    model = NonLinearModel(3)
    p = {name: tensor.numpy().astype(np.float64) for name, tensor in model.state_dict().items()}
    inner = np.maximum(np.array(series) @ p["hidden.weight"].T + p["hidden.bias"], 0)
    whole = inner @ p["output.weight"].T + p["output.bias"]
    for x, expected in zip(series, whole, strict=True):
        np.testing.assert_allclose(model(torch.tensor(x)).detach().numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("batch", [(), (5,)])
def test_shapes(batch: tuple[int, ...]) -> None:
    x = torch.zeros(*batch, 3)
    assert LinearModel(3)(x).shape == (*batch, 1)
    assert NonLinearModel(3)(x).shape == (*batch, 1)
    assert NonLinearModel(3).hidden.out_features == 64
    assert NonLinearModel(3, hidden=7).hidden.out_features == 7


@given(VECTORS, st.floats(0.01, 100), st.floats(-10, 10), st.floats(0.001, 10))
def test_rescaled_models_take_data_as_they_are(
    series: list[list[float]], scale: float, shift: float, y_scale: float
) -> None:
    x = torch.tensor(series, dtype=torch.float64)
    for model in (LinearModel(3).double(), NonLinearModel(3).double()):
        wanted = y_scale * model(x)
        model.rescale(
            torch.full((3,), shift, dtype=torch.float64), torch.full((3,), scale, dtype=torch.float64), y_scale
        )
        torch.testing.assert_close(model(x * scale + shift), wanted)


# Predict: the bits of the module, for every model there is.

SIZES = st.sampled_from([1, 2, 3, 7, 16, 64])
FLOATS = st.floats(-10, 10, width=32)


def model_of(name: str, no_features: int, seed: int) -> Model:
    torch.manual_seed(seed)
    return MODELS[name](no_features)


@pytest.mark.parametrize("name", MODELS)
@given(st.data(), SIZES, st.integers(0, 2**32))
def test_it_is_the_module_bit_for_bit(name: str, data: st.DataObject, no_features: int, seed: int) -> None:
    model = model_of(name, no_features, seed)
    x = torch.tensor(data.draw(st.lists(FLOATS, min_size=no_features, max_size=no_features)))
    expected = model(x)
    with torch.inference_mode():
        inferred = model.eval()(x)
    y_hat = Predict(model).on_tick(x)
    assert type(y_hat) is float
    assert y_hat == expected.item() == inferred.item()


@pytest.mark.parametrize("name", MODELS)
def test_a_model_learns_by_the_same_function_that_it_predicts_with(name: str) -> None:
    model = model_of(name, 3, 0)
    x = torch.tensor([0.1, 0.2, 0.3])
    before = Predict(model).on_tick(x)
    model.requires_grad_(True)
    model(x).backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    after = Predict(model).on_tick(x)
    assert after == model(x).item()
    assert after != before


class Doubtful(nn.Module):
    """A model of another base, which is not sure."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.dropout(x).sum() / 0
        return y


def test_any_module_will_do_and_nan_stays_nan() -> None:
    predict = Predict(Doubtful())
    assert predict.on_tick(torch.ones(2)) == math.inf
    y_hat = predict.on_tick(torch.zeros(2))
    assert y_hat is not None
    assert math.isnan(y_hat)
    assert torch.get_num_threads() == 1


def test_a_vector_of_another_width_is_an_error() -> None:
    with pytest.raises(RuntimeError):
        Predict(model_of("LinearModel", 3, 0)).on_tick(torch.zeros(4))


def test_a_model_without_a_plain_function_is_called_as_a_module() -> None:
    class Sum(Model):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.sum()

    assert Predict(Sum()).on_tick(torch.ones(3)) == 3.0
