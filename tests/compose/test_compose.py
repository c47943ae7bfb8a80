"""`docker compose up` from a clean clone: everything healthy, executions flowing, down and up goes on.

The tests build on one another, in the order in which a person would do it. The stack is taken down, volume and all,
whatever happens.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
PARTITIONS = 8
SERVICES = {"redis", "ingestor", "signal", "strategy", "gateway", "monitor", "recorder"}
FLOWING_WITHIN_S = 60.0

pytestmark = [pytest.mark.compose, pytest.mark.timeout(900)]


class Stack:
    """`docker compose` in one folder under one project name."""

    def __init__(self, folder: Path, project: str) -> None:
        self.folder = folder
        self.login: tuple[str, ...] = ()
        self._env = {**os.environ, "COMPOSE_PROJECT_NAME": project}

    def use(self, *files: str) -> None:
        """These compose files from now on."""
        self._env["COMPOSE_FILE"] = os.pathsep.join(files)

    def compose(self, *args: str, ok: bool = True, timeout_s: float = 600) -> str:
        """Run one compose command and give what it printed."""
        done = subprocess.run(
            ["docker", "compose", *args],
            cwd=self.folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
        if ok and done.returncode:
            said = done.stderr.decode(errors="replace")[-3000:]
            logs = "" if args[0] == "logs" else self.compose("logs", "--tail", "30", ok=False)[-6000:]
            pytest.fail(f"docker compose {' '.join(args)} ended with {done.returncode}:\n{said}\n{logs}")
        return done.stdout.decode(errors="replace")

    def redis(self, *command: str) -> list[list[Any]]:
        """One command to redis-cli inside the stack."""
        answer: list[list[Any]] = json.loads(
            self.compose("exec", "-T", "redis", "redis-cli", "--json", *self.login, *command)
        )
        return answer

    def containers(self) -> list[dict[str, Any]]:
        """What `docker compose ps` knows, one row per container."""
        return [json.loads(line) for line in self.compose("ps", "--all", "--format", "json").splitlines()]

    def entries(self, stream: str, instance: str) -> list[dict[str, str]]:
        """All entries of a stream over all partitions, in the order of each partition."""
        found = []
        for p in range(PARTITIONS):
            for _id, flat in self.redis("XRANGE", f"tickline:{stream}:{{{instance}.{p}}}", "-", "+"):
                found.append(dict(zip(flat[::2], flat[1::2], strict=True)))
        return found

    def last_numbers(self, stream: str, instance: str) -> dict[str, int]:
        """Per symbol the last `n`, after checking that the numbers have no hole and no repetition."""
        last: dict[str, int] = {}
        for entry in self.entries(stream, instance):
            sym, n = entry["k"], int(entry["n"])
            assert n == last.get(sym, n - 1) + 1, f"{stream} of {sym}: {n} after {last[sym]}"
            last[sym] = n
        return last


def until(what: str, holds: Callable[[], bool]) -> None:
    """Wait until it holds."""
    end = time.monotonic() + FLOWING_WITHIN_S
    while not holds():
        assert time.monotonic() < end, f"not within {FLOWING_WITHIN_S:.0f} s: {what}"
        time.sleep(1)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A clean clone of what is committed, up and healthy."""
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        pytest.skip("no Docker engine answers")
    folder = tmp_path_factory.mktemp("compose") / "tickline"
    subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(folder)], check=True)
    stack = Stack(folder, f"tickline-test-{os.getpid()}")
    try:
        stack.compose("up", "--build", "--detach", "--wait", timeout_s=840)
        yield stack
    finally:
        stack.compose("down", "--volumes", "--remove-orphans", "--timeout", "20", ok=False)


def executed_beyond(stack: Stack, before: dict[str, int]) -> bool:
    """Whether every symbol has executions, and more than `before`."""
    now = stack.last_numbers("executions", "gateway")
    return bool(now) and now.keys() >= before.keys() and all(n > before.get(sym, 0) for sym, n in now.items())


def test_all_are_healthy(stack: Stack) -> None:
    health = {row["Service"]: row["Health"] for row in stack.containers()}
    assert health == dict.fromkeys(SERVICES, "healthy")


def test_executions_flow(stack: Stack) -> None:
    until("first executions", lambda: executed_beyond(stack, {}))
    before = stack.last_numbers("executions", "gateway")
    until("more executions of every symbol", lambda: executed_beyond(stack, before))


def test_a_person_reads_an_entry_in_redis_cli(stack: Stack) -> None:
    entry = stack.entries("executions", "gateway")[-1]
    assert entry.keys() >= {"t", "k", "n", "h", "tr", "d", "w"}
    assert entry["k"] in entry["h"]


def test_nothing_is_published_and_nobody_is_root(stack: Stack) -> None:
    for row in stack.containers():
        assert not [p for p in row["Publishers"] or [] if p["PublishedPort"]], row["Service"]
        assert stack.compose("exec", "-T", row["Service"], "id", "-u").strip() != "0", row["Service"]


@pytest.mark.parametrize("service", ["ingestor", "strategy", "gateway"])
def test_the_line_runs_without_torch(stack: Stack, service: str) -> None:
    shown = "import importlib.util as u; print(u.find_spec('torch'))"
    assert stack.compose("exec", "-T", service, "python", "-c", shown).strip() == "None"


def test_down_and_up_goes_on_where_it_stopped(stack: Stack) -> None:
    executed = stack.last_numbers("executions", "gateway")
    ticks = {(entry["k"], entry["n"]): entry["h"] for entry in stack.entries("ticks", "ingestor")}
    stack.compose("down")
    assert stack.containers() == []
    stack.compose("up", "--detach", "--wait")
    until("every symbol executed again", lambda: executed_beyond(stack, executed))
    stack.last_numbers("ticks", "ingestor")
    after = {(entry["k"], entry["n"]): entry["h"] for entry in stack.entries("ticks", "ingestor")}
    assert ticks.items() < after.items(), "the ticks of before are still there, and more came"


def test_two_replicas_share_the_signal(stack: Stack) -> None:
    stack.compose("up", "--detach", "--wait", "--scale", "signal=2")
    assert [row["Health"] for row in stack.containers() if row["Service"] == "signal"] == ["healthy"] * 2
    before = stack.last_numbers("executions", "gateway")
    until("every symbol executed with two replicas", lambda: executed_beyond(stack, before))


def test_with_a_user_for_each_service(stack: Stack) -> None:
    stack.compose("down")
    command = [str(Path(sys.executable).with_name("tickline")), "bus-users"]
    subprocess.run(command, cwd=stack.folder, check=True, capture_output=True)
    stack.use("docker-compose.yml", "docker-compose.users.yml")
    stack.compose("up", "--detach", "--wait")
    password = (stack.folder / "bus-users" / "reader.password").read_text().strip()
    stack.login = ("--user", "reader", "--pass", password, "--no-auth-warning")
    before = stack.last_numbers("executions", "gateway")
    until("every symbol executed on a bus with users", lambda: executed_beyond(stack, before))
    assert "NOPERM" not in stack.compose("logs")
    order = ("redis-cli", *stack.login, "XADD", "tickline:orders:{strategy.0}", "*", "d", "x")
    assert "NOPERM" in stack.compose("exec", "-T", "redis", *order, ok=False)
