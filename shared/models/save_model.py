"""Saving a torch module makes a model of it that the line loads, in one call from a notebook."""

import copy
import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from shared.config import load_settings
from shared.errors import ConfigError
from shared.extras import to_install
from shared.features.feature import AnyFeature
from shared.history.tables import PriceData, price_file
from shared.models.batches import spread, takes_batches
from shared.models.card import Format, ModelRefused
from shared.models.load_model import LoadedModel
from shared.models.model_files import weights_bytes
from shared.models.registry import MODELS
from shared.models.runtime import TOLERANCE
from shared.models.saving import DEFAULT_ORIGIN, FEE, Samples, Saving, require_finite
from shared.models.standardised import Standardised
from shared.models.torch_model import NO_FEATURES
from shared.user_code import user_folder
from shared.user_code.sources import is_own


def save_model(
    module: nn.Module,
    name: str,
    *,
    features: Sequence[str | AnyFeature[Any, Any]],
    symbols: str | Sequence[str],
    interval: str | None = None,
    data: PriceData | None = None,
    window: int = 1,
    format: Format | None = None,
    model: str | None = None,
    params: Mapping[str, Any] | None = None,
    timezone: str = "",
    test_share: float = 0.0,
    fee: float = FEE,
    origin: str = DEFAULT_ORIGIN,
    weights: str | Path | None = None,
    folder: str | Path | None = None,
    force: bool = False,
) -> LoadedModel:
    """Saves a torch module as a model of the line: its weights and its card; returns it as the line loads it.

    - module: takes float32 of shape (no_features,), or (window, no_features) where window is above 1, or a batch of
      such, and gives one number for each. Which of both is found out by trying.
    - name: of both files, in the folder `weights`, by default the one the line reads. force: replace one.
    - features: feature specs, e.g. ["log_return_lags(3)"], or features; their numbers side by side are the input.
    - symbols, interval: what it is for, e.g. "BTCUSDT" or ["*"], and "12h"; the interval is by default that of `data`.
    - data: price file, or a DataFrame of one. The card describes features, predictions and scores on it, beside
      baselines. timezone: of its times. test_share: its last samples, which the module was not fitted to, are scored
      apart. fee: rate of each leg.
    - format: torch writes a state_dict; the line then needs the module's class, one of Tickline's or in a file of
      `folder` (by default the configuration's). onnx writes all in one file; the line then needs neither class nor
      torch. By default torch where the class is found.
    - model, params: the class as `file.py:Class`, and its constructor's arguments, where they are not found by
      themselves: attributes of the module with the names of the constructor's arguments are.

    What was saved is loaded as the line does it and compared with the module on 1,000 samples before anything is
    written: they differ by TOLERANCE of the output's standard deviation at most, or by the rounding of float32 where
    that is coarser.

    Raises ModelRefused, ConfigError or DataError, in one line.
    """
    settings = load_settings()  # which also say where the user's own files lie
    out = settings.signal.home if weights is None else Path(weights)
    code = None if folder is None else Path(folder)
    with nullcontext() if data is None else price_file(data) as file:
        saving = Saving(
            name=name, features=features, symbols=symbols, interval=interval, window=window, data=file,
            timezone=timezone, test_share=test_share, fee=fee, origin=origin, out=out, folder=code, force=force,
            remedy="pass force=True to replace that model, or take another name",
        )  # fmt: skip
        with one_thread():
            return _saved(module, saving, format, model, params)


def _saved(
    module: nn.Module, saving: Saving, format: Format | None, model: str | None, params: Mapping[str, Any] | None
) -> LoadedModel:
    """Asks the module, saves it, loads what was saved, compares the two, and writes files only then."""
    where = f"model {saving.name}"
    own = _own_copy(module, where)
    data = saving.read()
    samples = saving.samples(data)
    batched = takes_batches(own, samples, where)
    expected = require_finite(_asked(own, samples, batched), where)
    inner = own.module if isinstance(own, Standardised) else own
    spec = model or class_spec(type(inner), saving.folder)
    if (format or ("onnx" if spec is None else "torch")) == "onnx":
        shape = (1, *saving.sample_shape) if batched else saving.sample_shape
        weights = _onnx_bytes(own, shape, where)
        loaded = saving.model(weights, format="onnx", batched=batched)
    elif spec is None:
        raise ModelRefused(
            f"{where}: class {type(inner).__name__} lies in no file of {_shown(saving.folder)}: move it to one, e.g. "
            f'model.py, and import it from there, or save with format="onnx"'
        )
    else:
        weights = weights_bytes(own.state_dict())
        given = dict(found_params(inner, saving.vector.width) if params is None else params)
        try:
            loaded = saving.model(weights, model=spec, params=given, standardised=own is not inner, batched=batched)
        except ModelRefused as error:
            takes = ", ".join(inspect.signature(type(inner)).parameters)
            raise ModelRefused(f"{error} (params={given}; {spec} takes {takes})") from error
    compare(loaded, samples, expected, rounding(own, samples, batched, expected), where)
    return saving.write(loaded, weights, data)


