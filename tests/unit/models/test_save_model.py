"""save_model: from a module to a model that the line loads, in one call; what does not fit is refused in one line."""

import hashlib
import json
import math
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
import torch
from torch import nn

from shared.errors import ConfigError, DataError, TicklineError
from shared.features.log_return_lags import LogReturnLags
from shared.models.batches import takes_batches
from shared.models.card import ModelRefused
from shared.models.check_model import check_model
from shared.models.linear_model import LinearModel
from shared.models.load_model import LoadedModel, load_model
from shared.models.non_linear_model import NonLinearModel
from shared.models.save_model import save_model
from shared.models.standardised import Standardised
from shared.user_code.loader import use_folder

SYM, LAGS = "BTCUSDT", ["log_return_lags(3)"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 hourly closes of a random walk."""
    path = tmp_path_factory.mktemp("data") / "prices.csv"
    closes = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, 300)))
    rows = [f"2024-01-{1 + n // 24:02}T{n % 24:02}:00:00,{close:.4f}" for n, close in enumerate(closes)]
    path.write_text("\n".join(["datetime,price", *rows]) + "\n")
    return path


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("TICKLINE_USER_CODE", str(tmp_path))
    yield
    use_folder(None)
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


def saved(module: nn.Module, folder: Path, **more: Any) -> LoadedModel:
    torch.manual_seed(0)
    given: dict[str, Any] = {"features": LAGS, "symbols": SYM, "interval": "1h", "weights": folder / "weights"} | more
    return save_model(module, "mine", **given)


def refused(module: Any, folder: Path, **more: Any) -> str:
    with pytest.raises(TicklineError) as caught:
        saved(module, folder, **more)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 600
    assert not list((folder / "weights").glob("*"))
    return line


def test_one_call_writes_weights_card_distributions_and_scores(tmp_path: Path, data: Path) -> None:
    torch.manual_seed(3)
    module = LinearModel(3)
    loaded = saved(module, tmp_path, interval=None, data=data, test_share=0.25)
    card = load_model(tmp_path / "weights/mine.json", symbols=SYM, interval="1h").card
    assert card == loaded.card
    assert (card.model, card.features, card.no_features, card.symbols) == ("LinearModel", tuple(LAGS), 3, (SYM,))
    assert not card.batched
    assert card.runtime is not None
    training = card.training
    assert training is not None
    assert training.train is not None
    assert training.test is not None
    assert (training.train.samples, training.test.samples) == (222, 74)
    assert training.y_hat.n == 222
    assert {"always_long", "flat", "last_sign", "least_squares"} == training.baselines.keys()
    assert training.data_sha256 == hashlib.sha256(data.read_bytes()).hexdigest()
    x = torch.tensor([0.01, -0.02, 0.03])
    assert loaded.predict().on_tick(x) == module(x).item()


def test_the_module_is_left_as_it_was(tmp_path: Path) -> None:
    module = LinearModel(3).train()
    saved(module, tmp_path)
    assert module.training
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_features_and_tables_are_taken_as_objects(tmp_path: Path, data: Path) -> None:
    table = polars.read_csv(data)
    loaded = saved(LinearModel(3), tmp_path, features=[LogReturnLags(3)], data=table, symbols=["*"])
    assert loaded.card.features == ("log_return_lags(3)",)
    assert loaded.card.training is not None
    assert loaded.card.training.y_hat.n == 296


def test_parameters_are_found(tmp_path: Path) -> None:
    assert saved(NonLinearModel(3, hidden=5), tmp_path).card.params == {"hidden": 5}


def test_a_standardised_model(tmp_path: Path) -> None:
    whole = Standardised(LinearModel(3), 3)
    whole.rescale(torch.ones(3), torch.full((3,), 0.5), 0.1)
    card = saved(whole, tmp_path).card
    assert card.standardised
    assert card.model == "LinearModel"


NETS = """
import torch
from torch import nn


class Lstm(nn.Module):
    def __init__(self, no_features, hidden_size=8, *, layers=1):
        super().__init__()
        self.hidden_size, self.layers = hidden_size, layers
        self.lstm = nn.LSTM(no_features, hidden_size, layers, batch_first=True)
        self.out = nn.Linear(hidden_size, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.out(out[:, -1, :])


class Forgetful(nn.Module):
    def __init__(self, no_features, size):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(no_features, size), nn.Tanh(), nn.Linear(size, 1))

    def forward(self, x):
        return self.net(x)
"""


@pytest.fixture
def nets(tmp_path: Path) -> Any:
    (tmp_path / "own_nets.py").write_text(NETS)
    import own_nets  # type: ignore[import-not-found]

    return own_nets


def test_a_users_class_by_its_file_and_a_window_of_features(tmp_path: Path, data: Path, nets: Any) -> None:
    torch.manual_seed(0)
    module = nets.Lstm(3, 6)
    loaded = saved(module, tmp_path, data=data, window=10)
    card = loaded.card
    assert (card.model, card.params) == ("own_nets.py:Lstm", {"hidden_size": 6, "layers": 1})
    assert (card.window, card.batched, card.format) == (10, True, "torch")
    assert card.training is not None
    assert (card.training.y_hat.n, len(card.training.features)) == (287, 3)
    x = torch.randn(10, 3)
    with torch.no_grad():
        assert loaded.predict().on_tick(x.numpy()) == module(x.unsqueeze(0)).item()
    assert load_model(tmp_path / "weights/mine.json").hash == loaded.hash


def test_parameters_that_are_not_found_are_asked_for_by_name(tmp_path: Path, nets: Any) -> None:
    module = nets.Forgetful(3, 7)
    line = refused(module, tmp_path)
    assert "own_nets.py:Forgetful takes no_features, size" in line
    line = refused(module, tmp_path, params={"size": 8})
    assert "net.0.weight is torch.float32 (7, 3), the card's model needs torch.float32 (8, 3)" in line
    assert saved(module, tmp_path, params={"size": 7}).card.params == {"size": 7}


def test_a_class_without_a_file_is_written_as_onnx_where_asked(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    line = refused(module, tmp_path, format="torch")
    assert f"class Sequential lies in no file of {tmp_path}" in line
    assert 'save with format="onnx"' in line


def test_onnx_is_the_default_for_a_class_without_a_file(tmp_path: Path, data: Path) -> None:
    pytest.importorskip("onnxscript")
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(3, 400), nn.Tanh(), nn.Linear(400, 1))
    loaded = saved(module, tmp_path, data=data)
    assert sorted(path.name for path in (tmp_path / "weights").iterdir()) == ["mine.json", "mine.onnx"]
    card = json.loads((tmp_path / "weights/mine.json").read_text())
    assert card["format"] == "onnx"
    assert "model" not in card
    assert "onnxruntime" in card["runtime"]["versions"]
    x = torch.tensor([0.01, -0.02, 0.03])
    assert loaded.predict().on_tick(x.numpy()) == pytest.approx(module(x).item(), rel=1e-5)
    written = (tmp_path / "weights/mine.onnx").read_bytes()
    assert b"test_save_model" not in written  # no line or path of where it was made
    assert b"site-packages" not in written
    # a second model of the name, of the other format, leaves nothing of the first
    saved(LinearModel(3), tmp_path, force=True)
    assert sorted(path.name for path in (tmp_path / "weights").iterdir()) == ["mine.json", "mine.pth"]


class Alone(nn.Module):
    """Takes one vector."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[0] + 2 * x[1]


class Batch(nn.Module):
    """Takes a batch."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, 0] + 2 * x[:, 1]


class Doubtful(nn.Module):
    """Takes both, and means the batch."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(-1)[..., 0].sum() if x.ndim == 1 else x[..., 1:2]


@pytest.mark.parametrize(
    ("module", "batched"),
    [(Alone(), False), (Batch(), True), (Doubtful(), True), (LinearModel(2), False), (nn.Linear(2, 1), False)],
)
def test_how_a_module_takes_samples_is_found_by_trying(module: nn.Module, batched: bool) -> None:
    samples = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)
    with torch.no_grad():
        assert takes_batches(module, samples, "m") == batched


