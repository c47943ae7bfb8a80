"""What a service says of its trouble, as its log has it."""

import contextlib
import json
from pathlib import Path

MOST = 300
TAIL_BYTES = 8_192


def last_why(log: Path) -> str:
    """The newest reason that the service told, and where the log is."""
    why = "it said nothing"
    for line in reversed(_tail(log).splitlines()):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            why = str(json.loads(line)["why"])
            break
    return f"{why[:MOST]} (log: {log})"


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(log.stat().st_size - TAIL_BYTES, 0))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
