"""Where a model is from: the data, the code, the libraries."""

import hashlib
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from shared.errors import DataError
from shared.models.training import Revision

ROOT = Path(__file__).parents[3]
LIBRARIES = ("numpy", "tickline", "torch")


def file_sha256(path: Path) -> str:
    """The sha256 of a file, in hex; DataError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}): check the path and its rights") from error


def git_revision(root: Path = ROOT) -> Revision | None:
    """The commit that `root` is the work tree of; None where it is none, or there is no git."""
    if _git(root, "rev-parse", "--show-toplevel") != str(root.resolve()):
        return None
    commit, changes = _git(root, "rev-parse", "HEAD"), _git(root, "status", "--porcelain", "--untracked-files=no")
    return None if commit is None or changes is None else Revision(commit=commit, dirty=bool(changes))


def library_versions() -> dict[str, str]:
    """Name -> version of what the numbers depend on."""
    return {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
