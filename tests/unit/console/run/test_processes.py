"""Services kept alive, a bounded number of times; stopped for certain. The services here are small scripts."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.console.run import processes as module
from services.console.run.processes import Servers, ServiceFailed, Supervisor, as_environment, recordable
from shared.config import Settings, load_settings
from shared.config.recorder import RecorderSettings
from shared.errors import BusUnreachable, ConfigError
from tests.until import until
from tests.virtual_time import virtually

Make = Callable[..., Supervisor]

STARTED = "import os, pathlib, signal, sys, time; open('started-' + __name__, 'a').write('x')\n"
SLEEP = STARTED + "print('sleeping', flush=True)\ntime.sleep(60)\n"


@pytest.fixture
async def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    """A supervisor of scripts by name; `python -m services NAME` finds them in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "__init__.py").write_text("")
    (tmp_path / "services" / "__main__.py").write_text(
        "import importlib, sys; importlib.import_module('services.' + sys.argv[1])"
    )
    made = []

    def supervisor(
        scripts: Mapping[str, str],
        *,
        restarts: int = 5,
        within_s: float = 60.0,
        last: Mapping[str, str] = {},
        own_env: Mapping[str, Mapping[str, str]] | None = None,
        lasting: Callable[[str], None] | None = None,
        spare: Mapping[str, Callable[[str], None]] | None = None,
    ) -> Supervisor:
        for name, text in scripts.items():
            (tmp_path / "services" / f"{name}.py").write_text(text.replace("__name__", repr(name)))
        env, logs = {"PYTHONPATH": str(tmp_path)}, tmp_path / "logs"
        options = {"restarts": restarts, "within_s": within_s, "own_env": own_env, "last": last, "lasting": lasting}
        options["spare"] = spare or {}
        made.append(Supervisor(tuple(scripts), env, logs, **options))
        return made[-1]

    yield supervisor
    for one in made:
        with contextlib.suppress(ServiceFailed):  # the test has seen it
            await one.stop()


@contextlib.asynccontextmanager
async def kept(supervisor: Supervisor) -> AsyncIterator[None]:
    keeping = asyncio.create_task(supervisor.run())
    yield
    keeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeping


def starts(name: str) -> int:
    path = Path(f"started-{name}")
    return len(path.read_text()) if path.exists() else 0


def pids(supervisor: Supervisor) -> dict[str, int]:
    return {name: process.pid for name, process in supervisor._processes.items()}


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_a_killed_service_is_started_again_and_the_others_are_left_alone(make: Make) -> None:
    supervisor = make({"one": SLEEP, "two": SLEEP})
    async with kept(supervisor):
        await until(lambda: starts("one") == starts("two") == 1 and pids(supervisor).keys() == {"one", "two"})
        before = pids(supervisor)
        os.kill(before["one"], signal.SIGKILL)
        await until(lambda: starts("one") == 2)
        assert supervisor.restarted == 1
        assert pids(supervisor)["two"] == before["two"]
        await until(lambda: pids(supervisor).get("one", before["one"]) != before["one"])


async def test_what_dies_again_and_again_is_given_up(make: Make) -> None:
    supervisor = make({"one": STARTED + "sys.exit('boom')", "two": SLEEP}, restarts=2)
    with pytest.raises(ServiceFailed, match="one ended with code 1: boom") as failed:
        await supervisor.run()
    assert starts("one") == 3
    assert failed.value.exit_code == 1
    assert str(Path("logs/one.log")) in str(failed.value)


