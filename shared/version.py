"""What runs here: Tickline's version, and the git revision of its code where that is known."""

import os
import socket
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

BAKED = Path(__file__).with_name("revision.txt")  # an image's build writes it
CHECKOUT = Path(__file__).parents[1]
GIT_S = 5.0
_DESCRIBE = ("git", "describe", "--always", "--dirty=-changed", "--abbrev=12", "--exclude=*")


@cache
def revision() -> str:
    """Returns the git revision: of an image the one that its build was told, of a checkout its own; else empty.

    `-changed` stands behind it where the checkout has changes that are not committed.
    """
    return revision_of(BAKED, CHECKOUT)


def revision_of(baked: Path, checkout: Path) -> str:
    """Returns what the file says; without one, what git says of the folder, if it is a checkout's root."""
    try:
        return baked.read_text().strip()
    except OSError:
        pass
    if not (checkout / ".git").exists():  # installed code may lie in a checkout of something else
        return ""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        said = subprocess.run(_DESCRIBE, cwd=checkout, env=plain, capture_output=True, text=True, timeout=GIT_S)
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.stdout.strip()


def full_version() -> str:
    """Returns version and revision in one word, e.g. `0.1.0+g5d315e25bb0a`."""
    own, made_of = version("tickline"), revision()
    return f"{own}+g{made_of}" if made_of else own


def version_line() -> str:
    """Returns both for a person."""
    made_of = revision()
    return f"tickline {version('tickline')} ({f'git {made_of}' if made_of else 'git revision not known'})"


def process_name() -> str:
    """Returns host and number of this process in one word; in a container the host is the container."""
    return f"{socket.gethostname()}:{os.getpid()}"
