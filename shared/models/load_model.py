"""Loading turns a file into a model that may trade, or says in one line why not.

It imports the runtime that the card names, and no other.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from shared.config import load_settings
from shared.errors import ConfigError
from shared.extras import to_install
from shared.features.vector import FeatureVector
from shared.models.card import MODEL_FILES, Card, ModelRefused, card_of
from shared.models.choose import choose_model
from shared.models.code import predicting_hash
from shared.models.registry import MODELS
from shared.models.runtime import LIBRARIES
from shared.models.summary import lines
from shared.plural import plural
from shared.tick import Tick

if TYPE_CHECKING:
    from torch import nn

    from shared.models.onnx_model import OnnxModel

MAX_CARD_BYTES = 1_000_000
MAX_WEIGHTS_BYTES = 1_000_000_000


@dataclass(frozen=True, repr=False)
class LoadedModel:
    """A loaded model matches its card; its parameters are frozen. A notebook shows it as `tickline model show` does.

    - card: what it is.
    - hash: 16 hex digits of what predicts, which every Prediction carries: see `Card.predicting_hash`.
    """

    card: Card
    hash: str
    _loaded: "nn.Module | OnnxModel"

    def __repr__(self) -> str:
        return "\n".join(lines(self.card))

    @property
    def module(self) -> "nn.Module":
        """Returns the torch module, in eval mode; raises ModelRefused for a model that is none."""
        if self.card.format != "torch":
            raise ModelRefused(f"model {self.card.name} is an ONNX file and has no torch module: use `predict()`")
        return cast("nn.Module", self._loaded)

    def predict(self) -> Tick[Any, float]:
        """Returns the Tick that asks the model for y_hat: a Predict, or an OnnxPredict."""
        if self.card.format == "onnx":
            from shared.models.onnx_model import OnnxPredict

            return OnnxPredict(cast("OnnxModel", self._loaded))
        from shared.models.model import Predict

        return Predict(self.module, batched=self.card.batched)


def load_model(
    path: str | Path,
    *,
    symbols: str | Iterable[str] = (),
    interval: str | None = None,
    folder: Path | None = None,
) -> LoadedModel:
    """Loads the model whose card (.json) or weights (.pth, .onnx) `path` names; both lie side by side under one name.

    - path: a file's, with or without its ending, or the name of a model that the line finds (`tickline model list`).
    - folder: where files of a user's classes and features lie; None is the folder of the configuration.

    It checks the files, the card, the symbols and the interval (where given), the sha256 of the weights, and that they
    fit the card: plain tensors for the model's class, or an ONNX file with everything in it. The first failure raises
    ModelRefused, in one line.

    >>> loaded = load_model("weights/btcusdt_12h_linear.json", symbols="BTCUSDT", interval="12h")
    >>> loaded.card.features, loaded.module.linear.weight
    (('log_return_lags(3)',), Parameter containing:
    tensor([[-0.1040, -0.0673,  0.0283]]))
    """
    card_path, card, weights = _checked_files(Path(path), symbols, interval)
    return model_of(card, weights, card_path, folder)


def require_model(
    path: str | Path, *, symbols: str | Iterable[str] = (), interval: str | None = None, folder: Path | None = None
) -> None:
    """Raises ModelRefused as `load_model` would, without the model's runtime where there is no code of the user's.

    The parameters are those of `load_model`. A model of ours whose card is as it was written is not made, which takes
    PyTorch seconds to load: its weights fitted then, and have their sha256.
    """
    card_path, card, weights = _checked_files(Path(path), symbols, interval)
    of_user = card.format == "torch" and card.model not in MODELS
    if of_user or not card.is_as_written or find_spec(LIBRARIES[card.format][0]) is None:
        model_of(card, weights, card_path, folder)
    else:
        _check_features(card, card_path, folder)


def _checked_files(path: Path, symbols: str | Iterable[str], interval: str | None) -> tuple[Path, Card, bytes]:
    """Returns the card's path, the card, and the weights that have its hash."""
    card_path = path.with_suffix(".json") if path.suffix in MODEL_FILES else Path(f"{path}.json")
    if len(path.parts) == 1 and path.suffix not in MODEL_FILES and not card_path.is_file():
        card_path = choose_model(str(path), load_settings().signal.folders, (), "")
    card = card_of(card_path, read_file(card_path, MAX_CARD_BYTES))
    for sym in [symbols] if isinstance(symbols, str) else symbols:
        if not card.covers(sym):
            made_for = ", ".join(card.symbols)
            raise ModelRefused(f"model {card.name} is for {made_for}, not for {sym} (card {card_path}): use another")
    if interval is not None and not _fits(card, interval):
        made_for = card.interval
        raise ModelRefused(f"model {card.name} is for {made_for}, not for {interval} (card {card_path}): use another")
    weights_path = card_path.with_suffix(card.weights_suffix)
    weights = read_file(weights_path, MAX_WEIGHTS_BYTES)
    found = hashlib.sha256(weights).hexdigest()
    if found != card.sha256:
        raise ModelRefused(
            f"weights {weights_path} have sha256 {found[:16]}…, the card says {card.sha256[:16]}…: "
            "one of the two was altered; restore it, or train anew"
        )
    return card_path, card, weights


