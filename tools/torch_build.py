"""This script chooses a build of PyTorch: it prints the arguments for `pip install`, or none where pip needs none.

    python tools/torch_build.py cpu|cuda INDEX

PyPI's build for Linux contains CUDA, several GB that this project does not use. For `cpu` the script first asks pip
what it would take as it is configured (a folder of wheels, an index of your own). If that has CUDA, it asks INDEX,
PyTorch's own index of CPU builds, and waits WAIT_S for the answer. Without one, PyPI's build remains. One line on
stderr says which build comes.

It runs on the Python for which PyTorch is, and needs only its pip.
"""

import json
import re
import subprocess
import sys
import threading
import tomllib
import urllib.request
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

WAIT_S = 3.0
PROJECT = Path(__file__).parents[1] / "pyproject.toml"
MOST_BYTES = 4_000_000
CUDA_SIZE = "about 5.8 GB with CUDA, which takes minutes"


class Choice(NamedTuple):
    """The choice: arguments for `pip install`, and a line for a person, or an empty one."""

    arguments: list[str]
    said: str


def choose(pin: str, build: str, index: str, wait_s: float) -> Choice:
    """Chooses for a pin such as torch==2.13.0; raises SystemExit for an unknown build."""
    if build == "cuda" or installed(pin):
        return Choice([], "")
    if build != "cpu":
        raise SystemExit(f"TORCH={build} is no build of PyTorch: write TORCH=cpu or TORCH=cuda")
    found = what_pip_takes(pin)
    if found is not None and not needs_cuda(found):
        return Choice([], f"PyTorch: a CPU build, {found['metadata']['version']}, from where pip looks")
    if offers(index, pin, wait_s):
        return Choice(["--index-url", index, f"{pin}+cpu"], f"PyTorch: a CPU build, from {index}")
    where = f"pip finds no CPU build, and {index} has none for this Python or did not answer within {wait_s:g} s"
    return Choice([], f"PyTorch: {where}: PyPI's build comes, {CUDA_SIZE}")


def installed(pin: str) -> bool:
    """Says whether this Python has the pinned version, in any build."""
    name, _, wanted = pin.partition("==")
    try:
        return version(name).partition("+")[0] == wanted
    except PackageNotFoundError:
        return False


def what_pip_takes(pin: str) -> dict[str, dict[str, Any]] | None:
    """Returns pip's report of what it would install, or None where it finds nothing."""
    ask = ["install", "--dry-run", "--no-deps", "--ignore-installed", "--quiet", "--quiet", "--report", "-", pin]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *ask], capture_output=True, text=True, check=False
    )
    try:
        return next(iter(json.loads(done.stdout)["install"]), None)
    except (ValueError, KeyError):
        return None


def needs_cuda(found: dict[str, dict[str, Any]]) -> bool:
    """Says whether a build requires packages of CUDA on this machine."""
    said = found["metadata"]
    if "+cpu" in str(said["version"]):
        return False
    needs = [text for text in said.get("requires_dist") or () if text.startswith(("nvidia-", "cuda-"))]
    return "+cu" in str(said["version"]) or any(map(holds_here, needs))


def holds_here(requirement: str) -> bool:
    """Says whether a requirement applies to this machine, as pip reads its marker."""
    try:
        from pip._vendor.packaging.requirements import Requirement
    except ImportError:  # a pip without its libraries
        return True
    marker = Requirement(requirement).marker
    return marker is None or bool(marker.evaluate({"extra": ""}))


def offers(index: str, pin: str, wait_s: float) -> bool:
    """Says whether an index shows the CPU build for this Python in time, a slow name service included."""
    name, _, wanted = pin.partition("==")
    pages: list[str] = []
    asking = threading.Thread(target=lambda: pages.append(page(f"{index.rstrip('/')}/{name}/", wait_s)), daemon=True)
    asking.start()
    asking.join(wait_s)
    tag = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    wheel = re.compile(rf"{name}-{re.escape(wanted)}(\+|%2B)cpu-({tag}-|py3-)[^\"'<>\s]*\.whl", re.IGNORECASE)
    return any(wheel.search(found) for found in pages)


def page(url: str, wait_s: float) -> str:
    """Returns the page's text; empty where nobody answers."""
    if not url.startswith(("https://", "http://127.0.0.1:")):
        return ""
    try:
        with urllib.request.urlopen(url, timeout=wait_s) as answer:  # noqa: S310  (seen above)
            return str(answer.read(MOST_BYTES).decode(errors="replace"))
    except (OSError, ValueError):
        return ""


def main() -> None:
    """The entry point."""
    build, index = sys.argv[1], sys.argv[2]
    wait_s = float(sys.argv[3]) if len(sys.argv) > 3 else WAIT_S
    (pin,) = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]["torch"]
    choice = choose(pin, build, index, wait_s)
    if choice.said:
        sys.stderr.write(f"{choice.said}\n")
    sys.stdout.write(" ".join(choice.arguments))


if __name__ == "__main__":
    main()
