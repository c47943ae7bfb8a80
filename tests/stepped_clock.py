"""The wall clock of a real process, set forward or back while it runs, by Debian's libfaketime."""

from pathlib import Path

NO_FAKETIME = "libfaketime is not installed: apt-get install faketime"


def library() -> Path | None:
    """Returns where libfaketime is; None where it is not installed."""
    return next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


class SteppedClock:
    """A stepped clock is that of all processes that are started with `variables`; the monotonic one stays theirs.

    - ahead_s: how far it is ahead of ours.
    """

    def __init__(self, folder: Path) -> None:
        self._file, self.ahead_s = folder / "clock", 0
        self.step(0)

    @property
    def variables(self) -> dict[str, str]:
        """Returns the variables that a process must be started with.

        libc's own malloc comes before jemalloc's, as Debian's redis-server has it: that asks for the time while
        libfaketime, which asks for memory, is not ready.
        """
        return {
            "LD_PRELOAD": f"{library()}:libc.so.6", "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }  # fmt: skip

    def step(self, seconds: int) -> None:
        """Sets the clock forward, or back, by so much; it goes on from there."""
        self.ahead_s += seconds
        written = self._file.with_suffix(".new")
        written.write_text(f"{self.ahead_s:+d}\n")
        written.replace(self._file)
