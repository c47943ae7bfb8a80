"""The `tickline` command as a person runs it: a process of its own, a bus and a state folder of its own."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import psutil
import structlog

from services.console.main import main
from shared.user_code import use_folder
from shared.user_code.loader import FINDER

COMMAND = Path(sys.executable).with_name("tickline")
T = TypeVar("T")
FOLDER = "TICKLINE_STATE_DIR"  # every process of a run inherits it, so it tells whose process one is
SHADOWS = ("signal", "random", "services", "shared", "secrets")
SELDOM_S = 0.25  # each look at all of the machine's processes costs some ms
RUN_S = 120.0  # two loaded cores take ten times as long as two free ones


class Done(NamedTuple):
    """What a command left behind; summary: its --json, where it wrote one."""

    code: int
    out: str
    err: str
    summary: dict[str, Any]


Command = Callable[..., Done]


def over(given: Sequence[object], options: Sequence[str]) -> tuple[object, ...]:
    """`given` options, without those of one value that `options` give otherwise; then `options`."""
    kept: list[object] = []
    pairs = iter(given)
    for word in pairs:
        if word in options:
            next(pairs)
        else:
            kept.append(word)
    return (*kept, *options)


def own_process(folder: Path, environment: Mapping[str, str], *words: object) -> Done:
    """A command without a terminal in a process of its own."""
    done = subprocess.run(
        [str(COMMAND), *map(str, words)], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=RUN_S, check=False,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr, {})


def in_process(folder: Path, environment: Mapping[str, str], *words: object) -> Done:
    """A command without a terminal in this process, which has loaded torch and ccxt once; it ends by itself.

    Working folder, environment and streams are those that the command's own process would have.
    """
    out, err, code = io.StringIO(), io.StringIO(), 0
    with _as_if_there(folder, environment), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            sys.argv = [COMMAND.name, *map(str, words)]
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Done(code, out.getvalue(), err.getvalue(), {})


@contextlib.contextmanager
def _as_if_there(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    before, argv, stdin, path, reads_once = dict(os.environ), sys.argv, sys.stdin, sys.path[:], FINDER.reads_once
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        with contextlib.chdir(folder), Path(os.devnull).open() as nothing:
            _put_environment(environment)
            sys.stdin = nothing
            yield
    finally:
        _put_environment(before)
        sys.argv, sys.stdin, sys.path[:], FINDER.reads_once = argv, stdin, path, reads_once
        use_folder(None)
        for number, handler in handlers.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()


def _put_environment(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()


class Running:
    """A command that was started; a leader of its own process group, as under a terminal."""

    def __init__(self, process: subprocess.Popen[str], summary: Path) -> None:
        self.process = process
        self._summary = summary

    def interrupt(self, whole_group: bool = False) -> None:
        """Ctrl-C; a terminal sends it to the whole foreground process group."""
        if whole_group:
            os.killpg(self.process.pid, signal.SIGINT)
        else:
            self.process.send_signal(signal.SIGINT)

    def done(self, within_s: float = RUN_S) -> Done:
        """Wait for its end."""
        try:
            out, err = self.process.communicate(timeout=within_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return Done(self.process.returncode, out, err, _summary_in(self._summary))


def _summary_in(path: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(path.read_text() or "{}") if path.exists() else {}
    return summary


def run_script(folder: Path, words: Sequence[str]) -> None:
    """Runs a user's script, without its folder's shadows of the standard library, which Python itself would take."""
    hidden = [folder / f"{name}.py" for name in SHADOWS if name in sys.stdlib_module_names]
    texts = {file: file.read_text() for file in hidden if file.exists()}
    for file in texts:
        file.unlink()
    subprocess.run([sys.executable, *words], cwd=folder, check=True, capture_output=True)
    for file, text in texts.items():
        file.write_text(text)


class Tickline:
    """Runs `tickline` in one folder; `left()` are the processes that are still there.

    records: whether a run without --record is recorded. Most tests ask for none, and a recorder is one process more.
    """

    records = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bus_folder = folder / "bus"
        self._started: list[Running] = []
        for name in SHADOWS:  # a user's folder may hold such; no process of ours takes them for its own modules
            (folder / f"{name}.py").write_text(f"raise SystemExit('{name}.py of the working folder was imported')\n")

    def environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TICKLINE_")}
        own = {FOLDER: str(self.folder), "TICKLINE_BUS__FOLDER": str(self.bus_folder), "COLUMNS": "200"}
        return {**clean, **own, **({} if self.records else {"TICKLINE_RECORDER__ON": "false"})}

    def start(self, *arguments: object) -> Running:
        summary = self.folder / f"summary-{len(self._started)}.json"
        command = [str(COMMAND), *map(str, arguments)]
        if arguments[0] == "run":
            command += ["--json", str(summary)]
        process = subprocess.Popen(
            command, cwd=self.folder, env=self.environment(), text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._started.append(Running(process, summary))
        return self._started[-1]

    def __call__(self, *arguments: object) -> Done:
        return self.start(*arguments).done()

    def in_process(self, *arguments: object) -> Done:
        """The command in this process; see there. Of a run that is its console, with a summary."""
        if arguments[0] != "run":
            return in_process(self.folder, self.environment(), *arguments)
        summary = self.folder / "summary.json"
        summary.unlink(missing_ok=True)
        done = in_process(self.folder, self.environment(), *arguments, "--json", summary)
        return done._replace(summary=_summary_in(summary))

    def left(self) -> dict[str, psutil.Process]:
        """What still runs for this folder, by a short name: gateway, strategy, signal, ingestor, console, bus."""
        found = {}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                if process.cwd() == str(self.bus_folder):  # a server writes its title over its environment
                    found["bus"] = process
                elif process.environ().get(FOLDER) == str(self.folder):
                    found[_name(process.cmdline())] = process
        return found

    def service(self, name: str) -> psutil.Process:
        """A running service's process, waited for."""
        return wait_for(lambda: self.left().get(name), f"{name} runs", every_s=SELDOM_S)

    def memory_mb(self) -> dict[str, float]:
        """Resident memory of what runs."""
        return {name: process.memory_info().rss / 2**20 for name, process in self.left().items()}

    def end(self) -> None:
        """Leave nothing behind."""
        for process in self.left().values():
            with contextlib.suppress(psutil.Error):
                process.kill()
        for running in self._started:
            running.process.communicate()


def wait_for(holds: Callable[[], T | None], what: str, within_s: float = RUN_S, every_s: float = 0.05) -> T:
    """The first true answer of `holds`, which is asked so often: seldom where asking costs much."""
    end = time.monotonic() + within_s
    while not (held := holds()):
        assert time.monotonic() < end, f"not within {within_s} s: {what}"
        time.sleep(every_s)
    return held


def _name(command: list[str]) -> str:
    if "-m" in command:
        return command[command.index("services") + 1]
    return "console" if any(Path(part).name == "tickline" for part in command) else " ".join(command)