class Nothing(nn.Module):
    """Gives something else than one number."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what, self.calls = what, 0

    def forward(self, x: torch.Tensor) -> Any:
        self.calls += 1
        match self.what:
            case "tuple":
                return x, x
            case "nan":
                return x.sum(-1) * math.nan
            case "double":
                return x.double().sum(-1)
            case "raises":
                raise KeyError("no such thing")
            case "counts":
                return x.sum(-1) * self.calls
            case _:
                return x.sum(-1) * random.random()


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (LinearModel(4), "the module takes neither a sample of shape (3,) ("),
        (nn.Linear(3, 2), "gives shape (2,), not one number each"),
        (Nothing("tuple"), "gives a tuple, not a tensor"),
        (Nothing("double"), "gives torch.float64, not torch.float32"),
        (Nothing("raises"), "no such thing"),
        (Nothing("nan"), "1000 predictions of 1000 not finite"),
        (LinearModel(3).double(), "has parameters of torch.float64, the line computes in float32: use .float()"),
        ("no module", "save a torch.nn.Module, not a str"),
    ],
)
def test_a_module_of_another_kind_is_refused_in_one_line(tmp_path: Path, module: Any, words: str) -> None:
    assert words in refused(module, tmp_path, model="own.py:Own")


OWN = """
import random
from torch import nn


