"""An ONNX model: what it computes, what fits it, and a signal process without torch."""

import hashlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from onnx import TensorProto, helper  # noqa: E402

from shared.models.card import ModelRefused  # noqa: E402
from shared.models.load_model import load_model  # noqa: E402
from shared.models.onnx_model import OnnxModel, OnnxPredict  # noqa: E402
from tests.onnx_files import WEIGHT, linear  # noqa: E402

ROOT = Path(__file__).parents[3]
SHIPPED = Path("weights/btcusdt_12h_linear.json")


def write(folder: Path, data: bytes, **changes: object) -> Path:
    (folder / "m.onnx").write_bytes(data)
    card = json.loads(SHIPPED.read_text()) | {"name": "m", "format": "onnx", "batched": True}
    del card["model"]
    card |= {"sha256": hashlib.sha256(data).hexdigest()} | changes
    (folder / "m.json").write_text(json.dumps(card))
    return folder / "m.json"


def refused(folder: Path, data: bytes, **changes: Any) -> str:
    path = write(folder, data, **changes)
    with pytest.raises(ModelRefused) as caught:
        load_model(path)
    line = str(caught.value)
    assert "\n" not in line
    assert 20 < len(line) < 500
    return line


@given(st.lists(st.floats(-10, 10, width=32), min_size=3, max_size=3))
def test_it_computes_the_file(x: list[float]) -> None:
    sample = np.array(x, np.float32)
    wanted = float(sample.astype(np.float64) @ WEIGHT.astype(np.float64)[:, 0])
    for shape, out in ((("batch", 3), ("batch", 1)), ((1, 3), (1, 1)), ((3,), (1,))):
        y_hat = OnnxPredict(OnnxModel(linear(shape=shape, out=out).SerializeToString(), 3)).on_tick(sample)
        assert type(y_hat) is float
        assert y_hat == pytest.approx(wanted, rel=1e-5, abs=1e-5)
        assert np.float32(y_hat) == y_hat


def test_nan_stays_nan() -> None:
    y_hat = OnnxPredict(OnnxModel(linear().SerializeToString(), 3)).on_tick(np.full(3, np.nan, np.float32))
    assert y_hat is not None
    assert math.isnan(y_hat)


def test_a_window_of_features() -> None:
    """The mean over the window, then the product: (batch, 4, 3) or (4, 3)."""
    for shape, axis, out in ((("b", "time", 3), 1, ("b", 1)), ((4, 3), 0, (1,))):
        mean = helper.make_node("ReduceMean", ["x"], ["m"], axes=[axis], keepdims=0)
        model = linear(
            shape=shape, out=out, opsets={"": 13}, nodes=[mean, helper.make_node("MatMul", ["m", "w"], ["y"])]
        )
        predict = OnnxPredict(OnnxModel(model.SerializeToString(), 3, 4))
        x = np.arange(12, dtype=np.float32).reshape(4, 3)
        assert predict.on_tick(x) == pytest.approx(float(x.mean(axis=0) @ WEIGHT[:, 0]))


def test_a_card_loads_it(tmp_path: Path) -> None:
    path = write(tmp_path, linear().SerializeToString())
    loaded = load_model(path, symbols="BTCUSDT", interval="12h")
    assert loaded.predict().on_tick(np.ones(3, np.float32)) == WEIGHT.sum()
    assert loaded.hash == loaded.card.short_hash
    assert load_model(tmp_path / "m.onnx").card == load_model(tmp_path / "m").card == loaded.card
    with pytest.raises(ModelRefused, match="has no torch module"):
        loaded.module  # noqa: B018


def test_the_session_is_one_thread_on_the_cpu() -> None:
    session = OnnxModel(linear().SerializeToString(), 3).session
    options = session.get_session_options()
    assert session.get_providers() == ["CPUExecutionProvider"]
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert options.execution_mode == onnxruntime.ExecutionMode.ORT_SEQUENTIAL


