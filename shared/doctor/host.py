"""The doctor looks at this machine: Python and packages, disks, the clock, and who may read or write what matters."""

import ctypes
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import NamedTuple

from shared.doctor.finding import Finding, fault, ok, warning
from shared.extras import to_install

ROOT = Path(__file__).parents[2]
OLDEST = (3, 11)
GB = 1_000_000_000
SCARCE, LEAST = GB, GB // 10  # bytes that are free
OVER_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "sshfs"})
IN_MEMORY = frozenset({"tmpfs", "ramfs"})
SECRETS_OF_CONTAINERS = Path("/run/secrets")  # there each container has its own, readable to its one user
UNSYNCHRONISED = 0x40  # STA_UNSYNC of <sys/timex.h>


def python_finding(running: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Returns what is found of the Python that runs.

    >>> python_finding((3, 9, 2)).remedy
    'make a new environment with Python 3.11 or newer'
    """
    shown = ".".join(map(str, running))
    if running < OLDEST:
        return fault("python", f"Python {shown} is too old", "make a new environment with Python 3.11 or newer")
    return ok("python", f"Python {shown}, {sys.prefix}")


def declared(root: Path = ROOT) -> dict[str, dict[str, str]]:
    """Returns extra -> package -> version, `` for what is always needed: of pyproject.toml, in a clone the newest word.

    >>> declared()[""]["numpy"] == declared(Path("nowhere"))[""]["numpy"]
    True
    """
    found: dict[str, dict[str, str]] = {}
    file = root / "pyproject.toml"
    if file.is_file():
        project = tomllib.loads(file.read_text())["project"]
        lines = [("", line) for line in project["dependencies"]]
        lines += [(extra, line) for extra, own in project["optional-dependencies"].items() for line in own]
    else:
        lines = [(_extra(line), line) for line in requires("tickline") or ()]
    for extra, line in lines:
        if pinned := re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;]+)", line):
            found.setdefault(extra, {})[pinned[1]] = pinned[2]
    return found


def _extra(line: str) -> str:
    named = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
    return named[1] if named else ""


def package_findings(
    extras: Iterable[str], pins: Mapping[str, Mapping[str, str]], *, wished: Iterable[str] = ()
) -> Iterator[Finding]:
    """Yields what is found of the packages that a config needs.

    - extras: those without which the line does not run, beside what is always needed.
    - wished: those without which it runs, and does less.
    """
    less = set(wished) - set(extras)
    wanted = sorted({*extras, *less})
    remedy = to_install(*wanted) if wanted else "make setup, or pip install --upgrade tickline"
    count = 0
    for extra in ("", *wanted):
        for name, pin in pins.get(extra, {}).items():
            count += 1
            try:
                found = version(name).partition("+")[0]
            except PackageNotFoundError:
                missing = f"{name} {pin} is not installed" + (f" ({extra})" if extra else "")
                yield (warning if extra in less else fault)("packages", missing, remedy)
                continue
            if found != pin:
                yield warning("packages", f"{name} is {found}, and this Tickline is tested with {pin}", remedy)
    yield ok("packages", f"{count} looked at: always needed" + "".join(f", {extra}" for extra in wanted))


def disk_findings(folders: Mapping[str, Path]) -> Iterator[Finding]:
    """Yields the free space of each folder, or of the one in which it would be made. folders: what lies there."""
    for what, folder in folders.items():
        there = _existing(folder)
        free, shown = shutil.disk_usage(there).free, f"{what} in {folder}"
        if not os.access(there, os.W_OK | os.X_OK):
            yield fault("disk", f"{shown}: this user may not write to {there}", f"chown or chmod {there}")
        elif free < LEAST:
            yield fault("disk", f"{shown}: {free // 1_000_000} MB free", "free space there: a full disk stops the line")
        elif free < SCARCE:
            yield warning("disk", f"{shown}: {free // 1_000_000} MB free", "free space there soon")
        else:
            yield ok("disk", f"{shown}: {free / GB:.0f} GB free")


class Mount(NamedTuple):
    """A mount is a place in the tree of files, and its kind."""

    at: Path
    kind: str


def mounts(text: str) -> list[Mount]:
    """Reads /proc/self/mounts.

    >>> mounts("host:/data /mnt/my\\\\040data nfs4 rw 0 0")
    [Mount(at=PosixPath('/mnt/my data'), kind='nfs4')]
    """
    rows = (line.split() for line in text.splitlines())
    return [Mount(Path(row[1].replace("\\040", " ")), row[2].removeprefix("fuse.")) for row in rows if len(row) > 2]


def journal_disk(path: Path, known: Sequence[Mount]) -> Iterator[Finding]:
    """Yields a fault where a journal's file lies on a disk that loses it, or on which SQLite's log does not work."""
    folder = _existing(path.parent).resolve()
    under = [mount for mount in known if folder.is_relative_to(mount.at)]
    kind = max(under, key=lambda mount: len(mount.at.parts)).kind if under else ""
    if kind in OVER_NETWORK:
        remedy = "put state_dir on a local disk, or name a PostgreSQL server in gateway.journal"
        yield fault(
            "journal", f"{path} lies on a network file system ({kind}), where SQLite's log does not work", remedy
        )
    elif kind in IN_MEMORY:
        yield fault("journal", f"{path} lies in memory ({kind}): a reboot loses it", "put state_dir on a disk")


def local_mounts() -> list[Mount]:
    """Returns this machine's; none where it has no /proc."""
    try:
        return mounts(Path("/proc/self/mounts").read_text())
    except OSError:
        return []


def clock_finding(status: int | None) -> Finding:
    """Returns whether the clock is kept. status: as `clock_status` gives it."""
    if status is None:
        return ok("clock", "nobody tells here whether it is kept right")
    if status & UNSYNCHRONISED:
        remedy = "switch NTP on, e.g. timedatectl set-ntp true; orders are refused when the clock is off (CLOCK_SKEW)"
        return warning("clock", "the system does not know it to be right: no NTP keeps it", remedy)
    return ok("clock", "kept by NTP")


def clock_status() -> int | None:
    """Returns the kernel's word on its clock (`adjtimex`, which is only asked here); None where it tells none."""
    try:
        buffer = ctypes.create_string_buffer(512)  # struct timex: modes, offset, freq, maxerror, esterror, status
        if ctypes.CDLL(None).adjtimex(buffer) < 0:
            return None
    except (AttributeError, OSError):
        return None
    at = 5 * ctypes.sizeof(ctypes.c_long)  # `modes` is padded to a long
    return ctypes.c_int.from_buffer(buffer, at).value


def secret_findings(files: Iterable[Path]) -> Iterator[Finding]:
    """Yields a fault for each secret that other users of this machine can read."""
    seen = [file for file in files if file.is_file()]
    open_ones = [file for file in seen if _mode(file) & 0o044 and _reached(file) and not _of_container(file)]
    for file in open_ones:
        yield fault("permissions", f"{file}: other users of this machine can read this secret", f"chmod 600 {file}")
    if seen and not open_ones:
        yield ok("permissions", f"secrets: {', '.join(map(str, seen))} are this user's alone")


def writable_findings(paths: Iterable[Path]) -> Iterator[Finding]:
    """Yields a fault for each file or folder that decides, and that every user of this machine can write."""
    seen = [path for path in paths if path.exists()]
    open_ones = [path for path in seen if _mode(path) & 0o002 and not _mode(path) & 0o1000 and _reached(path)]
    for path in open_ones:
        what = f"{path}: every user of this machine can write it, and so decide what is traded"
        yield fault("permissions", what, f"chmod o-w {path}")
    if not open_ones:
        yield ok("permissions", "nobody else can write config, code, models and state")


def _mode(path: Path) -> int:
    return path.stat().st_mode


def _reached(path: Path) -> bool:
    """Says whether other users come through all folders above."""
    return all(_mode(folder) & 0o011 for folder in path.resolve().parents)


def _of_container(path: Path) -> bool:
    return path.resolve().is_relative_to(SECRETS_OF_CONTAINERS)


def _existing(path: Path) -> Path:
    """Returns the folder, or the nearest above it that is there."""
    there = path.absolute()
    while not there.exists():
        there = there.parent
    return there
