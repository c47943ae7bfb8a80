"""What `fit` finds, that it finds the same again, and what it refuses."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from services.research.train import Diverged, FitSpec, fit
from shared.errors import ConfigError, DataError
from shared.models.dataset import Dataset, dataset
from shared.models.model import Predict
from shared.models.model_files import sha256_of, weights_bytes
from shared.models.registry import MODELS
from shared.models.scores import least_squares, predictions
from shared.models.standardised import Standardised
from shared.models.training import Loss, Optimiser, Recipe
from tests.unit.research.train.market import hourly, prices_of, reverting_returns, samples_of

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


class Net(nn.Module):
    """Of a user, who knows nothing of scales."""

    def __init__(self, no_features: int, hidden: int = 4, dropout: float = 0.0) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(no_features, hidden), nn.Tanh(), nn.Dropout(dropout), nn.Linear(hidden, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.net(x)
        return y


class Flat(Net):
    """One number a sample, without an axis of its own."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).squeeze(-1)


class OfFloats(Net):
    """It makes float32 tensors of its own."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(torch.cat([x, torch.zeros(*x.shape[:-1], 1)], dim=-1)[..., :-1].float())


class Sequence(nn.Module):
    """As torch has it by default, or with the batch first; its last answer counts."""

    def __init__(self, no_features: int, batch_first: bool = True) -> None:
        super().__init__()
        self.lstm = nn.LSTM(no_features, 6, batch_first=batch_first)
        self.head = nn.Linear(6, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.head(self.lstm(x)[0][:, -1])
        return y


class Wide(nn.Linear):
    """Two numbers a sample."""

    def __init__(self, no_features: int) -> None:
        super().__init__(no_features, 2)


class Constant(nn.Module):
    """There is nothing to fit."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :1]


class Averaging(Net):
    """What it says of one sample depends on the others."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x - x.mean(dim=0))


OWN = (Net, Flat, OfFloats, Sequence, Wide, Constant, Averaging)


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """They have names, as a file of a user's gives them."""
    for kind in OWN:
        monkeypatch.setitem(MODELS, kind.__name__, kind)


# Features of quite different sizes: without standardisation nothing would be learned of the small one.
SCALED = Dataset(
    DATA.x * np.array([1.0, 1e5], np.float32) + np.array([0.0, 7e6], np.float32),
    DATA.y, DATA.ts, DATA.ts_next, DATA.price, DATA.last,
)  # fmt: skip


@pytest.mark.parametrize("name", ["Net", "Flat", "OfFloats"])
@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
def test_any_torch_class_learns_by_a_layer_of_scales_and_gives_the_same_bits_again(
    name: str, optimiser: Optimiser
) -> None:
    how = spec(name, {"hidden": 6}, optimiser=optimiser, epochs=150)
    fitted = fit(SCALED, how)
    assert (fitted.standardised, fitted.batched) == (True, False)
    assert l1(fitted.module, SCALED) < 0.97 * float(np.abs(SCALED.y).mean())
    assert all(tensor.dtype == torch.float32 for tensor in fitted.module.state_dict().values())
    assert digest(SCALED, how) == sha256_of(weights_bytes(fitted.module.state_dict()))


def test_the_scales_are_of_the_samples_it_is_fitted_to_alone() -> None:
    later = Dataset(
        np.concatenate([SCALED.x, SCALED.x * 100]), *(np.concatenate([each, each]) for each in (
            DATA.y, DATA.ts, DATA.ts_next, DATA.price, DATA.last)),
    )  # fmt: skip
    whole, part = fit(SCALED, spec("Net")), fit(later.part(slice(0, len(SCALED))), spec("Net"))
    assert isinstance(whole.module, Standardised)
    assert whole.module.shift.tolist() == pytest.approx(SCALED.x.mean(axis=0, dtype=np.float64).tolist(), rel=1e-6)
    assert whole.module.scale.tolist() == pytest.approx(SCALED.x.std(axis=0, dtype=np.float64).tolist(), rel=1e-5)
    assert whole.module.y_scale.item() == pytest.approx(DATA.y.std(), rel=1e-6)
    digests = [sha256_of(weights_bytes(fitted.module.state_dict())) for fitted in (whole, part)]
    assert digests[0] == digests[1]


def test_the_layer_gives_what_the_class_gives_on_standardised_numbers_in_our_units() -> None:
    fitted = fit(SCALED, spec("Net", loss="mse", validation_share=0.0))
    assert isinstance(fitted.module, Standardised)
    mean, std = (each.astype(np.float32) for each in (SCALED.x.mean(0, np.float64), SCALED.x.std(0, np.float64)))
    x = (SCALED.x.astype(np.float64) - mean) / std
    inner = fitted.module.module(torch.from_numpy(x.astype(np.float32))).detach().numpy()[:, 0]
    np.testing.assert_allclose(predictions(fitted.module, SCALED), inner * DATA.y.std(), rtol=1e-3, atol=1e-6)


def test_a_sequence_model_is_fitted_to_windows_and_asked_with_a_batch_of_one() -> None:
    data = dataset(hourly(prices_of(reverting_returns(300))), "log_return()", window=5)
    how = spec("Sequence", optimiser="adam", epochs=60)
    fitted = fit(data, how)
    assert (fitted.standardised, fitted.batched) == (True, True)
    y_hat = predictions(Predict(fitted.module, batched=True), data)
    assert float(np.abs(y_hat - data.y).mean()) < 0.97 * float(np.abs(data.y).mean())
    assert digest(data, how) == sha256_of(weights_bytes(fitted.module.state_dict()))


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("Wide", {}, r"answers a batch of shape \(320, 2\) with \(320, 2\), not \(320, 1\): let it give one number"),
        ("Constant", {}, "has no parameter to fit: name a class with weights"),
        ("Averaging", {}, "answers a sample otherwise alone than among others: take the batch as the first axis"),
        ("Net", {"depth": 3}, r"it takes no_features, hidden, dropout"),
        ("nobody.py:Net", {}, r"there is no file .*nobody\.py"),
    ],
)
def test_classes_that_cannot_be_trained(name: str, params: dict[str, int], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        fit(DATA, spec(name, params))
    assert "\n" not in str(caught.value)


def test_a_sequence_model_that_takes_time_for_the_batch_is_refused() -> None:
    """torch's default of an LSTM is the batch as the second axis: each sample would hear those before it."""
    data = dataset(hourly(prices_of(reverting_returns(100))), "log_return()", window=5)
    with pytest.raises(ConfigError, match="an LSTM with batch_first=True"):
        fit(data, spec("Sequence", {"batch_first": False}, optimiser="adam", epochs=3))


def test_a_class_of_ours_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="model 'Oracle' is unknown; there are: LinearModel"):
        fit(DATA, spec("Oracle"))
    with pytest.raises(ConfigError, match="it takes no_features, hidden"):
        fit(DATA, spec("NonLinearModel", {"depth": 3}))


def test_threads_beside_each_other_make_the_same_bits() -> None:
    """Torch's seed and settings are the whole process's."""
    ways = [spec(model, seed=seed, epochs=20) for seed in range(4) for model in ("LinearModel", "NonLinearModel")]
    alone = [digest(DATA, how) for how in ways]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(partial(digest, DATA), ways)) == alone
