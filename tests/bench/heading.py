"""What stands above a bench's tables: machine, versions, settings, and what was not measured."""

import os
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from tests.bench.report import machine


def about(packages: Sequence[str], settings: dict[str, Any], notes: Sequence[str]) -> dict[str, Any]:
    """For the file that a bench writes."""
    return {
        **machine(),
        "versions": {name: version(name) for name in packages},
        "settings": settings,
        "load_average": list(os.getloadavg()),
        "notes": list(notes),
    }


def show_about(told: dict[str, Any]) -> None:
    """The same, printed."""
    print(f"\n{told['machine']}\nPython {told['python']}")
    print(", ".join(f"{name} {number}" for name, number in told["versions"].items()))
    print(", ".join(f"{name} {value:,}" for name, value in told["settings"].items()))
    print(f"load average {told['load_average'][0]:.1f}")
    print(*(f"- {note}" for note in told["notes"]), sep="\n")
