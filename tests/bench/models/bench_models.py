"""What a prediction costs by torch and by ONNX, and how far an LSTM's y_hat agree.

Three modules, each saved both ways and measured in a process of its own: linear, a hidden layer of 64, an LSTM of 32
over a window of 48. The LSTM is then asked by a notebook with torch's own defaults, and by the line.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Literal

import torch

from shared.models.runtime import TOLERANCE, Runtime
from tests.bench.heading import about, show_about
from tests.bench.models import agreement
from tests.bench.models.agreement import FEATURES, WINDOW, Agreement
from tests.bench.models.nets import Hidden, Linear, Lstm

ROOT = Path(__file__).resolve().parents[3]
REPORT = ROOT / "build" / "bench-models.json"
MODULES = {"linear": (Linear(3), 1), "hidden 64": (Hidden(3), 1), "LSTM 32 x 48": (Lstm(3), WINDOW)}
FORMATS: tuple[Literal["torch", "onnx"], ...] = ("torch", "onnx")
LINE, AGAIN, FLOAT64 = "line and backtest, torch", "the line again, torch", "the module in float64"
NOTES = (
    "a prediction is one call of Predict or OnnxPredict with one sample in numpy memory; features are not in it",
    "memory is resident, of a process that loads one model and predicts; runtime: what loading and predicting added",
)


def main() -> None:
    """Measure and report; exits 1 where a notebook and the line differ by more than is allowed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agreement", action="store_true", help="without the costs, which want a quiet machine")
    parser.add_argument("--short", action="store_true", help="little data: does it run, and is it right?")
    given = parser.parse_args()
    short: bool = given.short
    with tempfile.TemporaryDirectory(prefix="bench-models-") as name:
        folder = Path(name)
        (folder / "prices.csv").write_text(agreement.prices(300 if short else 1_100))
        found = {
            "about": about(("torch", "onnxruntime", "numpy"), {"calls": 500 if short else 5_000}, NOTES),
            "runtime": {each: Runtime.here(each).text for each in ("torch", "onnx")},
            "cost": {} if given.agreement else costs(folder, 500 if short else 5_000),
            "agreement": agreements(folder, 5 if short else 100),
        }
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(found, indent=2) + "\n")
    sys.exit(0 if show(found) else 1)


def costs(folder: Path, calls: int) -> dict[str, dict[str, Any]]:
    """Module -> format -> what it costs."""
    from shared.models.save_model import save_model

    found: dict[str, dict[str, Any]] = {}
    for label, (module, window) in MODULES.items():
        for kind in FORMATS:
            name = f"{label.split()[0]}_{kind}"
            save_model(
                module, name, features=FEATURES, symbols="*", interval="1h", window=window, weights=folder,
                format=kind,
            )  # fmt: skip
            command = [sys.executable, "-m", "tests.bench.models.one", str(folder / f"{name}.json"), str(calls)]
            done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
            found.setdefault(label, {})[kind] = json.loads(done.stdout)
    return found


def agreements(folder: Path, steps: int) -> dict[str, dict[str, float]]:
    """Beside a notebook that asks the trained LSTM a window at a time."""
    threads = torch.get_num_threads()  # the first Predict sets one
    data = agreement.samples(folder)
    module = agreement.trained(data, steps)
    alone, batch = agreement.notebook(module, data), agreement.notebook(module, data, batch=True)
    by_torch = agreement.line(agreement.saved(module, "lstm_torch", "torch", folder), data)
    again = agreement.line(agreement.saved(module, "lstm_torch", "torch", folder), data)
    by_onnx = agreement.line(agreement.saved(module, "lstm_onnx", "onnx", folder), data)
    pairs = {
        "notebook without torch.no_grad()": (alone, agreement.notebook(module, data, gradients=True)),
        "notebook, all windows in one batch": (alone, batch),
        LINE: (alone, by_torch),
        "line and backtest, ONNX": (alone, by_onnx),
        AGAIN: (by_torch, again),
        FLOAT64: (alone, agreement.exact(module, data)),
    }
    found = {label: Agreement.of(*pair)._asdict() for label, pair in pairs.items()}
    return {label: each | {"samples": len(data), "threads": threads} for label, each in found.items()}


def show(found: dict[str, Any]) -> bool:
    """Prints both tables; False where the line differs by a bit, or others by four times float32's own rounding."""
    show_about(found["about"])
    print(*found["runtime"].values(), sep="\n")
    heads = ("torch us", "ONNX us", "torch MB", "ONNX MB", "torch load s", "ONNX load s")
    print(f"\n{'':<14}" + "".join(f"{head:>{len(head) + 2}}" for head in heads))
    for label, by in found["cost"].items():
        row = [by[kind][what] for what in ("us", "rss_mb", "load_s") for kind in ("torch", "onnx")]
        cells = (f"{value:>{len(head) + 2}}" for value, head in zip(row, heads, strict=True))
        print(f"{label:<14}" + "".join(cells))
    titles = ("beside a notebook, a window at a time", "equal to the bit", "to 1e-6 s.d.", "largest / s.d.")
    print(f"\n{titles[0]:<40}{titles[1]:>18}{titles[2]:>14}{titles[3]:>16}")
    for label, each in found["agreement"].items():
        print(f"{label:<40}{each['equal']:>18.1%}{each['within']:>14.1%}{each['largest']:>16.2g}")
    bound = max(TOLERANCE, 4 * found["agreement"][FLOAT64]["largest"])  # as save_model has it
    return all(each["largest"] <= bound for each in found["agreement"].values()) and (
        found["agreement"][LINE]["equal"] == found["agreement"][AGAIN]["equal"] == 1.0
    )
