"""Loading turns a file into a model that may trade, or says in one line why not."""

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from shared.features.registry import make_feature
from shared.models.card import Card, ModelRefused, card_of
from shared.models.registry import MODELS
from shared.plural import plural

MAX_CARD_BYTES = 1_000_000
MAX_WEIGHTS_BYTES = 1_000_000_000


class LoadedModel(NamedTuple):
    """A loaded model is in eval mode, has frozen parameters, and matches its card."""

    module: nn.Module
    card: Card


def load_model(path: str | Path, *, symbols: str | Iterable[str] = (), interval: str | None = None) -> LoadedModel:
    """Loads the model whose card (.json) or weights (.pth) `path` names; both lie side by side under one name.

    It checks the files, the card, the symbols and the interval (where given), the sha256 of the weights, that they are
    plain tensors, and that they fit the model's class. The first failure raises ModelRefused, in one line.

    >>> loaded = load_model("weights/btcusdt_12h_linear.json", symbols="BTCUSDT", interval="12h")
    >>> loaded.card.features, loaded.module.linear.weight
    ('log_return_lags(3)', Parameter containing:
    tensor([[-0.1040, -0.0673,  0.0283]]))
    """
    path = Path(path)
    card_path, weights_path = path.with_suffix(".json"), path.with_suffix(".pth")
    card = _read_card(card_path)
    for sym in [symbols] if isinstance(symbols, str) else symbols:
        if not card.covers(sym):
            made_for = ", ".join(card.symbols)
            raise ModelRefused(f"model {card.name} is for {made_for}, not for {sym} (card {card_path}): use another")
    if interval is not None and not _fits(card, interval):
        made_for = card.interval
        raise ModelRefused(f"model {card.name} is for {made_for}, not for {interval} (card {card_path}): use another")
    module = _empty_model(card, card_path)
    weights = _read(weights_path, MAX_WEIGHTS_BYTES)
    found = hashlib.sha256(weights).hexdigest()
    if found != card.sha256:
        raise ModelRefused(
            f"weights {weights_path} have sha256 {found[:16]}…, the card says {card.short_hash}…: "
            "one of the two was altered; restore it, or train anew"
        )
    _fill(module, weights, weights_path, card)
    return LoadedModel(module.eval().requires_grad_(False), card)


def _fits(card: Card, interval: str) -> bool:
    try:
        return card.ticks_every(interval)
    except ValueError as error:
        raise ModelRefused(f"model {card.name} is for {card.interval}: {error}") from error


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        why = f"{error.strerror}; a model is a card (.json) and weights (.pth) side by side"
        raise ModelRefused(f"model file {path} cannot be read: {why}") from error
    if len(data) > limit:
        raise ModelRefused(f"model file {path} has more than {limit} bytes: it is no model of ours")
    return data


def _read_card(path: Path) -> Card:
    return card_of(path, _read(path, MAX_CARD_BYTES))


def _empty_model(card: Card, path: Path) -> nn.Module:
    if card.model not in MODELS:
        raise ModelRefused(f"card {path}: model {card.model!r} is unknown; there are: {', '.join(MODELS)}")
    try:
        width = make_feature(card.features).width
        module = MODELS[card.model](card.no_features, **card.params)
    except (ValueError, TypeError) as error:
        raise ModelRefused(f"card {path}: {error}") from error
    if width != card.no_features:
        raise ModelRefused(
            f"card {path}: {card.features} gives {plural(width, 'feature')}, no_features says {card.no_features}"
        )
    if card.training is not None and len(card.training.features) != width:
        described = len(card.training.features)
        raise ModelRefused(
            f"card {path}: {card.features} gives {plural(width, 'feature')}, training describes {described}"
        )
    return module


def _fill(module: nn.Module, weights: bytes, path: Path, card: Card) -> None:
    """Puts the weights into the module; refuses tensors of other names, shapes or dtypes."""
    try:
        loaded = torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True)
    except Exception as error:  # the file may hold any bytes, and torch has no one error for them
        why = f"{type(error).__name__}; save model.state_dict() with torch.save"
        raise ModelRefused(f"weights {path} cannot be loaded as plain tensors: {why}") from error
    if not isinstance(loaded, dict):
        raise ModelRefused(f"weights {path} hold a {type(loaded).__name__}, not a state_dict: save model.state_dict()")
    wanted = module.state_dict()
    if loaded.keys() != wanted.keys():
        found = ", ".join(sorted(str(key) for key in loaded))
        raise ModelRefused(f"weights {path} hold [{found:.200}], a {card.model} has [{', '.join(wanted)}]")
    for name, tensor in wanted.items():
        _check_tensor(name, loaded[name], tensor, path)
    module.load_state_dict(loaded)


def _check_tensor(name: str, found: object, wanted: torch.Tensor, path: Path) -> None:
    if not isinstance(found, torch.Tensor):
        raise ModelRefused(f"weights {path}: {name} is a {type(found).__name__}, not a tensor")
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        has, needs = f"{found.dtype} {tuple(found.shape)}", f"{wanted.dtype} {tuple(wanted.shape)}"
        raise ModelRefused(f"weights {path}: {name} is {has}, the card's model needs {needs}")
    if not bool(torch.isfinite(found).all()):
        raise ModelRefused(f"weights {path}: {name} has values that are not finite: train anew")
