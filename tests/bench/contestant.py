"""What the bench needs to know of a contestant."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tests.bench.common import STAGES, Run


@dataclass(frozen=True)
class Command:
    """How one process of a contestant is started."""

    arguments: list[str]
    environment: dict[str, str] = field(default_factory=dict)

    def full_environment(self) -> dict[str, str]:
        """The whole environment of the process."""
        return os.environ | self.environment


class Contestant(Protocol):
    """One way to run the line: four processes and the streams between them."""

    @property
    def name(self) -> str:
        """Its key in bench.json."""

    @property
    def groups(self) -> bool:
        """Whether its stages read through consumer groups, which the bench then makes beforehand."""

    def commands(self, run: Run) -> dict[str, Command]:
        """The processes by stage."""

    def keys(self, run: Run, kind: str) -> list[str]:
        """The P streams of `kind`."""

    def trace(self, entry: Mapping[bytes, bytes]) -> bytes:
        """The trace id of a tick or an order."""

    def written_ns(self, tick: Mapping[bytes, bytes]) -> int:
        """The wall clock at which its writer wrote a tick."""


class Baseline:
    """A contestant whose stages are one module of this folder."""

    groups = True

    def __init__(self, name: str, module: str) -> None:
        self.name = name
        self._module = module

    def commands(self, run: Run) -> dict[str, Command]:
        """`python -m MODULE STAGE …` for each stage."""
        return {s: Command([sys.executable, "-m", self._module, s, *run.arguments()]) for s in STAGES}

    def keys(self, run: Run, kind: str) -> list[str]:
        """The P streams of `kind`."""
        return run.keys(kind)

    def trace(self, entry: Mapping[bytes, bytes]) -> bytes:
        """The field `tr`."""
        return entry[b"tr"]

    def written_ns(self, tick: Mapping[bytes, bytes]) -> int:
        """The field `w`."""
        return int(tick[b"w"])
