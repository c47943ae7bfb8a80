"""The processes of a run: its services and servers, each started again when it dies."""

import asyncio
import contextlib
import json
import os
import signal
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import IO, Protocol

from shared.config import Settings
from shared.config.gateway import SECRETS
from shared.config.settings import PREFIX
from shared.errors import ConfigError, TicklineError
from shared.extras import to_install
from shared.runner.process import PYTHON, WITH_PARENT

STOP_TIMEOUT_S = 30.0
LAST_TIMEOUT_S = 120.0  # who ends last works with what others leave of the machine, and on a busy one that is little
NO_RESTART = (2, 3, 5, 7)  # bad config, bad data, refused for safety, code that raises: it would end the same again
MOST_BYTES = 131_072  # of one variable, its name and its end among them: Linux starts no process with more
PAUSE_S, PAUSE_MAX_S = 1.0, 60.0  # before what keeps dying is started again, where nothing is given up


class Server(Protocol):
    """A server stands beside the services; the run starts it again, where it was, when it dies."""

    def alive(self) -> bool: ...
    def start(self) -> None: ...


class Servers:
    """The servers of a run are the bus and the fake exchange, where the run has its own.

    - restarted: how often one was started again.
    - say: tells a person.
    """

    def __init__(self, servers: Sequence[Server], say: Callable[[str], None]) -> None:
        self.restarted = 0
        self._servers, self._say = servers, say
        self._failed = ""  # why one could not be started again

    def __bool__(self) -> bool:
        return bool(self._servers)

    def revive(self, *, last: bool) -> None:
        """Starts each server again that has died.

        - last: nobody tries it later, so an error is raised. Else it is said once, and the next call tries again.
        """
        for server in self._servers:
            if server.alive():
                continue
            try:
                server.start()
            except TicklineError as error:
                if last:
                    raise
                if str(error) != self._failed:
                    self._failed = str(error)
                    self._say(f"{error}; it is tried again")
            else:
                self.restarted += 1


def as_environment(settings: Settings) -> dict[str, str]:
    """Returns settings as variables, one for each section, complete: no file or other variable changes anything.

    The account's keys are not among them. Raises ConfigError for what no variable of this system can hold.

    >>> as_environment(Settings(interval="12h"))["TICKLINE_INTERVAL"]
    '12h'
    """
    values = settings.model_dump(mode="json", exclude={"gateway": set(SECRETS)})
    made = {
        f"{PREFIX}{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
        if value is not None
    }
    for name, value in made.items():
        if len(value.encode()) >= MOST_BYTES - len(name) - len("=\0"):
            raise ConfigError(
                f"config: {name} is too long for the services that this starts: with so many symbols start each of "
                "them by itself, `python -m services SERVICE`, with bus.url and TICKLINE_CONFIG"
            )
    return made


def keys_environment(settings: Settings) -> dict[str, str]:
    """Returns the account's keys as variables, for the gateway alone; empty where there are none.

    >>> sorted(keys_environment(Settings()))
    ['TICKLINE_GATEWAY__API_KEY', 'TICKLINE_GATEWAY__API_PASSWORD', 'TICKLINE_GATEWAY__API_SECRET']
    """
    keys = {name: getattr(settings.gateway, name) for name in SECRETS}
    return {f"{PREFIX}GATEWAY__{name.upper()}": key.get_secret_value() for name, key in keys.items()}


def recordable(settings: Settings, say: Callable[[str], None]) -> Settings:
    """Returns the settings, without a recorder where nobody asked for one and nothing could be written: that is said.

    What is asked for by a folder stays: then the run is refused, as its recorder is.
    """
    own = settings.recorder
    if not own.on or own.folder is not None or find_spec("pyarrow") is not None:
        return settings
    say(
        f"nothing is recorded, since pyarrow is missing: {to_install('parquet')}; so nothing is found of what the bus "
        "has no more"
    )
    return settings.model_copy(update={"recorder": own.model_copy(update={"on": False})})


