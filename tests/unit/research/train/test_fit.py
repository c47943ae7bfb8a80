"""What `fit` finds, that it finds the same again, and what it refuses."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from services.research.train import Dataset, Diverged, FitSpec, dataset, fit, predictions
from shared.errors import ConfigError, DataError
from shared.models import registry
from shared.models.model import Model
from shared.models.model_files import sha256_of, weights_bytes
from shared.models.scores import least_squares
from shared.models.training import Loss, Optimiser, Recipe
from tests.unit.research.train.market import hourly, samples_of

DATA = samples_of(400)


def spec(model: str = "LinearModel", params: dict[str, int] | None = None, **recipe: object) -> FitSpec:
    return FitSpec(model=model, params=params or {}, recipe=Recipe.model_validate(recipe))


def l1(module: torch.nn.Module, data: Dataset) -> float:
    return float(np.abs(predictions(module, data) - data.y).mean())


def digest(data: Dataset, how: FitSpec) -> str:
    return sha256_of(weights_bytes(fit(data, how).module.state_dict()))


@pytest.mark.parametrize("scale", [1.0, 1e-4])
@pytest.mark.parametrize(("optimiser", "within"), [("lbfgs", 1e-5), ("adam", 2e-3)])
def test_the_squared_loss_gives_least_squares_whatever_the_unit(
    optimiser: Optimiser, within: float, scale: float
) -> None:
    data = Dataset(DATA.x * np.float32(scale), DATA.y * scale, DATA.ts, DATA.ts_next, DATA.price, DATA.last)
    weights, bias = least_squares(data.x.astype(np.float64), data.y)
    found = fit(data, spec(loss="mse", optimiser=optimiser, epochs=600, validation_share=0.0)).module.state_dict()
    assert found["linear.weight"][0].tolist() == pytest.approx(weights, abs=within)
    assert found["linear.bias"].item() == pytest.approx(bias, abs=within * scale)


def test_the_absolute_loss_is_lower_than_that_of_least_squares() -> None:
    fitted = fit(DATA, spec(loss="l1", validation_share=0.0))
    squares = fit(DATA, spec(loss="mse", validation_share=0.0))
    assert l1(fitted.module, DATA) < l1(squares.module, DATA)
    assert fitted.epochs < 200  # nothing changed any more


@pytest.mark.parametrize("model", ["LinearModel", "NonLinearModel"])
@pytest.mark.parametrize("loss", ["l1", "huber", "mse"])
@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
def test_each_way_learns_and_gives_the_same_bits_again(model: str, loss: Loss, optimiser: Optimiser) -> None:
    how = spec(model, loss=loss, optimiser=optimiser, epochs=40, patience=3, seed=3)
    fitted = fit(DATA, how)
    assert l1(fitted.module, DATA) < 0.97 * float(np.abs(DATA.y).mean())
    assert all(parameter.dtype == torch.float32 for parameter in fitted.module.parameters())
    torch.rand(7)  # the random numbers of others do not matter
    assert digest(DATA, how) == sha256_of(weights_bytes(fitted.module.state_dict()))


def test_another_seed_begins_elsewhere() -> None:
    one, two = (spec("NonLinearModel", seed=seed, epochs=3) for seed in (1, 2))
    assert digest(DATA, one) != digest(DATA, two)


def test_the_process_is_left_as_it_was() -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    torch.set_num_threads(2)
    try:
        fit(DATA, spec())
        assert torch.get_num_threads() == 2
        assert not torch.are_deterministic_algorithms_enabled()
        assert torch.rand(3).equal(wanted)
    finally:
        torch.set_num_threads(1)


def test_early_stop_prevents_learning_noise_by_heart() -> None:
    noise = np.random.default_rng(2)
    x, y = noise.normal(0, 0.01, (120, 8)).astype(np.float32), noise.normal(0, 0.01, 120)
    order = np.arange(120)
    data = Dataset(x, y, order, order + 1, np.ones(120), x[:, 0].astype(np.float64))
    early = fit(data, spec("NonLinearModel", optimiser="adam", epochs=300, patience=10))
    whole = fit(data, spec("NonLinearModel", optimiser="adam", epochs=300, validation_share=0.0))
    assert early.epochs < 100 < whole.epochs == 300
    assert l1(whole.module, data) < 0.5 * l1(early.module, data)


def test_the_number_of_epochs_is_that_of_the_lowest_loss_on_the_last_samples() -> None:
    """The relation turns around in the last fifth: what is learned before is wrong there. The fit is anew, on all."""
    y = DATA.y.copy()
    y[320:] = -y[320:]
    turned = Dataset(DATA.x, y, DATA.ts, DATA.ts_next, DATA.price, DATA.last)
    how = spec(optimiser="adam", epochs=100, patience=100)
    fitted = fit(DATA, how)
    assert fit(turned, how).epochs < fitted.epochs / 2
    anew = spec(optimiser="adam", epochs=fitted.epochs, validation_share=0.0)
    assert digest(DATA, anew) == sha256_of(weights_bytes(fitted.module.state_dict()))


def test_progress_is_told_at_each_epoch() -> None:
    said: list[tuple[int, int]] = []
    fitted = fit(DATA, spec(optimiser="adam", epochs=7, validation_share=0.0), lambda *told: said.append(told))
    assert said == [(epoch, 7) for epoch in range(1, 8)]
    assert fitted.epochs == 7


@pytest.mark.parametrize("lr", [1e3, 1e300])
def test_a_fit_that_diverges(lr: float) -> None:
    with pytest.raises(Diverged, match=r"the mse loss went from .* in \d+ epochs? .*: lower --lr") as caught:
        fit(DATA, spec("NonLinearModel", loss="mse", optimiser="adam", lr=lr, epochs=5, validation_share=0.0))
    assert "\n" not in str(caught.value)


def test_constant_prices() -> None:
    constant = dataset(hourly([Decimal(100)] * 50), "log_return_lags(2)")
    with pytest.raises(DataError, match="the 38 returns to learn from are all the same"):
        fit(constant, spec())


def test_a_feature_that_never_differs_does_no_harm() -> None:
    x = np.column_stack([DATA.x, np.full(len(DATA), 5.0, np.float32)])
    wider = Dataset(x, DATA.y, DATA.ts, DATA.ts_next, DATA.price, DATA.last)
    how = spec(validation_share=0.0)
    assert l1(fit(wider, how).module, wider) == pytest.approx(l1(fit(DATA, how).module, DATA), rel=1e-3)


def test_too_few_samples() -> None:
    fit(DATA.part(slice(0, 5)), spec())
    with pytest.raises(DataError, match="3 samples to fit 2 features: 4 are the least"):
        fit(DATA.part(slice(0, 4)), spec())


class Unscaled(Model):
    """A model without `rescale`."""


def test_models_that_cannot_be_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.MODELS, "Unscaled", Unscaled)
    with pytest.raises(ValidationError, match="model 'Unscaled' cannot be trained: its class has no `rescale`"):
        FitSpec(model="Unscaled")
    with pytest.raises(ValidationError, match="model 'Oracle' is unknown; there are: LinearModel"):
        FitSpec(model="Oracle")
    with pytest.raises(ConfigError, match="model NonLinearModel takes no_features, hidden, not depth"):
        fit(DATA, spec("NonLinearModel", {"depth": 3}))


def test_threads_beside_each_other_make_the_same_bits() -> None:
    """Torch's seed and settings are the whole process's."""
    ways = [spec(model, seed=seed, epochs=20) for seed in range(4) for model in ("LinearModel", "NonLinearModel")]
    alone = [digest(DATA, how) for how in ways]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(partial(digest, DATA), ways)) == alone
