"""A checkpoint has the settings, the model, and each stage's state at one moment: parity can go on from there.

A snapshot names the last n of each input that its stage had taken, so it need not be of the moment where a part ends.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, SecretStr, ValidationError

from shared.config import Settings
from shared.config.strategy import NO_LIMIT
from shared.errors import DataError
from shared.messages.codec import pack, unpack
from shared.models.card import ModelRefused
from shared.models.choose import AUTO, card_at, choose_model
from shared.record import WIRE, NewerWire, Snapshot
from shared.recording.layout import (
    CHECKPOINT,
    CHECKPOINTS,
    NewerRecording,
    checkpoint_paths,
    read_origin,
    write_durably,
)
from shared.strategies.identity import Identity, identity_or_none

# What decides which predictions and orders are made: these sections.
SECTIONS: Mapping[str, type[BaseModel]] = {
    name: cast(type[BaseModel], Settings.model_fields[name].annotation)
    for name in ("ingestor", "signal", "strategy", "gateway", "monitor")
}
TRADED = "traded"  # model, hash, strategy and parameters; not there in a recording of before they were kept
RUNTIMES = "runtimes"  # mark -> versions and CPU, of all that have computed in the namespace
PRIVATE = {"journal", "keys_dir"}  # an address may have a password; what is a SecretStr is left out by its type


class Checkpoint(Snapshot):
    """A checkpoint keeps what one moment needs to be gone on from.

    - taken_ns: by the wall clock.
    - settings: as JSON values, see `kept_settings`.
    - snapshots: instance -> symbol -> what the bus held.
    """

    taken_ns: int
    settings: dict[str, Any]
    snapshots: dict[str, dict[str, bytes]]


def kept_settings(settings: Settings) -> dict[str, Any]:
    """Returns the part of the settings that a checkpoint keeps: no secret, no address of a bus.

    >>> sorted(kept_settings(Settings()))
    ['gateway', 'ingestor', 'interval', 'monitor', 'run_id', 'signal', 'strategy', 'symbols', 'traded']
    """
    kept: dict[str, Any] = settings.model_dump(mode="json", include={"interval", "symbols", "run_id"})
    made = identity_or_none(settings)
    if made is not None:
        kept[TRADED] = made.as_json()
    for name, kind in SECTIONS.items():
        hidden = PRIVATE | {field for field, known in kind.model_fields.items() if known.annotation is SecretStr}
        kept[name] = getattr(settings, name).model_dump(mode="json", exclude=hidden)
    return kept


def settings_of(kept: Mapping[str, Any]) -> Settings:
    """Returns a checkpoint's settings, by no file and no variable; raises DataError for another version's."""
    try:
        values: dict[str, Any] = {name: kind.model_validate(_section(kept, name)) for name, kind in SECTIONS.items()}
        values |= {"interval": kept["interval"], "symbols": tuple(kept["symbols"]), "run_id": kept["run_id"]}
        return Settings.model_construct(None, **values)
    except (ValidationError, KeyError, TypeError) as error:
        why = " ".join(str(error).split())[:200]
        raise DataError(f"the recording's settings are another version's: {why}") from error


def _section(kept: Mapping[str, Any], name: str) -> Any:
    """Returns a section; a recording of before there was a monitor, or a limit of prices, had none."""
    if name == "strategy":
        return {"max_slippage_bps": NO_LIMIT, **kept[name]}
    return kept.get(name, {"on": False}) if name == "monitor" else kept[name]


def write_checkpoint(folder: Path, checkpoint: Checkpoint, wire: int = WIRE) -> None:
    """Adds a checkpoint, as `wire` writes it; raises OSError."""
    numbers = [int(path.stem) for path in checkpoint_paths(folder)]
    path = folder / CHECKPOINTS / f"{max(numbers, default=0) + 1:010d}{CHECKPOINT}"
    data = pack(checkpoint, wire)
    write_durably(path, lambda unfinished: unfinished.write_bytes(data))


def read_checkpoints(folder: Path) -> list[Checkpoint]:
    """Returns all checkpoints, the oldest first; raises DataError."""
    return [_read(path) for path in checkpoint_paths(folder)]


def last_settings(folder: Path) -> dict[str, Any]:
    """Returns the settings of the last checkpoint; raises DataError, also where the folder is not whole."""
    read_origin(folder)
    paths = checkpoint_paths(folder)
    if not paths:
        raise DataError(f"{folder}: is a recording without a checkpoint: nothing was recorded")
    return _read(paths[-1]).settings


def settings_at(folder: Path, at_ns: int) -> dict[str, Any] | None:
    """Returns the settings that held at a time: of the last checkpoint before it, else of the first one; None: no one.

    Raises DataError.
    """
    paths = checkpoint_paths(folder)
    found = bisect_right(paths, at_ns, key=lambda path: _read(path).taken_ns)
    return _read(paths[max(0, found - 1)]).settings if paths else None


def ingestor_of(folder: Path) -> str:
    """Returns the instance whose ticks were recorded; raises DataError."""
    name: str = last_settings(folder)["ingestor"]["instance"]
    return name


def _read(path: Path) -> Checkpoint:
    try:
        return Checkpoint.of(unpack(path.read_bytes()))
    except NewerWire as newer:
        raise NewerRecording(path, newer) from newer
    except (OSError, ValueError) as error:
        why = " ".join(str(error).split())[:160]
        raise DataError(f"{path}: no whole checkpoint of a recording ({why}): restore it or remove it") from error


def recorded_model(kept: Mapping[str, Any], folders: Sequence[Path]) -> str | None:
    """Returns the recorded model's card where it stands under its path or name; else, or where none was kept, None."""
    named = str(kept["signal"]["model"])
    name = kept[TRADED]["model"]["name"] if TRADED in kept else named
    told = kept[TRADED]["model"]["sha256"] if TRADED in kept else None
    for tried in dict.fromkeys((named, name)):
        if tried == AUTO:
            continue
        try:
            path = choose_model(tried, folders, (), "")
            if told in (None, card_at(path).sha256):
                return str(path)
        except ModelRefused:
            continue
    return None


def identity_differences(recording: Path, now: Identity) -> Iterator[str]:
    """Yields a line for the model and one for the strategy, where they are not the recording's; raises DataError.

    Where both have the same names, but their code has changed, it yields one line for both.
    """
    kept = last_settings(recording)
    if TRADED not in kept:
        return
    then = Identity.told(kept[TRADED])
    if then.sha256 != now.sha256:
        yield (
            f"{recording} was made with model {then.model_shown}, and this run takes {now.model_shown}: "
            "--model takes a name or a card's path"
        )
    if (then.strategy, then.params) != (now.strategy, now.params):
        yield f"{recording} was made with another strategy: {then}"
    elif then.sha256 == now.sha256 and then.code not in ("", now.code):
        yield f"{recording} was made with other code, or another card, of this model or strategy"
