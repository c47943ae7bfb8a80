"""load_model: a good model loads; each bad one is refused with one clear line."""

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from shared.errors import SafetyRefusal
from shared.models import ModelRefused
from shared.models.code import predicting_hash
from shared.models.linear_model import LinearModel
from shared.models.load_model import load_model, require_model
from shared.models.non_linear_model import NonLinearModel
from shared.models.standardised import Standardised
from shared.user_code.finder import FINDER

SHIPPED = Path("weights/btcusdt_12h_linear.json")


def write(folder: Path, weights: object, **changes: object) -> Path:
    """A model's two files in `folder`, the card made to match unless `changes` say otherwise."""
    if isinstance(weights, bytes):
        data = weights
    else:
        buffer = io.BytesIO()
        torch.save(weights, buffer)
        data = buffer.getvalue()
    (folder / "m.pth").write_bytes(data)
    card = json.loads(SHIPPED.read_text()) | {"name": "m", "sha256": hashlib.sha256(data).hexdigest()} | changes
    (folder / "m.json").write_text(json.dumps(card))
    return folder / "m.json"


def linear() -> dict[str, Any]:
    return LinearModel(3).state_dict()


def refused(path: Path, **wanted: Any) -> str:
    """The line with which `path` is refused."""
    with pytest.raises(ModelRefused) as caught:
        load_model(path, **wanted)
    line = str(caught.value)
    assert "\n" not in line
    assert 20 < len(line) < 400
    assert isinstance(caught.value, SafetyRefusal)
    return line


@pytest.mark.parametrize("path", ["weights/btcusdt_12h_linear.json", "weights/btcusdt_12h_linear.pth"])
def test_the_shipped_model_loads_by_card_or_weights(path: str) -> None:
    loaded = load_model(path, symbols=["BTCUSDT"], interval="12h")
    module, card = loaded.module, loaded.card
    assert card.symbols == ("BTCUSDT",)
    assert loaded.hash == card.short_hash
    assert not module.training
    assert not any(parameter.requires_grad for parameter in module.parameters())
    state = module.state_dict()
    assert state["linear.weight"].equal(torch.tensor([[-0.10395038, -0.06726477, 0.02827305]]))
    assert state["linear.bias"].equal(torch.tensor([0.00067121]))


def test_a_name_is_what_the_line_finds_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = load_model("btcusdt_12h_linear")
    monkeypatch.chdir(tmp_path)  # another config's folder
    assert load_model("btcusdt_12h_linear").hash == shipped.hash
    monkeypatch.undo()
    write(tmp_path, linear(), name="m")
    monkeypatch.chdir(tmp_path)
    assert load_model("m").card.name == "m"
    assert "there is no model 'nope' in " in refused(Path("nope"))


def test_the_simulated_model_is_for_any_symbol() -> None:
    loaded = load_model(Path("weights/simulated_linear.json"), symbols=["SIM-A", "SIM-H"], interval="1s")
    assert loaded.card.covers("whatever")
    assert loaded.module.state_dict()["linear.weight"][0, 0].item() == pytest.approx(-0.5, abs=0.01)


@pytest.mark.parametrize("params", [{}, {"hidden": 5}])
def test_a_non_linear_model_loads(tmp_path: Path, params: dict[str, int]) -> None:
    model = NonLinearModel(3, **params)
    loaded = load_model(write(tmp_path, model.state_dict(), model="NonLinearModel", params=params))
    x = torch.tensor([0.1, -0.2, 0.3])
    assert loaded.module(x).equal(model(x))


def test_missing_files(tmp_path: Path) -> None:
    line = refused(tmp_path / "none.json")
    assert "none.json" in line
    assert "No such file" in line
    path = write(tmp_path, linear())
    (tmp_path / "m.pth").unlink()
    assert "m.pth cannot be read" in refused(path)
    (tmp_path / "m.pth").mkdir()
    assert "m.pth cannot be read" in refused(path)