def model_of(card: Card, weights: bytes, card_path: Path, folder: Path | None = None) -> LoadedModel:
    """Returns the model that a card and the content of its weights file make; raises ModelRefused."""
    _check_features(card, card_path, folder)
    weights_path = card_path.with_suffix(card.weights_suffix)
    loaded: nn.Module | OnnxModel
    if card.format == "onnx":
        loaded = onnx_model(weights, card.no_features, card.window, str(weights_path))
        if loaded.batched != card.batched:
            has = f"the input of {weights_path.name} has {'a' if loaded.batched else 'no'} batch"
            raise ModelRefused(f"card {card_path}: batched is {card.batched}, {has}: correct it")
    else:
        from shared.models.torch_model import torch_model

        loaded = torch_model(card, weights, weights_path, folder)
    return LoadedModel(card, predicting_hash(card, folder)[:16], loaded)


def onnx_model(data: bytes, no_features: int, window: int, where: str) -> "OnnxModel":
    """Returns the model in an ONNX file's bytes; raises ModelRefused, also where onnxruntime is not installed."""
    try:
        from shared.models.onnx_model import OnnxModel
    except ModuleNotFoundError as error:
        raise ModelRefused(f"model {where} needs {error.name}: {to_install('onnx')}") from error
    return OnnxModel(data, no_features, window, where=where)


def _fits(card: Card, interval: str) -> bool:
    try:
        return card.ticks_in(interval) is not None
    except ValueError as error:
        raise ModelRefused(f"model {card.name} is for {card.interval}: {error}") from error


def read_file(path: Path, limit: int) -> bytes:
    """Returns what is in a model's file; raises ModelRefused where it cannot be read or is larger than `limit`."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        why = f"{error.strerror}; a model is a card (.json) and weights (.pth or .onnx) side by side"
        raise ModelRefused(f"model file {path} cannot be read: {why}") from error
    if len(data) > limit:
        raise ModelRefused(f"model file {path} has more than {limit} bytes: it is no model of ours")
    return data


def _check_features(card: Card, path: Path, folder: Path | None) -> None:
    """Refuses features that do not give what the card says."""
    try:
        vector = FeatureVector(card.features, folder)
    except (ValueError, TypeError, ConfigError) as error:
        raise ModelRefused(f"card {path}: {error}") from error
    shown = ", ".join(card.features)
    gives = f"card {path}: {shown} gives {plural(vector.width, 'feature')}"
    if vector.width != card.no_features:
        raise ModelRefused(f"{gives}, no_features says {card.no_features}")
    if card.training is not None and len(card.training.features) != vector.width:
        raise ModelRefused(f"{gives}, training describes {len(card.training.features)}")
    if vector.needs != set(card.needs):
        said, wanted = (", ".join(sorted(groups)) or "nothing" for groups in (card.needs, vector.needs))
        raise ModelRefused(f"card {path}: {shown} needs {wanted}, the card's needs say {said}")
    if vector.fields != set(card.fields):
        said, wanted = (", ".join(sorted(fields)) or "nothing" for fields in (card.fields, vector.fields))
        raise ModelRefused(f"card {path}: {shown} needs {wanted} of each bar, the card's fields say {said}")
