"""A weights file from elsewhere becomes a model, as it is; and a check says what holds of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from shared.errors import ConfigError, DataError, TicklineError
from shared.models.add_model import add_model
from shared.models.check_model import check_model
from shared.models.linear_model import LinearModel
from shared.models.load_model import LoadedModel, load_model
from shared.models.non_linear_model import NonLinearModel
from shared.models.runtime import Runtime
from shared.models.saving import Saving
from shared.models.standardised import Standardised


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "prices.csv"
    closes = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, 200)))
    rows = [f"2024-01-{1 + n // 24:02}T{n % 24:02}:00:00,{close:.4f}" for n, close in enumerate(closes)]
    path.write_text("\n".join(["datetime,price", *rows]) + "\n")
    return path


def pth(folder: Path, state: object) -> Path:
    torch.save(state, folder / "theirs.pth")
    return folder / "theirs.pth"


def added(file: Path, *, model: str | None = "LinearModel", params: Any = None, **more: Any) -> LoadedModel:
    given: dict[str, Any] = {"features": ["log_return_lags(3)"], "symbols": "BTCUSDT", "interval": "1h"} | more
    saving = Saving(name="theirs", out=file.parent / "weights", folder=file.parent, **given)
    return add_model(file, saving, model=model, params=params)


def refused(file: Path, **more: Any) -> str:
    with pytest.raises(TicklineError) as caught:
        added(file, **more)
    line = str(caught.value)
    assert "\n" not in line
    assert not (file.parent / "weights").exists()
    return line


def test_a_state_dict_with_its_class(tmp_path: Path, data: Path) -> None:
    module = NonLinearModel(3, hidden=5)
    file = pth(tmp_path, module.state_dict())
    loaded = added(file, model="NonLinearModel", params={"hidden": 5}, data=data)
    assert (tmp_path / "weights/theirs.pth").read_bytes() == file.read_bytes()
    assert load_model(tmp_path / "weights/theirs.json").hash == loaded.hash
    assert loaded.card.training is not None
    assert loaded.card.training.y_hat.n == 196
    x = torch.tensor([0.1, -0.2, 0.3])
    assert loaded.predict().on_tick(x) == module(x).item()


def test_a_class_that_wants_a_batch_and_a_window(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "from torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self, inputs):\n"
        "        super().__init__()\n        self.gru = nn.GRU(inputs, 1, batch_first=True)\n\n"
        "    def forward(self, x):\n        return self.gru(x)[0][:, -1, :]\n"
    )
    gru = nn.GRU(3, 1, batch_first=True)
    state = {f"gru.{name}": tensor for name, tensor in gru.state_dict().items()}
    card = added(pth(tmp_path, state), model="net.py:Net", window=5).card
    assert (card.batched, card.window) == (True, 5)


def test_a_standardised_model_is_known_by_its_scales(tmp_path: Path) -> None:
    assert added(pth(tmp_path, Standardised(LinearModel(3), 3).state_dict())).card.standardised


@pytest.mark.parametrize(
    ("made", "more", "words"),
    [
        (LinearModel(3).state_dict, {"model": None}, "a state_dict has no class: name it"),
        (LinearModel(4).state_dict, {}, "linear.weight is torch.float32 (1, 4), the card's model needs"),
        (lambda: LinearModel(3), {}, "cannot be loaded as plain tensors"),
        (lambda: [1], {}, "hold a list, not a state_dict"),
        (LinearModel(3).state_dict, {"model": "net.py:Net"}, "net.py"),
        (LinearModel(3).state_dict, {"params": {"depth": 3}}, "depth"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_and_nothing_is_written(tmp_path: Path, made: Any, more: Any, words: str) -> None:
    assert words in refused(pth(tmp_path, made()), **more)


def test_predictions_that_are_not_finite(tmp_path: Path) -> None:
    huge = {"linear.weight": torch.full((1, 3), 3e38), "linear.bias": torch.tensor([3e38])}
    assert "not finite: train it anew" in refused(pth(tmp_path, huge))


def test_another_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "m.h5").write_bytes(b"")
    assert "a model is a .pth with a state_dict, or an .onnx" in refused(tmp_path / "m.h5")
    assert "cannot be read" in refused(tmp_path / "none.pth")


def test_an_onnx_file_needs_no_class(tmp_path: Path, data: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from tests.onnx_files import linear, outside

    (tmp_path / "m.onnx").write_bytes(linear().SerializeToString())
    with pytest.raises(ConfigError, match="needs no class"):
        added(tmp_path / "m.onnx")
    planted = linear()
    outside(planted.graph.initializer[0])
    (tmp_path / "out.onnx").write_bytes(planted.SerializeToString())
    assert "tensor 'w' lies in 'planted.bin'" in refused(tmp_path / "out.onnx", model=None)
    loaded = added(tmp_path / "m.onnx", model=None, data=data)
    assert (loaded.card.format, loaded.card.batched) == ("onnx", True)
    assert loaded.card.training is not None
    lines = list(check_model(tmp_path / "weights/theirs.onnx", data=data))
    assert "external data: none, all is in the file; operators: ONNX's own" in lines


# check


def test_a_check_says_what_holds(tmp_path: Path, data: Path) -> None:
    torch.manual_seed(0)
    loaded = added(pth(tmp_path, LinearModel(3).state_dict()), data=data, test_share=0.2)
    path = tmp_path / "weights/theirs.json"
    lines = list(check_model(path, data=data))
    assert [line.partition(":")[0] for line in lines] == ["hash", "shapes", "samples", "distributions", "runtime"]
    assert loaded.hash in lines[0]
    assert "log_return_lags(3) gives 3; a sample is (3,)" in lines[1]
    assert "1,000 of 1,000 give a finite number" in lines[2]
    assert lines[3] == "distributions: of 157 samples, as the card says"
    assert lines[4] == f"runtime: {Runtime.here('torch').text}"
    assert "not computed again" in list(check_model(path))[3]


def test_a_check_finds_other_distributions_and_says_another_runtime(tmp_path: Path, data: Path) -> None:
    card = added(pth(tmp_path, LinearModel(3).state_dict()), data=data).card
    path = tmp_path / "weights/theirs.json"
    there = Runtime(versions={"torch": "1.0"}, cpu="x86_64 GenuineIntel avx2")
    path.write_text(card.model_copy(update={"runtime": there}).model_dump_json(exclude_none=True))
    (line,) = [line for line in check_model(path) if line.startswith("runtime")]
    assert line.endswith(f"of {there.text}: predictions agree to 1e-06 of their s.d., not to the bit")
    assert card.training is not None
    moved = card.training.y_hat.model_copy(update={"mean": card.training.y_hat.mean + 0.1})
    other = card.model_copy(update={"training": card.training.model_copy(update={"y_hat": moved})})
    path.write_text(other.model_dump_json(exclude_none=True))
    with pytest.raises(TicklineError, match="the distribution of y_hat is not the card's"):
        list(check_model(path, data=data))
    data.write_text(data.read_text() + "2024-02-01T00:00:00,100\n")
    with pytest.raises(DataError, match="is not the file that model theirs was described on"):
        list(check_model(path, data=data))


def test_a_card_without_distributions(tmp_path: Path) -> None:
    added(pth(tmp_path, LinearModel(3).state_dict()))
    assert "the card has none" in list(check_model(tmp_path / "weights/theirs.pth"))[3]