def test_altered_weights(tmp_path: Path) -> None:
    path = write(tmp_path, linear())
    data = bytearray((tmp_path / "m.pth").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "m.pth").write_bytes(data)
    line = refused(path)
    assert "sha256" in line
    assert "m.pth" in line


def test_weights_of_another_shape(tmp_path: Path) -> None:
    path = write(tmp_path, LinearModel(4).state_dict())
    assert "linear.weight is torch.float32 (1, 4), the card's model needs torch.float32 (1, 3)" in refused(path)


def test_weights_of_another_class(tmp_path: Path) -> None:
    path = write(tmp_path, NonLinearModel(3).state_dict())
    assert "a LinearModel has [linear.weight, linear.bias]" in refused(path)


def test_weights_of_another_dtype(tmp_path: Path) -> None:
    assert "torch.float64" in refused(write(tmp_path, LinearModel(3).double().state_dict()))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(tmp_path: Path, number: float) -> None:
    weights = linear()
    weights["linear.bias"].fill_(number)
    assert "not finite" in refused(write(tmp_path, weights))


class Evil:
    """What a pickle may do when it is loaded without weights_only."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, ("evil-was-here",)


def test_a_file_that_would_run_code_is_refused_and_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, {"linear.weight": Evil()}).resolve()
    monkeypatch.chdir(tmp_path)
    assert "cannot be loaded as plain tensors" in refused(path)
    assert not (tmp_path / "evil-was-here").exists()


def script_like_archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("m/constants.pkl", b"")
        archive.writestr("m/data.pkl", b"")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data", [b"", b"no weights", b"PK\x03\x04", b"\x80\x04N.", b"\x80\x02}q\x00.", script_like_archive()]
)
def test_files_that_are_no_weights(tmp_path: Path, data: bytes) -> None:
    refused(write(tmp_path, data))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_one_line(tmp_path: Path, data: bytes) -> None:
    refused(write(tmp_path, data))


@pytest.mark.parametrize("content", [[torch.zeros(3)], torch.zeros(3), "text", 3])
def test_a_whole_something_instead_of_a_state_dict(tmp_path: Path, content: object) -> None:
    assert "not a state_dict" in refused(write(tmp_path, content))


def test_a_state_dict_of_something_else_than_tensors(tmp_path: Path) -> None:
    assert "linear.bias is a float, not a tensor" in refused(write(tmp_path, linear() | {"linear.bias": 0.5}))


def test_another_symbol() -> None:
    line = refused(SHIPPED, symbols=["BTCUSDT", "ETHUSDT"])
    assert "is for BTCUSDT, not for ETHUSDT" in line
    assert str(SHIPPED) in line
    assert "not for ETHUSDT" in refused(SHIPPED, symbols="ETHUSDT")


def test_another_interval(tmp_path: Path) -> None:
    assert "is for 12h, not for 7h" in refused(SHIPPED, interval="7h")
    assert "is for 12h, not for 1d" in refused(SHIPPED, interval="1d")
    assert load_model(SHIPPED, interval="1h").card.interval == "12h", "the line makes its bars out of shorter ones"
    assert "'sometimes' is unknown" in refused(SHIPPED, interval="sometimes")
    assert load_model(write(tmp_path, linear(), interval="1m"), interval="60s").card.interval == "1m"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"surprise": 1}, "surprise: Extra inputs"),
        ({"sha256": "short"}, "sha256"),
        ({"symbols": []}, "symbols"),
        ({"symbols": "BTCUSDT"}, "symbols"),
        ({"interval": "soon"}, "interval 'soon' is unknown"),
        ({"no_features": "3"}, "no_features"),
        ({"no_features": 4}, "log_return_lags(3) gives 3 features, no_features says 4"),
        ({"features": "macd(14)"}, "feature 'macd' is unknown"),
        ({"model": "Oracle"}, "model 'Oracle' is unknown; there are: LinearModel, NonLinearModel"),
        ({"params": {"depth": 3}}, "depth"),
        ({"origin": ""}, "origin"),
    ],
)
def test_a_card_that_is_wrong(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    line = refused(write(tmp_path, linear(), **changes))
    assert words in line
    assert "m.json" in line


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00", '{"name": "m"}'])
def test_a_card_that_is_none(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, linear())
    path.write_text(text)
    assert "m.json" in refused(path)


def test_a_card_may_say_nothing_of_its_training(tmp_path: Path) -> None:
    assert load_model(write(tmp_path, linear(), training=None)).card.training is None


def test_a_card_that_describes_other_features(tmp_path: Path) -> None:
    training = json.loads(SHIPPED.read_text())["training"]
    training["features"].pop()
    assert "gives 3 features, training describes 2" in refused(write(tmp_path, linear(), training=training))


def test_a_copied_model_is_the_same_model(tmp_path: Path) -> None:
    for suffix in (".json", ".pth"):
        shutil.copy(SHIPPED.with_suffix(suffix), tmp_path / f"other{suffix}")
    assert load_model(tmp_path / "other.pth").card == load_model(SHIPPED).card


# A class of the user's own.

NET = """
import torch
from torch import nn