def test_altered_files_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, linear().SerializeToString())
    (tmp_path / "m.onnx").write_bytes(linear(weight=2 * WEIGHT).SerializeToString())
    with pytest.raises(ModelRefused, match=r"m\.onnx have sha256 .* one of the two was altered"):
        load_model(path)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ({"shape": ("batch", 4), "weight": np.ones((4, 1), np.float32)},
         "input x is tensor(float) (batch, 4), a sample of its card is tensor(float) (3)"),
        ({"shape": (5, 3), "out": (5, 1)}, "input x is tensor(float) (5, 3)"),
        ({"shape": ("b", 1, 3), "out": ("b", 1, 1)}, "input x is tensor(float) (b, 1, 3)"),
        ({"element": TensorProto.DOUBLE, "weight": WEIGHT.astype(np.float64)}, "input x is tensor(double)"),
        ({"inputs": ("x", "z")}, "has 2 inputs (x, z), not one"),
        ({"outputs": ("y", "z"), "nodes": [helper.make_node("MatMul", ["x", "w"], ["y"]),
                                           helper.make_node("Identity", ["y"], ["z"])]}, "has 2 outputs (y, z)"),
        ({"weight": np.ones((3, 2), np.float32), "out": ("batch", 2)}, "output y is tensor(float) (batch, 2), not one"),
        ({"nodes": [helper.make_node("NonZero", ["x"], ["n"]), helper.make_node("Cast", ["n"], ["f"], to=1),
                    helper.make_node("Reshape", ["f", "s"], ["y"])], "inputs": ("x",), "weight": np.array([-1, 1]),
          "out": (None, None), "name": "s"}, "gives (0, 1) for one sample, not one number"),
        ({"nodes": [helper.make_node("Hokuspokus", ["x"], ["y"])]}, "cannot be loaded by onnxruntime"),
    ],
)  # fmt: skip
def test_a_file_of_another_shape_is_refused(tmp_path: Path, made: dict[str, Any], why: str) -> None:
    assert why in refused(tmp_path, linear(**made).SerializeToString())


def test_a_card_that_says_otherwise_is_refused(tmp_path: Path) -> None:
    data = linear().SerializeToString()
    assert "batched is False, the input of m.onnx has a batch" in refused(tmp_path, data, batched=False)
    assert "m.onnx gives (2, 1) for one sample, not one number" in refused(tmp_path, data, window=2)
    assert "no_features says 4" in refused(tmp_path, data, no_features=4)
    assert "needs nothing, the card's needs say bar" in refused(tmp_path, data, needs=["bar"])


def test_without_onnxruntime_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "shared.models.onnx_model")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    line = refused(tmp_path, linear().SerializeToString())
    assert line.endswith("needs onnxruntime: pip install 'tickline[onnx]' (in a clone: make setup)")


def test_a_signal_service_and_the_verbs_do_without_torch(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(linear().SerializeToString())
    closes = [f"2024-01-01T{n:02}:00:00,{100 + n % 5}" for n in range(24)]
    (tmp_path / "prices.csv").write_text("\n".join(["datetime,price", *closes]) + "\n")
    (tmp_path / "tickline.toml").write_text('[signal]\nweights = "models"\n')
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from services.console.main import app_for\n"
        "def verb(*words): app_for(['model', *words])(['model', *words], standalone_mode=False)\n"
        "verb('add', 'm.onnx', '--features', 'log_return_lags(3)', '--sym', 'X', '--data', 'prices.csv')\n"
        "verb('check', 'm', '--data', 'prices.csv')\n"
        "verb('show', 'm')\n"
        "from services.signal.stage import plan\n"
        "from shared.config import Settings\n"
        "from shared.messages import MarketTick\n"
        "from decimal import Decimal\n"
        "stage = plan(Settings(symbols=('X',), interval='1h', signal={'model': 'models/m'})).make_stage('X')\n"
        "for n in range(1, 6):\n"
        "    tick = MarketTick(n=n, sym='X', ts_event=n, tr=f't:{n}', venue='t', price=Decimal(n))\n"
        "    told = stage.on_tick(tick)[-1]\n"
        "print(told.y_hat)\n"
    )
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environ, cwd=tmp_path, timeout=120
    )
    assert done.stderr == ""
    lags = np.log(np.array([5 / 4, 4 / 3, 3 / 2])).astype(np.float32)
    assert float(done.stdout.splitlines()[-1]) == pytest.approx(float(lags @ WEIGHT[:, 0]), rel=1e-5)
    assert "distributions: of 20 samples, as the card says" in done.stdout


def test_it_predicts_in_a_process_without_torch_and_starts_no_thread(tmp_path: Path) -> None:
    path = write(tmp_path, linear().SerializeToString())
    code = (
        "import sys, os, numpy as np\n"
        "sys.modules['torch'] = None\n"
        "from shared.models.load_model import load_model\n"
        f"predict = load_model({str(path)!r}).predict()\n"
        "before = len(os.listdir('/proc/self/task')) if os.path.isdir('/proc/self/task') else 0\n"
        "print(predict.on_tick(np.ones(3, np.float32)), before)\n"
    )
    environ = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, timeout=120)
    assert done.stderr == ""
    y_hat, threads = done.stdout.split()
    assert float(y_hat) == WEIGHT.sum()
    assert int(threads) <= 2