@contextmanager
def one_thread() -> Iterator[None]:
    """Lets torch compute on one thread, as the line does, and gives a notebook its threads back."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _asked(module: nn.Module, samples: Samples, batched: bool) -> list[float]:
    """Returns what the module itself says of each sample."""
    asked = [torch.from_numpy(row.copy()) for row in samples]
    with torch.no_grad():
        return [module(x.unsqueeze(0) if batched else x).item() for x in asked]


def rounding(module: nn.Module, samples: Samples, batched: bool, expected: NDArray[np.float64]) -> float:
    """Returns how far float32 itself may carry a prediction: four times the module's distance from float64.

    An output of 0.2 that moves by a thousandth has less than 1e-6 of that in a float32. It is bounded by 1e-5 of the
    largest output.
    """
    largest = float(np.abs(expected).max())
    step = float(np.spacing(np.float32(largest)))
    try:
        exact = copy.deepcopy(module).double()
        with torch.no_grad():
            asked = [torch.from_numpy(row.astype(np.float64)) for row in samples]
            found = [exact(x.unsqueeze(0) if batched else x).item() for x in asked]
        off = float(np.abs(np.array(found) - expected).max())
    except (RuntimeError, ValueError, TypeError):  # it computes in float32 only
        off = 4 * step
    return min(4 * off + step, 1e-5 * largest)


def compare(loaded: LoadedModel, samples: Samples, expected: NDArray[np.float64], rounding: float, where: str) -> None:
    """Raises ModelRefused where the saved model says something else than the module did."""
    predict = loaded.predict()
    said = np.array([predict.on_tick(row.copy()) for row in samples], np.float64)
    off = np.abs(said - expected)
    allowed = max(TOLERANCE * spread(expected), rounding)
    differ = ~(off <= allowed)
    if differ.any():
        worst = int(np.argmax(np.where(np.isnan(off), np.inf, off)))
        raise ModelRefused(
            f"{where}: what was saved gives {said[worst]:.9g} where the module gives {expected[worst]:.9g} "
            f"({np.count_nonzero(differ)} of {len(off)} samples differ by more than {TOLERANCE:g} of the output's s.d.)"
            ": is anything random or kept from call to call in `forward`, or are params not the module's?"
        )


def class_spec(kind: type[nn.Module], folder: Path | None) -> str | None:
    """Returns what a card calls a class: its name in the registry, `file.py:Class` or `package.module:Class`, or None.

    A class of torch itself, or of a notebook's cells, has no such name.
    """
    for name, known in MODELS.items():
        if known is kind:
            return name
    top = kind.__module__.partition(".")[0]
    if top in ("__main__", "torch", "builtins") or "<locals>" in kind.__qualname__:
        return None
    try:
        file = Path(inspect.getfile(kind)).resolve()
    except (TypeError, OSError):
        return None
    root = (user_folder() if folder is None else folder).resolve()
    if is_own(file, root):
        return f"{file.relative_to(root).as_posix()}:{kind.__qualname__}"
    return f"{kind.__module__}:{kind.__qualname__}" if "site-packages" in file.parts else None


def found_params(module: nn.Module, no_features: int) -> dict[str, Any]:
    """Returns the constructor's arguments that the module keeps as attributes of the same names."""
    takes = inspect.signature(type(module)).parameters
    held = {
        name: getattr(module, name) for name in takes if type(getattr(module, name, None)) in (int, float, bool, str)
    }
    required = [name for name, each in takes.items() if each.default is each.empty]
    if NO_FEATURES in held:
        del held[NO_FEATURES]
    elif required and held.get(required[0]) == no_features:
        del held[required[0]]
    hidden = getattr(module, "hidden", None)
    if "hidden" in takes and isinstance(hidden, nn.Linear):  # as NonLinearModel has it
        held["hidden"] = hidden.out_features
    return held


def _own_copy(module: nn.Module, where: str) -> nn.Module:
    """Returns a copy on the CPU, in eval mode and frozen; raises ModelRefused where it does not compute in float32."""
    if not isinstance(module, nn.Module):
        raise ConfigError(f"{where}: save a torch.nn.Module, not a {type(module).__name__}")
    strange = sorted({str(each.dtype) for each in module.parameters()} - {"torch.float32"})
    if strange:
        raise ModelRefused(
            f"{where}: has parameters of {', '.join(strange)}, the line computes in float32: use .float()"
        )
    return copy.deepcopy(module).cpu().eval().requires_grad_(False)


def _shown(folder: Path | None) -> str:
    return str((user_folder() if folder is None else folder).resolve())


def _onnx_bytes(module: nn.Module, shape: tuple[int, ...], where: str) -> bytes:
    try:
        from shared.models.onnx_file import onnx_bytes
    except ModuleNotFoundError as error:
        raise ModelRefused(f"{where}: writing ONNX needs {error.name}: {to_install('onnx', 'export')}") from error
    return onnx_bytes(module, shape, where)