from helper import scaled


class Net(nn.Module):
    def __init__(self, inputs, hidden=4, *, slope=0.1):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(inputs, hidden), nn.LeakyReLU(slope), nn.Linear(hidden, 1))

    def forward(self, x):
        return scaled(self.layers(x))


class NoModule:
    def __init__(self, inputs):
        pass


class Fails(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        raise RuntimeError("out of luck")
"""
HELPER = "def scaled(y):\n    return 2 * y\n"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(FINDER, "reads_once", False)  # a command of another test may have set it
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "helper.py").write_text(HELPER)
    return tmp_path


def net(hidden: int = 4) -> dict[str, torch.Tensor]:
    layers = nn.Sequential(nn.Linear(3, hidden), nn.LeakyReLU(), nn.Linear(hidden, 1))
    return {f"layers.{name}": tensor for name, tensor in layers.state_dict().items()}


@pytest.mark.parametrize("spec", ["net.py:Net", "net:Net"])
def test_a_users_class_loads(own: Path, spec: str) -> None:
    weights = net(hidden=5)
    path = write(own, weights, model=spec, params={"hidden": 5, "slope": 0.5})
    loaded = load_model(path, folder=own)
    x = torch.tensor([0.1, -0.2, 0.3])
    inner = torch.nn.functional.leaky_relu(x @ weights["layers.0.weight"].T + weights["layers.0.bias"], 0.5)
    wanted = 2 * (inner @ weights["layers.2.weight"].T + weights["layers.2.bias"])
    assert loaded.predict().on_tick(x) == pytest.approx(wanted.item(), rel=1e-5)


def test_the_hash_is_of_the_users_code_too(own: Path) -> None:
    path = write(own, net(), model="net.py:Net")
    first = load_model(path, folder=own)
    assert first.hash != first.card.short_hash
    assert first.hash == load_model(path, folder=own).hash == predicting_hash(first.card, own)[:16]
    (own / "helper.py").write_text(HELPER.replace("2", "3"))
    assert predicting_hash(first.card, own)[:16] == load_model(path, folder=own).hash != first.hash


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "nets.py:Net"}, "nets.py"),
        ({"model": "net.py:Nets"}, "Nets"),
        ({"model": "net.py:NoModule"}, "net.py:NoModule makes a NoModule, not a torch.nn.Module"),
        ({"model": "net.py:Fails"}, "RuntimeError: out of luck"),
        ({"model": "net.py:Net", "params": {"hiden": 4}}, "it takes inputs, hidden, slope: correct params"),
        ({"model": "net.py:Net", "params": {"hidden": "many"}}, "correct params"),
        ({"model": "net.py:Net", "params": {"hidden": 6}}, "layers.0.weight is torch.float32 (4, 3), the card's model "
         "needs torch.float32 (6, 3)"),
        ({"model": "no.such.package:Net"}, "no.such.package"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_users_class_is_one_line(own: Path, changes: dict[str, object], words: str) -> None:
    assert words in refused(write(own, net(), **changes), folder=own)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"sha256": "0" * 64}, {}),
        ({"no_features": 4}, {}),
        ({"features": "macd(14)"}, {}),
        ({}, {"symbols": "ETHUSDT"}),
        ({}, {"interval": "7h"}),
        ({"model": "Oracle"}, {}),
        ({"model": "net.py:Fails"}, {}),
        ({"model": "net.py:Net", "params": {"hidden": 6}}, {}),
        # Of ours, by hand: the files are there and whole, and do not fit.
        ({"model": "NonLinearModel"}, {}),
        ({"standardised": True}, {}),
        ({"params": {"hidden": 6}}, {}),
    ],
    ids=str,
)
def test_a_look_before_the_start_refuses_in_the_same_words(
    own: Path, changes: dict[str, object], wanted: dict[str, Any]
) -> None:
    path = write(own, net() if "net.py" in str(changes) else linear(), **changes)
    with pytest.raises(ModelRefused) as caught:
        require_model(path, folder=own, **wanted)
    assert str(caught.value) == refused(path, folder=own, **wanted)


def test_a_look_before_the_start_loads_torch_for_a_users_class_and_what_a_person_wrote(own: Path) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from shared.models.load_model import require_model\n"
        "require_model(sys.argv[1], folder=Path(sys.argv[2]))\n"
        "print('torch' in sys.modules)\n"
    )
    said = []
    by_hand = own / "by_hand"
    by_hand.mkdir()
    for path in (SHIPPED, write(own, net(), model="net.py:Net"), write(by_hand, linear(), fits="")):
        command = [sys.executable, "-c", script, str(path), str(own)]
        said.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert said == ["False\n", "True\n", "True\n"]


def test_a_line_of_the_users_code_is_named(own: Path) -> None:
    line = refused(write(own, net(), model="net.py:Fails"), folder=own)
    assert re.search(r"net\.py:\d+, in __init__", line)


def test_a_standardised_model(own: Path) -> None:
    inner = LinearModel(3)
    whole = Standardised(inner, 3)
    whole.rescale(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.5, 0.1, 2.0]), 0.01)
    loaded = load_model(write(own, whole.state_dict(), standardised=True))
    x = torch.tensor([0.1, -0.2, 0.3])
    assert loaded.predict().on_tick(x) == whole(x).item()
    assert "hold [bias" not in refused(write(own, inner.state_dict(), standardised=True))


IMPURE = """
import torch
from torch import nn
from torch.nn import functional as F
class Net(nn.Module):
    def __init__(self, no_features):
        super().__init__()
        self.linear = nn.Linear(no_features, 1)
        self.last = None
    def forward(self, x):
        {body}
"""


@pytest.mark.parametrize(
    ("body", "pure"),
    [
        ("return self.linear(x)", True),
        ("return self.linear(x) / 0", True),  # not finite, but the same
        ("raise ValueError('not for such numbers')", True),
        ("return self.linear(F.dropout(x, self.training * 0.5))", True),
        ("return self.linear(F.dropout(x, 0.5))", False),
        ("last, self.last = self.last, x; return self.linear(x if last is None else x - last)", False),
        ("self.linear.weight.data *= 0.999; return self.linear(x)", False),
    ],
)
def test_a_model_that_is_random_or_remembers_is_refused(tmp_path: Path, body: str, pure: bool) -> None:
    (tmp_path / "net.py").write_text(IMPURE.format(body=body))
    torch.manual_seed(1)
    path = write(tmp_path, linear(), model="net.py:Net", params={})
    if pure:
        load_model(path, folder=tmp_path)
    else:
        assert "net.py:Net gives another number for the same sample" in refused(path, folder=tmp_path)