class ServiceFailed(TicklineError):
    """A service cannot be kept alive."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]


class Deaths:
    """The deaths of one service say whether it dies too often: more than `most` times within `within_s`.

    Once that was so, each further death is one too many, until the service has lasted for so long.

    - lasted: whether it was at work for longer than `within_s` before its last death.
    - first: whether it has died once.

    >>> deaths = Deaths(most=1, within_s=60.0)
    >>> deaths.add(began_s=0.0, now_s=5.0), deaths.too_many
    (None, False)
    >>> deaths.add(5.0, 10.0), deaths.too_many, deaths.next_pause_s(), deaths.next_pause_s()
    (None, True, 1.0, 2.0)
    >>> deaths.add(12.0, 100.0), deaths.too_many
    (None, False)
    """

    def __init__(self, most: int, within_s: float) -> None:
        self.lasted = False
        self._most, self._within_s = most, within_s
        self._count = 0
        self._at_s: deque[float] = deque()
        self._pause_s = 0.0

    def add(self, began_s: float, now_s: float) -> None:
        """Takes a death at `now_s` of what began at `began_s`, on a clock that never goes back."""
        self._count += 1
        self._at_s.append(now_s)
        while now_s - self._at_s[0] > self._within_s:
            self._at_s.popleft()
        self.lasted = now_s - began_s > self._within_s
        if self.lasted:
            self._pause_s = 0.0

    @property
    def first(self) -> bool:
        """Says whether it has died once."""
        return self._count == 1

    @property
    def too_many(self) -> bool:
        """Says whether it dies too often."""
        return len(self._at_s) > self._most or self._pause_s > 0

    def next_pause_s(self) -> float:
        """Returns how long to wait before the next start; twice as long each time, up to a minute."""
        self._pause_s = min(2 * self._pause_s or PAUSE_S, PAUSE_MAX_S)
        return self._pause_s


class Supervisor:
    """A supervisor starts `python -P -m services NAME` for each name, and keeps it alive, with its log in `logs`.

    It starts a service again when it dies, up to `restarts` times within `within_s`. One that dies more often ends the
    run, unless it is `spare` or there is `lasting`. One that is refused at its first start always ends the run, unless
    it is `spare`.

    - own_env: variables of one service; no other is given them, not even from our own environment.
    - ready: returns when the service may start.
    - lasting: called with a line about a service that keeps dying. It is then started again and again, with a growing
      pause, and the others stay.
    - last: services that are stopped only when the others have ended, one after another. Each has a text: what becomes
      of the work that it leaves undone when it is killed.
    - spare: services that the others go on without. Each has what is called with a line when it is gone.
    """

    def __init__(
        self,
        names: Sequence[str],
        env: Mapping[str, str],
        logs: Path,
        *,
        own_env: Mapping[str, Mapping[str, str]] | None = None,
        ready: Callable[[str], Awaitable[None]] | None = None,
        lasting: Callable[[str], None] | None = None,
        last: Mapping[str, str] = MappingProxyType({}),
        spare: Mapping[str, Callable[[str], None]] = MappingProxyType({}),
        restarts: int = 5,
        within_s: float = 60.0,
    ) -> None:
        self.restarted = 0
        self._names = tuple(names)
        self._own_env = own_env or {}
        hidden = {variable for own in self._own_env.values() for variable in own}
        # A variable of one key would win over its section's, which has all keys as this run wants them.
        parts = tuple(f"{section}__" for section in env if section.startswith(PREFIX))
        inherited = {
            variable: value for variable, value in os.environ.items()
            if variable not in hidden and not variable.startswith(parts)
        }  # fmt: skip
        self._env = {**inherited, **env, WITH_PARENT: "1"}
        self._logs = logs
        self._ready = ready
        self._lasting = lasting
        self._last = last
        self._spare = spare
        self._given_up: set[str] = set()
        self._cut: set[str] = set()  # those that did not end in time
        self._restarts = restarts
        self._within_s = within_s
        self._processes: dict[str, asyncio.subprocess.Process] = {}

    @property
    def given_up(self) -> frozenset[str]:
        """Returns the spare ones that were refused, and are not started again."""
        return frozenset(self._given_up)

    async def run(self) -> None:
        """Starts all and keeps them alive until cancelled; raises ServiceFailed."""
        try:
            self._logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ServiceFailed(f"{self._logs}: the services' logs cannot be written: {error.strerror}", 2) from error
        try:
            async with asyncio.TaskGroup() as group:
                for name in self._names:
                    group.create_task(self._keep(name))
        except* ServiceFailed as failed:
            first = failed.exceptions[0]
        else:
            return
        raise first

    async def stop(self) -> None:
        """Sends SIGTERM to all, SIGKILL to those that do not end in time; ServiceFailed where one of `last` failed."""
        await self._stop([name for name in self._names if name not in self._last], STOP_TIMEOUT_S)
        for name in self._last:
            await self._stop([name], LAST_TIMEOUT_S)
        for name in self._last:
            code = self._processes[name].returncode if name in self._processes else 0
            if code in (0, -signal.SIGTERM, None) or name in self._given_up:
                continue
            said = f"{name} ended with code {code}: {self._last_word(name)}"
            if code < 0:
                when = (
                    f"since it did not end within {LAST_TIMEOUT_S:g} s" if name in self._cut else "just before the end"
                )
                said = f"{name} was killed {when}: {self._last[name]} (log: {self._logs / f'{name}.log'})"
            if name not in self._spare:
                raise ServiceFailed(said, code if code > 0 else 1)
            self._spare[name](said)

    async def _stop(self, names: Sequence[str], within_s: float) -> None:
        """Sends these SIGTERM, waits, and kills those that did not end in time."""
        known = {name: self._processes.get(name) for name in names}
        living = {
            name: process for name, process in known.items() if process is not None and process.returncode is None
        }
        for process in living.values():
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(within_s):
                await asyncio.gather(*(process.wait() for process in living.values()))
        except TimeoutError:
            for name, process in living.items():
                if process.returncode is None:
                    self._cut.add(name)
                    process.kill()
                    await process.wait()

    async def _keep(self, name: str) -> None:
        """Starts a service, again and again, until that is given up; raises ServiceFailed."""
        if self._ready is not None:
            await self._ready(name)
        deaths = Deaths(self._restarts, self._within_s)
        while True:
            began_s = asyncio.get_running_loop().time()
            process = await self._start(name)
            code = await process.wait()
            deaths.add(began_s, asyncio.get_running_loop().time())
            if code in NO_RESTART or deaths.too_many:
                pause_s = self._after_failure(name, code, deaths)
                if pause_s is None:
                    return
                await asyncio.sleep(pause_s)
            self.restarted += 1

    def _after_failure(self, name: str, code: int, deaths: "Deaths") -> float | None:
        """Returns the pause before a service that fails for good, or too often, is started all the same; None: never.

        Raises ServiceFailed where the run ends with it.
        """
        said = f"{name} ended with code {code}: {self._last_word(name)}"
        if name in self._spare and code in NO_RESTART:
            self._given_up.add(name)
            self._spare[name](f"{said}; the others go on without it")
            return None
        refused = code in NO_RESTART and deaths.first and not deaths.lasted
        told = self._spare.get(name, self._lasting)
        if told is None or refused:
            raise ServiceFailed(said, code if code > 0 else 1)
        pause_s = deaths.next_pause_s()
        told(f"{said}; the others stay, and it is started again in {pause_s:g} s")
        return pause_s

    async def _start(self, name: str) -> asyncio.subprocess.Process:
        with self._log(name) as log:
            process = await asyncio.create_subprocess_exec(
                *PYTHON,
                "-m",
                "services",
                name,
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**self._env, **self._own_env.get(name, {})},
                start_new_session=True,
            )
        self._processes[name] = process
        return process

    def _log(self, name: str) -> IO[bytes]:
        """Returns its log file, or none where none can be made any more: the service counts more than its log."""
        try:
            self._logs.mkdir(parents=True, exist_ok=True)
            return (self._logs / f"{name}.log").open("ab")
        except OSError:
            return Path(os.devnull).open("ab")

    def _last_word(self, name: str) -> str:
        """Returns the last line of a service's log, and where that lies."""
        path = self._logs / f"{name}.log"
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        last = lines[-1] if lines else "it said nothing"
        with contextlib.suppress(ValueError, KeyError, TypeError):
            told = json.loads(last)  # the service told why it ended; a killed one did not
            last = told["why"] if "why" in told else f"its last word was {told['event']!r}"
        return f"{last[:300]} (log: {path})"
