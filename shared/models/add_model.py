"""A weights file from elsewhere becomes a model of the line: its card is written, and it is kept as it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.errors import ConfigError
from shared.models.card import SUFFIXES
from shared.models.load_model import MAX_WEIGHTS_BYTES, LoadedModel, read_file
from shared.models.saving import Saving, require_finite

TORCH = frozenset({".pth", ".pt"})
SCALES = frozenset({"shift", "scale", "y_scale"})  # which a Standardised has beside its module's weights


def add_model(
    file: Path, saving: Saving, *, model: str | None = None, params: Mapping[str, Any] | None = None
) -> LoadedModel:
    """Makes a model of a file of weights; returns it as the line loads it.

    - file: a state_dict that torch saved (.pth, .pt), or an ONNX file (.onnx) with all its data in it.
    - model, params: of a state_dict the class, as a card names it, and its constructor's arguments.

    The file's bytes are kept, so its sha256 stays. Before anything is written the model is loaded as the line loads it
    and gives a finite number for each of 1,000 samples. Raises ModelRefused, ConfigError or DataError, in one line.
    """
    where = f"model {saving.name}"
    onnx = file.suffix == SUFFIXES["onnx"]
    if not onnx and file.suffix not in TORCH:
        raise ConfigError(f"{file}: a model is a .pth with a state_dict, or an .onnx: export one of them")
    if onnx and (model or params):
        raise ConfigError(f"{file}: an ONNX file needs no class and no parameters: leave them out")
    weights = read_file(file, MAX_WEIGHTS_BYTES)
    data = saving.read()
    samples = saving.samples(data)
    if onnx:
        loaded = saving.model(weights, format="onnx", batched=_onnx_batched(weights, saving, file))
    else:
        from shared.models.batches import takes_batches
        from shared.models.torch_model import state_in

        if model is None:
            raise ConfigError(f"{file}: a state_dict has no class: name it, e.g. NonLinearModel or model.py:Net")
        held = state_in(weights, str(file)).keys()
        told = {"model": model, "params": dict(params or {}), "standardised": held >= SCALES}
        loaded = saving.model(weights, **told)
        if takes_batches(loaded.module, samples, where):
            loaded = saving.model(weights, **told, batched=True)
    predict = loaded.predict()
    require_finite((predict.on_tick(row.copy()) for row in samples), where)
    return saving.write(loaded, weights, data)


def _onnx_batched(weights: bytes, saving: Saving, file: Path) -> bool:
    from shared.models.load_model import onnx_model

    return onnx_model(weights, saving.vector.width, saving.window, str(file)).batched
