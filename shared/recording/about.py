"""What a recording is of: one namespace on one bus, with its partitions."""

import json
from pathlib import Path

from shared.errors import ConfigError, DataError
from shared.plural import plural
from shared.record import WIRE, NewerWire, Snapshot
from shared.recording.durable import write_durably
from shared.recording.layout import ABOUT


class NewerRecording(DataError):
    """A newer Tickline wrote this part of a recording. Older ones are read for ever."""

    def __init__(self, where: object, newer: NewerWire) -> None:
        known = f"(wire {newer.wire}; this one knows {WIRE})"
        super().__init__(f"{where} was written by a newer Tickline {known}: read the recording with that one")


class About(Snapshot):
    """Numbers `n` only mean something together with the bus that counted them."""

    bus_id: str
    namespace: str
    partitions: int


def read_about(folder: Path) -> About:
    """Raises DataError where there is no recording, or a newer Tickline's."""
    path = folder / ABOUT
    try:
        return About.of(json.loads(path.read_bytes()))
    except NewerWire as newer:
        raise NewerRecording(path, newer) from newer
    except (OSError, ValueError) as error:
        why = " ".join(str(error).split())[:160]
        raise DataError(f"{folder}: is no recording: {ABOUT} is not there or not whole ({why})") from error


def claim(folder: Path, about: About, wire: int = WIRE) -> bool:
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
    text = json.dumps(about.written(wire), indent=2) + "\n"
    write_durably(path, lambda unfinished: _write(unfinished, text))
    return True


def _write(path: Path, text: str) -> None:
    path.write_text(text)