class Luck(nn.Module):
    def __init__(self, no_features):
        super().__init__()
        self.linear = nn.Linear(no_features, 1)

    def forward(self, x):
        return self.linear(x) + random.random()


class Hidden(nn.Module):
    def __init__(self, no_features):
        super().__init__()
        self.linear = nn.Linear(no_features, 1)
        self.factor = 1.0

    def forward(self, x):
        return self.linear(x) * self.factor
"""


def test_what_is_saved_must_say_what_the_module_says(tmp_path: Path) -> None:
    (tmp_path / "own_luck.py").write_text(OWN)
    import own_luck  # type: ignore[import-not-found]

    assert "it is random" in refused(own_luck.Luck(3), tmp_path)
    altered = own_luck.Hidden(3)
    altered.factor = 3.0  # no parameter: the file does not have it
    line = refused(altered, tmp_path)
    assert "what was saved gives" in line
    assert "(1000 of 1000 samples differ by more than 1e-06 of the output's s.d.)" in line
    altered.factor = 1.0
    saved(altered, tmp_path)


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        ({"features": "log_return_lags(3)"}, ConfigError, "features are a list"),
        ({"features": ["no_such(3)"]}, ConfigError, "no_such"),
        ({"features": ["log_return_lags(4)"]}, ModelRefused, "a sample of shape (4,)"),
        ({"symbols": ""}, ConfigError, "symbols"),
        ({"interval": None}, ConfigError, "give an interval"),
        ({"interval": "soon"}, ConfigError, "interval 'soon' is unknown"),
        ({"window": 0}, ConfigError, "window"),
        ({"data": Path("nowhere.csv")}, DataError, "nowhere.csv"),
        ({"model": "nowhere.py:Net"}, ModelRefused, "nowhere.py"),
    ],
)
def test_arguments_that_are_wrong(tmp_path: Path, more: Any, error: type[TicklineError], words: str) -> None:
    with pytest.raises(error) as caught:
        saved(LinearModel(3), tmp_path, **more)
    assert words in str(caught.value)
    assert not list((tmp_path / "weights").glob("*"))


def test_a_name_that_is_taken(tmp_path: Path) -> None:
    saved(LinearModel(3), tmp_path)
    with pytest.raises(ConfigError, match=r"exists: pass force=True to replace that model, or take another name$"):
        saved(LinearModel(3), tmp_path)
    saved(LinearModel(3), tmp_path, force=True)


def test_data_of_shorter_bars_make_the_models(tmp_path: Path, data: Path) -> None:
    loaded = saved(LinearModel(3), tmp_path, data=data, interval="4h")
    assert loaded.card.interval == "4h"
    assert loaded.card.training is not None
    assert loaded.card.training.y_hat.n == 300 // 4 - 4
    lines = list(check_model(tmp_path / "weights/mine.json", data=data))
    assert "distributions: of 71 samples, as the card says" in lines


def test_data_without_what_the_features_need_are_refused_by_name(tmp_path: Path, data: Path) -> None:
    line = refused(LinearModel(1), tmp_path, data=data, features=["volume_z(4)"])
    assert "volume_z(4) needs bar, but the file has the price only" in line
    line = refused(LinearModel(3), tmp_path, data=data, interval="90m")
    assert "its bars are 1h long, which make no 90m" in line
