"""The fake exchange beside the line, as a process of its own that outlives the gateway by a moment."""

import os
import subprocess
from types import TracebackType

from shared.config import Settings
from shared.config.gateway import SECRETS
from shared.config.settings import PREFIX
from shared.errors import VenueError
from shared.runner.parent import PYTHON, WITH_PARENT

STOP_TIMEOUT_S = 10.0


class FakeExchange:
    """Its book is in the state folder, so that the next start goes on with it."""

    def __init__(self, settings: Settings) -> None:
        self.url = ""
        self._folder = settings.state_dir
        self._log = settings.state_dir / "logs" / "simulator.log"
        self._options = (
            "--state", str(settings.state_dir / "fake-exchange.jsonl"), "--seed", str(settings.ingestor.seed),
            "--simulated", settings.interval,
        )  # fmt: skip
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, on a free port or where it was before; returns when it answers. Raises VenueError."""
        self._end()
        port = self.url.rpartition(":")[2] or "0"
        try:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            log = self._log.open("ab")
        except OSError as error:
            raise VenueError(f"the fake exchange's log {self._log} cannot be written: {error.strerror}") from error
        with log:
            self._process = subprocess.Popen(
                [*PYTHON, "-m", "services.simulator", "--port", port, *self._options], text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
                env=_environment(),
            )  # fmt: skip
        assert self._process.stdout is not None
        said = self._process.stdout.readline().split()
        if not said:
            self._end()
            raise VenueError(f"the fake exchange does not start (log: {self._log})")
        self.url = said[-1]

    def alive(self) -> bool:
        """Whether its process is running."""
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> "FakeExchange":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.communicate(timeout=STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _environment() -> dict[str, str]:
    """Ours without an account's keys."""
    keys = {f"{PREFIX}GATEWAY__{name.upper()}" for name in SECRETS}
    return {name: value for name, value in os.environ.items() if name not in keys} | {WITH_PARENT: "1"}
