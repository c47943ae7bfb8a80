"""The models against numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shared.models.linear_model import LinearModel
from shared.models.non_linear_model import NonLinearModel

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
