"""What a recording was made with: found again, and held against what there is now."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.models.card import ModelRefused
from shared.models.choose import AUTO, card_at, choose_model
from shared.recording.checkpoint import TRADED, last_settings
from shared.strategies.identity import Identity


def recorded_model(kept: Mapping[str, Any], folders: Sequence[Path]) -> str | None:
    """The recorded model's card, where it is there under its path or name; None where it is not, or was not kept."""
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


def differences(recording: Path, now: Identity) -> Iterator[str]:
    """A line for the model and one for the strategy, where they are not the recording's. Raises DataError."""
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
