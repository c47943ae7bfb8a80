"""This module writes a model's two files, whole or not at all, and says where it is from: data, code, libraries."""

import contextlib
import hashlib
import io
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from shared.errors import ConfigError, DataError
from shared.models.card import MODEL_FILES, Card
from shared.models.load_model import MAX_CARD_BYTES
from shared.models.training import Revision

if TYPE_CHECKING:
    import torch

_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)


BY_OPTION = "pass --force to replace that model, or another --name"


def check_name(folder: Path, name: str, *, force: bool, remedy: str = BY_OPTION) -> None:
    """Raises ConfigError for a name that is none, or is taken and not to be replaced.

    - remedy: what the caller can do, in the words of a command or of a function.
    """
    if _NAME.fullmatch(name) is None:
        raise ConfigError(f"name {name!r:.120}: use letters, digits, _ and -, at most 100")
    taken = [path for path in _paths(folder, name) if path.exists()]
    if taken and not force:
        raise ConfigError(f"{taken[0]} exists: {remedy}")


def weights_bytes(state: "Mapping[str, torch.Tensor]") -> bytes:
    """Returns tensors as the content of a weights file; the same bytes for the same tensors.

    They go through a buffer, so that torch does not write the file's name into it.
    """
    import torch  # an ONNX file is written without it

    buffer = io.BytesIO()
    torch.save({name: tensor.detach().clone() for name, tensor in state.items()}, buffer)
    return buffer.getvalue()


def sha256_of(weights: bytes) -> str:
    """Returns the hash by which a card knows its weights."""
    return hashlib.sha256(weights).hexdigest()


def write_model(folder: Path, card: Card, weights: bytes, *, force: bool = False) -> tuple[Path, Path]:
    """Writes a model that was made, NAME.pth or NAME.onnx, and NAME.json, each by a rename; returns their paths.

    The card says that the weights fit it. Raises ConfigError.

    The card comes last: a crash between the two leaves a card that the loader refuses, or none.
    """
    check_name(folder, card.name, force=force)
    text = _card_bytes(card.fitting())
    path, json = folder / f"{card.name}{card.weights_suffix}", folder / f"{card.name}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(path, weights)
        _replace(json, text)
        for other in _paths(folder, card.name):
            if other not in (path, json):
                other.unlink(missing_ok=True)  # of the model that was replaced
    except OSError as error:
        raise ConfigError(f"model {folder / card.name} cannot be written: {error.strerror}") from error
    return path, json


def write_card(path: Path, card: Card) -> None:
    """Replaces the card in a file by a rename; the weights beside it stay. Raises ConfigError."""
    text = _card_bytes(card)
    try:
        _replace(path, text)
    except OSError as error:
        raise ConfigError(f"card {path} cannot be written: {error.strerror}") from error


def _card_bytes(card: Card) -> bytes:
    text = (card.model_dump_json(indent=2, exclude_none=True) + "\n").encode()
    if len(text) > MAX_CARD_BYTES:
        raise ConfigError(f"card {card.name} has {len(text)} bytes, {MAX_CARD_BYTES} are allowed: use fewer lags")
    return text


def _paths(folder: Path, name: str) -> list[Path]:
    return [folder / f"{name}{suffix}" for suffix in MODEL_FILES]


def _replace(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


ROOT = Path(__file__).parents[2]
LIBRARIES = ("numpy", "tickline", "torch")


def file_sha256(path: Path) -> str:
    """Returns the sha256 of a file, in hex; raises DataError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}): check the path and its rights") from error


def git_revision(root: Path = ROOT) -> Revision | None:
    """Returns the commit that `root` is the work tree of; None where it is none, or there is no git."""
    if _git(root, "rev-parse", "--show-toplevel") != str(root.resolve()):
        return None
    commit, changes = _git(root, "rev-parse", "HEAD"), _git(root, "status", "--porcelain", "--untracked-files=no")
    return None if commit is None or changes is None else Revision(commit=commit, dirty=bool(changes))


def library_versions() -> dict[str, str]:
    """Returns name -> version of what the numbers depend on."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
