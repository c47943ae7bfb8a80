"""`docker compose up` from a clean clone: everything healthy, executions flowing, down and up goes on.

The tests build on one another, in the order in which a person would do it. The stack is taken down, volume and all,
whatever happens.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose.stack import Stack, cloned, until

SERVICES = {"redis", "ingestor", "signal", "strategy", "gateway", "monitor", "recorder"}

pytestmark = [pytest.mark.compose, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with cloned(tmp_path_factory.mktemp("compose") / "tickline") as stack:
        yield stack


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


def test_the_page_alone_is_published_on_this_machine_and_nobody_is_root(stack: Stack) -> None:
    for row in stack.containers():
        published = {p["URL"] for p in row["Publishers"] or [] if p["PublishedPort"]}
        assert published == ({"127.0.0.1"} if row["Service"] == "monitor" else set()), row["Service"]
        assert stack.compose("exec", "-T", row["Service"], "id", "-u").strip() != "0", row["Service"]


def test_every_container_is_closed_up(stack: Stack) -> None:
    engine = json.loads(subprocess.check_output(["docker", "info", "--format", "{{json .}}"]))
    for row in stack.containers():
        (told,) = json.loads(subprocess.check_output(["docker", "inspect", row["Name"]]))
        host = told["HostConfig"]
        assert (host["ReadonlyRootfs"], host["Privileged"], host["CapDrop"]) == (True, False, ["ALL"]), row["Service"]
        assert "no-new-privileges:true" in host["SecurityOpt"], row["Service"]
        assert host["LogConfig"]["Config"]["max-size"], row["Service"]
        if engine["PidsLimit"]:  # an engine discards what its kernel cannot limit
            assert host["PidsLimit"], row["Service"]
        if engine["MemoryLimit"] and row["Service"] != "redis":
            assert host["Memory"], row["Service"]
    policy = stack.compose("exec", "-T", "redis", "redis-cli", *stack.login, "CONFIG", "GET", "maxmemory-policy")
    assert "noeviction" in policy


def test_an_image_tells_its_commit_and_so_does_the_register(stack: Stack) -> None:
    head = subprocess.check_output(["git", "rev-parse", "--short=12", "HEAD"], cwd=stack.folder, text=True).strip()
    told = json.loads(stack.compose("exec", "-T", "gateway", "tickline", "partitions", "--json"))
    assert head in stack.compose("exec", "-T", "signal", "tickline", "version")
    assert {one["version"].rpartition("g")[2] for one in told["replicas"]} == {head}
    assert {one["state"] for one in told["partitions"]} == {"held"}


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
