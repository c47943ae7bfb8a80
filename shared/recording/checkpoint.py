"""A checkpoint: the settings, and each stage's state at one moment, so that parity can go on from there.

A snapshot names the last n of each input that its stage had taken, so it need not be of the moment where a part ends.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from shared.config import Settings
from shared.errors import DataError
from shared.messages import DecodeError
from shared.messages.codec import pack, unpack
from shared.recording.durable import write_durably
from shared.recording.layout import CHECKPOINT, CHECKPOINTS, checkpoint_paths

# What decides which predictions and orders are made, and nothing that is a secret.
KEPT: Mapping[str, Any] = {
    "interval": True, "symbols": True, "run_id": True,
    "ingestor": {"instance", "source"},
    "signal": {"instance", "model", "weights"},
    "strategy": True,
    "gateway": {"instance", "mode", "venue", "account", "fee", "slippage_bps", "request_validity_ms"},
}  # fmt: skip


class Checkpoint(NamedTuple):
    """settings: as JSON values, see KEPT. snapshots: instance -> symbol -> what the bus held. taken_ns: wall clock."""

    taken_ns: int
    settings: dict[str, Any]
    snapshots: dict[str, dict[str, bytes]]


def kept_settings(settings: Settings) -> dict[str, Any]:
    """The part of the settings that a checkpoint keeps."""
    known = {
        name: wanted if wanted is True else wanted & type(getattr(settings, name)).model_fields.keys()
        for name, wanted in KEPT.items()
    }
    return settings.model_dump(mode="json", include=known)


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Add one; raises OSError."""
    numbers = [int(path.stem) for path in checkpoint_paths(folder)]
    path = folder / CHECKPOINTS / f"{max(numbers, default=0) + 1:010d}{CHECKPOINT}"
    data = pack(tuple(checkpoint))
    write_durably(path, lambda unfinished: _write(unfinished, data))


def read_checkpoints(folder: Path) -> list[Checkpoint]:
    """All, the oldest first; raises DataError."""
    return [_read(path) for path in checkpoint_paths(folder)]


def last_settings(folder: Path) -> dict[str, Any]:
    """The settings of the last checkpoint; raises DataError."""
    paths = checkpoint_paths(folder)
    if not paths:
        raise DataError(f"{folder}: is a recording without a checkpoint: nothing was recorded")
    return _read(paths[-1]).settings


def ingestor_of(folder: Path) -> str:
    """The instance whose ticks were recorded."""
    name: str = last_settings(folder)["ingestor"]["instance"]
    return name


def _read(path: Path) -> Checkpoint:
    try:
        return Checkpoint(*unpack(path.read_bytes()))
    except (OSError, DecodeError, TypeError) as error:
        raise DataError(f"{path}: no whole checkpoint of a recording: restore it or remove it") from error


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
