"""What a recording is of: one namespace on one bus, with its partitions."""

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import ConfigError, DataError
from shared.plural import plural
from shared.recording.durable import write_durably
from shared.recording.layout import ABOUT


class About(BaseModel):
    """Numbers `n` only mean something together with the bus that counted them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = 1
    bus_id: str
    namespace: str
    partitions: int


def read_about(folder: Path) -> About:
    """Raises DataError where there is no recording."""
    path = folder / ABOUT
    try:
        return About.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise DataError(f"{folder}: is no recording: {ABOUT} is not there or not whole") from error


def claim(folder: Path, about: About) -> bool:
    """Begin a recording, or go on with this very one; True when it is new. Raises ConfigError for another's folder."""
    path = folder / ABOUT
    if path.exists():
        found = read_about(folder)
        if found != about:
            raise ConfigError(
                f"recorder.folder {folder}: holds the recording of {found.namespace} on bus {found.bus_id[:8]} with "
                f"{plural(found.partitions, 'partition')}, not of {about.namespace} on {about.bus_id[:8]} with "
                f"{about.partitions}: name another folder"
            )
        return False
    text = json.dumps(about.model_dump(), indent=2) + "\n"
    write_durably(path, lambda unfinished: _write(unfinished, text))
    return True


def _write(path: Path, text: str) -> None:
    path.write_text(text)
