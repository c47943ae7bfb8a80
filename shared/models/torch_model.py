"""A torch model is a class, of ours or of the user's, and a state_dict of plain tensors for it."""

import inspect
import io
import math
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from shared.errors import ConfigError
from shared.models.card import Card, ModelRefused
from shared.models.registry import GROUP, MODELS
from shared.models.standardised import Standardised
from shared.user_code import described, load_named

NO_FEATURES = "no_features"


def torch_model(card: Card, weights: bytes, path: Path, folder: Path | None = None) -> nn.Module:
    """Returns the module of a card with its weights, in eval mode and frozen; raises ModelRefused.

    - weights, path: the content of the weights file, and how it is named in an error.
    - folder: where a user's files lie; None is the folder of the configuration.
    """
    assert card.model is not None  # the card checks it
    where = f"card {path.with_suffix('.json')}"
    module = empty_module(class_of(card.model, where, folder), card.model, card.no_features, card.params, where)
    if card.standardised:
        module = Standardised(module, card.no_features)
    fill(module, weights, path, card.model)
    module.eval().requires_grad_(False)
    if card.model not in MODELS:
        _check_pure(module, card, where)
    return module


def _check_pure(module: nn.Module, card: Card, where: str) -> None:
    """Refuses a module that gives another number for the same sample: all symbols share it, and a restart is no gap."""
    shape = card.sample_shape
    one, other = torch.full(shape, 0.01), torch.linspace(-0.02, 0.02, math.prod(shape)).reshape(shape)
    samples = [sample.unsqueeze(0) if card.batched else sample for sample in (one, other, one, other, one)]
    try:
        with torch.no_grad():
            given = [module(sample.clone()).clone() for sample in samples]
    except _AT_THESE_NUMBERS:  # it may be made for others; what it makes of the market's is seen there
        return
    if not all(torch.equal(torch.nan_to_num(again), torch.nan_to_num(given[at % 2])) for at, again in enumerate(given)):
        raise ModelRefused(
            f"{where}: {card.model} gives another number for the same sample: it is random (e.g. F.dropout without "
            "training=self.training), or remembers the one before: let forward depend on its argument alone"
        )


def class_of(model: str, where: str, folder: Path | None = None) -> Callable[..., nn.Module]:
    """Returns the class that a card's `model` names: ours, the user's, or a package's; raises ModelRefused.

    - where: how it is named in an error.
    """
    try:
        found = load_named(model, MODELS, GROUP, folder)
    except ConfigError as error:
        raise ModelRefused(f"{where}: {error}") from error
    if found is None:
        known = ", ".join(MODELS)
        raise ModelRefused(
            f"{where}: model {model!r:.200} is unknown; there are: {known}; one of your own is written as "
            "file.py:Class or package.module:Class"
        )
    made: Callable[..., nn.Module] = found.object
    return made


def empty_module(
    make: Callable[..., nn.Module], name: str, no_features: int, params: Mapping[str, Any], where: str
) -> nn.Module:
    """Returns a new module of a class; raises ModelRefused.

    The class is given `params`, and `no_features` where it has such a parameter, or as the first of those that it
    requires and `params` does not have.
    """
    given = dict(params)
    takes = inspect.signature(make).parameters
    required = [each.name for each in takes.values() if each.default is each.empty and each.kind in _NAMED]
    missing = [each for each in required if each not in given]
    first = NO_FEATURES if NO_FEATURES in takes else missing[0] if missing else None
    if first is not None:
        given.setdefault(first, no_features)
    try:
        module = make(**given)
    except Exception as error:  # a class of the user's may raise anything
        shown = ", ".join(takes) or "nothing"
        raise ModelRefused(f"{where}: {described(error, name)}; it takes {shown}: correct params") from error
    if not isinstance(module, nn.Module):
        raise ModelRefused(f"{where}: {name} makes a {type(module).__name__}, not a torch.nn.Module")
    return module


_AT_THESE_NUMBERS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def state_in(weights: bytes, where: str) -> dict[str, Any]:
    """Returns the state_dict in a file's bytes, read by torch with weights_only; raises ModelRefused."""
    try:
        with warnings.catch_warnings():  # torch warns of pickles that it then refuses, and this module says that
            warnings.simplefilter("ignore")
            loaded = torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True)
    except Exception as error:  # the file may hold any bytes, and torch has no one error for them
        why = f"{type(error).__name__}; save model.state_dict() with torch.save"
        raise ModelRefused(f"weights {where} cannot be loaded as plain tensors: {why}") from error
    if not isinstance(loaded, dict):
        raise ModelRefused(f"weights {where} hold a {type(loaded).__name__}, not a state_dict: save model.state_dict()")
    return loaded


def fill(module: nn.Module, weights: bytes, path: Path, model: str) -> None:
    """Puts the weights into the module; refuses tensors of other names, shapes or dtypes."""
    loaded = state_in(weights, str(path))
    wanted = module.state_dict()
    if loaded.keys() != wanted.keys():
        found = ", ".join(sorted(str(key) for key in loaded))
        raise ModelRefused(f"weights {path} hold [{found:.200}], a {model} has [{', '.join(wanted):.200}]")
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
