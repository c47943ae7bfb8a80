"""What a service says of its trouble, as its log has it."""

import contextlib
import json
from pathlib import Path

MOST = 300
TAIL_BYTES = 8_192


def last_why(log: Path, since: int = 0) -> str:
    """The newest reason that the service told behind the first `since` bytes of its log; empty where it told none."""
    for line in reversed(_tail(log, since).splitlines()):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return str(json.loads(line)["why"])[:MOST]
    return ""


def _tail(log: Path, since: int) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(log.stat().st_size - TAIL_BYTES, since, 0))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
