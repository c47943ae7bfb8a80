"""The contestant `line`: Tickline's own four services."""

from collections.abc import Mapping

from tests.bench.common import Run
from tests.bench.contestant import Command


class TicklineLine:
    """Not wired yet: the services do not exist."""

    name = "line"
    groups = False

    def commands(self, run: Run) -> dict[str, Command]:
        """The processes by stage."""
        raise NotImplementedError("the services are not in the tree yet; use --only redis_py,faststream")

    def keys(self, run: Run, kind: str) -> list[str]:
        """The P streams of `kind`."""
        return run.keys(kind)

    def trace(self, entry: Mapping[bytes, bytes]) -> bytes:
        """The field `tr`."""
        return entry[b"tr"]

    def written_ns(self, tick: Mapping[bytes, bytes]) -> int:
        """The field `w`."""
        return int(tick[b"w"])