async def test_with_positions_nothing_is_given_up(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others stay, the pause grows, and each death is told."""
    monkeypatch.setattr(module, "PAUSE_S", 0.02)
    said: list[str] = []
    supervisor = make({"one": STARTED + "sys.exit('boom')", "two": SLEEP}, restarts=1, lasting=said.append)
    async with kept(supervisor):
        await until(lambda: len(said) >= 3 and starts("two") == 1 and "two" in pids(supervisor))
        assert not gone(pids(supervisor)["two"])
    assert [line.partition("again in ")[2] for line in said[:3]] == ["0.02 s", "0.04 s", "0.08 s"]
    assert all(line.startswith("one ended with code 1: boom") and "the others stay" in line for line in said)
    assert starts("two") == 1


class Lives:
    """Processes that live for so many seconds each and end with code 1, the last of them again and again."""

    returncode = 1

    def __init__(self, *lives_s: float) -> None:
        self._left_s = list(lives_s)

    async def wait(self) -> int:
        await asyncio.sleep(self._left_s.pop(0) if len(self._left_s) > 1 else self._left_s[0])
        return 1


@virtually()
async def test_the_pause_grows_to_a_minute_and_stays_until_a_service_has_lasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where so few deaths fit between two pauses that they would not be too many by themselves."""
    said: list[str] = []
    lives = Lives(*[0.5] * 14, 100.0, 0.5)
    supervisor = Supervisor(("one",), {}, tmp_path, lasting=said.append)

    async def start(name: str) -> Lives:
        return lives

    monkeypatch.setattr(supervisor, "_start", start)
    keeping = asyncio.create_task(supervisor.run())
    await until(lambda: len(said) >= 11, within_s=1_000.0)
    keeping.cancel()
    pauses = [line.partition("again in ")[2] for line in said]
    assert pauses == ["1 s", "2 s", "4 s", "8 s", "16 s", "32 s", "60 s", "60 s", "60 s", "1 s", "2 s"]


async def test_what_is_refused_later_is_not_given_up_either(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """At its first start it ends the run: nobody has begun to rely on it."""
    monkeypatch.setattr(module, "PAUSE_S", 0.02)
    said: list[str] = []
    once = STARTED + "sys.exit(5 if pathlib.Path('started-' + __name__).read_text() != 'x' else 1)"
    async with kept(make({"one": once}, lasting=said.append)):
        await until(lambda: len(said) >= 2)
    assert all(line.startswith("one ended with code 5") for line in said)
    with pytest.raises(ServiceFailed, match="two ended with code 5"):
        await make({"two": STARTED + "sys.exit(5)"}, lasting=said.append).run()


async def test_no_file_of_the_working_directory_shadows_a_module(make: Make) -> None:
    """`signal.py` is a name that a strategy's author would give."""
    supervisor = make({"one": "import random, signal\n" + SLEEP})
    shadowed("elsewhere", "signal", "random", "services")
    async with kept(supervisor):
        await until(lambda: starts("one") == 1)
    assert supervisor.restarted == 0


def shadowed(folder: str, *names: str) -> None:
    """Work in a folder where these are files."""
    Path(folder).mkdir()
    for name in names:
        Path(folder, f"{name}.py").write_text("raise SystemExit('shadowed')")
    os.chdir(folder)


def a_file_instead(folder: str) -> None:
    shutil.rmtree(folder)
    Path(folder).write_text("")


async def test_a_service_is_kept_alive_without_its_log(make: Make) -> None:
    """The folder was removed while it ran, and is a file now."""
    supervisor = make({"one": SLEEP})
    async with kept(supervisor):
        await until(lambda: starts("one") == 1 and "one" in pids(supervisor))
        a_file_instead("logs")
        os.kill(pids(supervisor)["one"], signal.SIGKILL)
        await until(lambda: starts("one") == 2)


async def test_deaths_long_ago_do_not_count(make: Make) -> None:
    supervisor = make({"one": STARTED + "time.sleep(0.1)"}, restarts=1, within_s=0.05)
    async with kept(supervisor):
        await until(lambda: starts("one") >= 4)


@pytest.mark.parametrize("code", [2, 3, 5, 7])
async def test_what_would_end_the_same_again_is_not_started_again(make: Make, code: int) -> None:
    said = '{"why": "the model is not there", "event": "cannot go on"}'
    supervisor = make({"one": STARTED + f"print({said!r}); sys.exit({code})"})
    with pytest.raises(ServiceFailed, match=f"one ended with code {code}: the model is not there") as failed:
        await supervisor.run()
    assert failed.value.exit_code == code
    assert starts("one") == 1


async def test_one_given_up_leaves_no_other_behind_once_stopped(make: Make) -> None:
    supervisor = make({"one": "import sys, time; time.sleep(0.5); sys.exit(2)", "two": SLEEP})
    with pytest.raises(ServiceFailed, match="it said nothing"):
        await supervisor.run()
    await supervisor.stop()
    assert all(gone(pid) for pid in pids(supervisor).values())


async def test_stop_asks_and_then_kills(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_TIMEOUT_S", 0.5)
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEP
    polite = STARTED + (
        "def bye(*_):\n    print('bye', flush=True)\n    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, bye)\nprint('ready', flush=True)\ntime.sleep(60)\n"
    )
    supervisor = make({"deaf": deaf, "polite": polite})
    async with kept(supervisor):
        await until(lambda: "sleeping" in said("deaf") and "ready" in said("polite"))
    await supervisor.stop()
    assert {name: process.returncode for name, process in supervisor._processes.items()} == {
        "deaf": -signal.SIGKILL, "polite": 0,
    }  # fmt: skip
    assert "bye" in said("polite")
    assert all(gone(pid) for pid in pids(supervisor).values())


async def test_the_last_ones_are_stopped_when_the_others_have_ended(make: Make) -> None:
    """A recorder is there until the last entry was written. What goes wrong in its last moments is told."""
    slow = STARTED + (
        "def bye(*_):\n    time.sleep(0.3)\n    open('ended', 'w').close()\n    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, bye)\nprint('ready', flush=True)\ntime.sleep(60)\n"
    )
    reader = STARTED + (
        "def bye(*_):\n    print('no line', flush=True)\n    sys.exit(3 if pathlib.Path('ended').exists() else 0)\n"
        "signal.signal(signal.SIGTERM, bye)\nprint('ready', flush=True)\ntime.sleep(60)\n"
    )
    supervisor = make({"reader": reader, "slow": slow}, last={"reader": ""})
    async with kept(supervisor):
        await until(lambda: "ready" in said("slow") and "ready" in said("reader"))
        await until(lambda: supervisor._processes.keys() == {"slow", "reader"})  # they may write before they are known
    with pytest.raises(ServiceFailed, match="reader ended with code 3: no line"):
        await supervisor.stop()


async def test_of_one_that_was_killed_just_before_the_end_it_is_said_what_that_means(make: Make) -> None:
    """Its log ends anywhere, and says nothing of it."""
    supervisor = make({"reader": SLEEP}, last={"reader": "the next run reads on"})
    async with kept(supervisor):
        await until(lambda: "sleeping" in said("reader") and "reader" in supervisor._processes)
        os.kill(pids(supervisor)["reader"], signal.SIGKILL)
    with pytest.raises(ServiceFailed) as failed:
        await supervisor.stop()
    assert failed.value.exit_code == 1
    assert str(failed.value).partition(" (log: ")[0] == "reader was killed just before the end: the next run reads on"


async def test_so_it_is_of_one_that_did_not_end_in_time(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LAST_TIMEOUT_S", 0.5)
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEP
    supervisor = make({"reader": deaf}, last={"reader": "the next run reads on"})
    async with kept(supervisor):
        await until(lambda: "sleeping" in said("reader") and "reader" in supervisor._processes)
    with pytest.raises(ServiceFailed, match=r"reader was killed since it did not end within 0\.5 s: the next run"):
        await supervisor.stop()


async def test_a_log_of_json_is_told_in_words(make: Make) -> None:
    word = """print('{"service": "one", "event": "recording", "level": "info"}', flush=True)\n"""
    with pytest.raises(ServiceFailed, match=r"one ended with code 1: its last word was 'recording' \(log: "):
        await make({"one": STARTED + word + "sys.exit(1)"}, restarts=0).run()


async def test_the_others_go_on_without_a_spare_one(make: Make) -> None:
    """A recorder that nobody asked for does not end the line, neither refused, nor dying, nor at its last moment."""
    told: list[str] = []
    worker = STARTED + "print('ready', flush=True)\ntime.sleep(60)\n"
    last = STARTED + (
        "def bye(*_):\n    print('no room', flush=True)\n    sys.exit(2)\n"
        "signal.signal(signal.SIGTERM, bye)\nprint('ready', flush=True)\ntime.sleep(60)\n"
    )
    programs = {"worker": worker, "refused": STARTED + "print('no folder')\nsys.exit(2)", "last": last}
    supervisor = make(programs, last={"last": "", "refused": ""}, spare={"refused": told.append, "last": told.append})
    async with kept(supervisor):
        await until(lambda: bool(told) and "ready" in said("worker") and "ready" in said("last"))
        assert len(told) == 1
        assert told[0].startswith("refused ended with code 2: no folder")
        assert told[0].endswith("the others go on without it")
        assert supervisor.given_up == {"refused"}
        assert not gone(pids(supervisor)["worker"])
    await supervisor.stop()
    assert [line.partition(" (log")[0] for line in told[1:]] == ["last ended with code 2: no room"]


def test_without_pyarrow_nothing_is_recorded_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    by_default, asked_for = Settings(), Settings(recorder=RecorderSettings(folder=Path("session")))
    assert recordable(by_default, told.append) is by_default
    monkeypatch.setattr("services.console.run.processes.find_spec", lambda name: None)
    assert recordable(by_default, told.append).recorder == RecorderSettings(on=False)
    assert len(told) == 1
    assert "pyarrow is missing: pip install 'tickline[parquet]'" in told[0]
    assert recordable(asked_for, told.append) is asked_for, "its recorder refuses by itself"
    off = Settings(recorder=RecorderSettings(on=False))
    assert recordable(off, told.append) is off
    assert len(told) == 1


async def test_a_service_sees_the_end_of_its_parent(make: Make) -> None:
    """Standard input is a pipe that nobody writes to."""
    supervisor = make({"one": STARTED + "print(os.environ['TICKLINE_WITH_PARENT'], sys.stdin.read(), 'over')"})
    async with kept(supervisor):
        await until(lambda: starts("one") == 1 and "one" in supervisor._processes)  # it may write before it is known
        process = supervisor._processes["one"]
        assert process.stdin is not None
        process.stdin.close()
        await until(lambda: "1  over" in said("one"))


async def test_logs_that_cannot_be_written_are_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ServiceFailed, match="cannot be written: Not a directory") as failed:
        await Supervisor(("one",), {}, tmp_path / "file" / "logs").run()
    assert failed.value.exit_code == 2


def said(name: str) -> str:
    path = Path(f"logs/{name}.log")
    return path.read_text() if path.exists() else ""


async def test_what_is_for_one_service_is_given_to_no_other(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "inherited")
    script = STARTED + "pathlib.Path('secret-' + __name__).write_text(str(os.environ.get('SECRET')))\ntime.sleep(60)\n"
    async with kept(make({"one": script, "two": script}, own_env={"one": {"SECRET": "own"}})):
        files = [Path("secret-one"), Path("secret-two")]
        await until(lambda: all(file.exists() and bool(file.read_text()) for file in files))
    assert [file.read_text() for file in files] == ["own", "None"]


async def test_a_key_of_the_environment_does_not_win_over_what_the_run_wants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E.g. `run --record FOLDER` beside TICKLINE_RECORDER__ON=false."""
    monkeypatch.setenv("TICKLINE_RECORDER__ON", "false")
    monkeypatch.setenv("TICKLINE_RECORDER__KEEP_DAYS", "7")
    wanted = load_settings(recorder={"on": True, "folder": tmp_path})
    environment = Supervisor(("recorder",), as_environment(wanted), tmp_path)._env
    monkeypatch.setattr(
        os, "environ", {name: environment[name] for name in environment if name.startswith("TICKLINE_")}
    )
    assert load_settings().recorder == wanted.recorder
    assert wanted.recorder.keep_days == 7


# Settings handed to a service through its environment are the same settings.

CHANGED = {
    "interval": "12h",
    "symbols": ("BTCUSDT", "Ω/USD", "1"),
    "run_id": "20251122-1",
    "state_dir": "/tmp/a folder",
    "bus": {"url": "redis://user:p%40ss@127.0.0.1:6379/0", "partitions": 3, "lease_s": 0.25},
    "ingestor": {
        "source": "replay",
        "seed": -5,
        "limit": 7,
        "ticks_per_s": 0.1,
        "files": {"BTCUSDT": "/data/a b.csv", "Ω/USD": "b.parquet", "1": "c.csv"},
    },
    "signal": {"model": 'a "quoted" name'},
    "strategy": {"params": {"netting": True, "leverage": 2, "deep": [1, None, {"x": "y"}]}, "balance": "0.10"},
    "gateway": {"fee": "0.00030", "slippage_bps": "1.5"},
}


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def handed_over(given_settings: Settings) -> Settings:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in as_environment(given_settings).items():
            patch.setenv(name, value)
        return load_settings()


def test_the_defaults() -> None:
    assert handed_over(Settings()) == Settings()


def test_every_kind_of_value() -> None:
    changed = load_settings(**CHANGED)
    assert handed_over(changed) == changed
    assert str(handed_over(changed).strategy.balance) == "0.10"
    assert str(handed_over(changed).gateway.fee) == "0.00030"


def test_several_venues() -> None:
    venues = {"perp": {"exchange": "binanceusdm", "markets": {"B": "B/U:U"}}, "okx": {"markets": {"E": "E/U"}}}
    made = load_settings(symbols=("B", "E"), ingestor={"source": "ccxt", "grace_s": 3, "venues": venues})
    assert handed_over(made) == made


def test_neither_a_file_nor_another_variable_changes_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = load_settings(**CHANGED)
    Path("tickline.toml").write_text("[strategy]\nname = 'threshold'\n[ingestor]\nlimit = 3\n")
    monkeypatch.setenv("TICKLINE_INTERVAL", "5m")
    assert handed_over(changed) == changed


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    balance=st.decimals(min_value=Decimal("1e-12"), max_value=Decimal("1e15"), allow_nan=False),
    rate=st.floats(min_value=0, max_value=1e6),
    sym=st.text(min_size=1, max_size=64).filter(lambda text: text.isprintable()),
)
def test_numbers_and_names_arrive_as_they_were(balance: Decimal, rate: float, sym: str) -> None:
    made = load_settings(symbols=(sym,), strategy={"balance": balance}, ingestor={"ticks_per_s": rate})
    found = handed_over(made)
    assert found == made
    assert str(found.strategy.balance) == str(made.strategy.balance)


class Stubborn:
    """A server that cannot be started again."""

    def alive(self) -> bool:
        return False

    def start(self) -> None:
        raise BusUnreachable("the bus folder x cannot be used: No space left on device")


def test_a_server_that_does_not_start_is_tried_again_or_ends_the_run() -> None:
    said: list[str] = []
    servers = Servers([Stubborn()], said.append)
    servers.revive(last=False)
    servers.revive(last=False)
    assert said == ["the bus folder x cannot be used: No space left on device; it is tried again"]
    assert not servers.restarted
    with pytest.raises(BusUnreachable, match="No space left"):
        servers.revive(last=True)


def test_what_no_variable_holds_is_told_before_anything_is_started() -> None:
    """This system itself says how long one may be: a process is started with just as much, and with one byte more."""
    fits = Settings(symbols=("S" * 60,) * 2_000)
    text = as_environment(fits)["TICKLINE_SYMBOLS"]
    room = module.MOST_BYTES - len(f"TICKLINE_SYMBOLS={text}\0")
    assert room > 0
    for more, starts in ((room, True), (room + 1, False)):
        variable = {"TICKLINE_SYMBOLS": text + "x" * more}
        with contextlib.nullcontext() if starts else pytest.raises(OSError, match="Argument list too long"):
            subprocess.run(["true"], env=variable, check=True)
    with pytest.raises(ConfigError, match="TICKLINE_SYMBOLS is too long"):
        as_environment(Settings(symbols=("S" * 60,) * 3_000))
