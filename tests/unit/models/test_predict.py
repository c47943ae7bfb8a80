"""Predict: the bits of the module, for every model there is."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from shared.models.model import Model
from shared.models.predict import Predict
from shared.models.registry import MODELS

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
