"""`docker compose up` from a clean clone: everything healthy, executions flowing, down and up goes on.

The tests build on one another, in the order in which a person would do it. The stack is taken down, volume and all,
whatever happens.
"""

import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.compose.stack import AS_READER, Stack, cloned, until

METRICS = 9464  # the port of every service's, in the network of the line
MB = 2**20
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
    health = {row["Service"]: row["Health"] for row in stack.running()}
    assert health == dict.fromkeys(SERVICES, "healthy")
    (makes,) = (row for row in stack.containers() if row["Service"] == "bus-users")
    assert (makes["State"], makes["ExitCode"]) == ("exited", 0)


def test_executions_flow(stack: Stack) -> None:
    until("first executions", lambda: executed_beyond(stack, {}))
    before = stack.last_numbers("executions", "gateway")
    until("more executions of every symbol", lambda: executed_beyond(stack, before))


def test_a_person_reads_an_entry_in_redis_cli(stack: Stack) -> None:
    entry = stack.entries("executions", "gateway")[-1]
    assert entry.keys() >= {"t", "k", "n", "h", "tr", "d", "w"}
    assert entry["k"] in entry["h"]


def listening(stack: Stack, service: str) -> set[int]:
    """The ports on which a container listens for more than itself; Docker's own DNS is at 127.0.0.11."""
    shown = stack.compose("exec", "-T", service, "sh", "-c", "cat /proc/net/tcp /proc/net/tcp6")
    rows = [line.split() for line in shown.splitlines() if ":" in line]
    places = [row[1].split(":") for row in rows if len(row) > 3 and row[3] == "0A"]
    return {int(port, 16) for address, port in places if address not in ("0B00007F", "0100007F")}


def test_the_page_alone_is_published_on_this_machine_and_nobody_is_root(stack: Stack) -> None:
    ports = {"redis": {6379}, "monitor": {8787, METRICS}}
    for row in stack.running():
        published = {p["URL"] for p in row["Publishers"] or [] if p["PublishedPort"]}
        assert published == ({"127.0.0.1"} if row["Service"] == "monitor" else set()), row["Service"]
        assert listening(stack, row["Service"]) == ports.get(row["Service"], {METRICS}), row["Service"]
        assert stack.compose("exec", "-T", row["Service"], "id", "-u").strip() != "0", row["Service"]


def test_every_container_is_closed_up(stack: Stack) -> None:
    engine = json.loads(subprocess.check_output(["docker", "info", "--format", "{{json .}}"]))
    for row in stack.containers():  # also that which makes the users
        (told,) = json.loads(subprocess.check_output(["docker", "inspect", row["Name"]]))
        host = told["HostConfig"]
        assert (host["ReadonlyRootfs"], host["Privileged"], host["CapDrop"]) == (True, False, ["ALL"]), row["Service"]
        assert "no-new-privileges:true" in host["SecurityOpt"], row["Service"]
        assert host["LogConfig"]["Config"]["max-size"], row["Service"]
        if engine["PidsLimit"]:  # an engine discards what its kernel cannot limit
            assert host["PidsLimit"], row["Service"]
        if engine["MemoryLimit"] and row["Service"] != "redis":
            assert host["Memory"], row["Service"]
    told = stack.compose("exec", "-T", "redis", "sh", "-c", AS_READER, "redis-cli", "INFO", "memory")
    assert "maxmemory_policy:noeviction" in told


def test_each_service_has_its_own_password_and_no_other(stack: Stack) -> None:
    secrets = stack.secrets()
    assert secrets.keys() == {*SERVICES - {"redis"}, "reader", "admin"}
    for service in SERVICES - {"redis"}:
        shown = stack.compose("exec", "-T", service, "sh", "-c", "cat /bus/*; ls /users/*/* || true")
        assert shown.split() == [secrets[service]], service
    shown = stack.compose("exec", "-T", "redis", "sh", "-c", "cat /users/*")
    assert [user for user, word in secrets.items() if word in shown] == ["reader"], "of all others it has the hashes"


def test_no_secret_is_in_an_image_in_what_docker_tells_in_a_log_or_among_the_processes(stack: Stack) -> None:
    secrets = stack.secrets()
    names = [row["Name"] for row in stack.containers()]
    images = sorted({row["Image"] for row in stack.containers()})
    places = {
        "docker inspect": docker("inspect", *names, *images),
        "the images' history": "".join(docker("history", "--no-trunc", image) for image in images),
        "the logs": stack.compose("logs"),
        "the processes": stack.compose("top"),
        "the config": stack.compose("config"),
    }
    for place, shown in places.items():
        assert [user for user, word in secrets.items() if word in shown] == [], place
    for row in stack.running():  # also those that a health check starts
        shown = stack.compose("exec", "-T", row["Service"], "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
        assert [user for user, word in secrets.items() if word in shown] == [], row["Service"]
    assert leaked("tickline-line", secrets.values()) == set()


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout


def leaked(image: str, words: Iterable[str]) -> set[str]:
    """Which of these words, or files of secrets, are in the image's layers."""
    wanted, found = {word.encode() for word in words}, set[str]()
    with tempfile.TemporaryFile() as saved:
        subprocess.run(["docker", "save", image], check=True, stdout=saved)
        saved.seek(0)
        with tarfile.open(fileobj=saved) as image_file:
            for member in image_file:
                layer = image_file.extractfile(member)
                if layer is None:
                    continue
                try:
                    with tarfile.open(fileobj=layer) as files:
                        found |= {word for file in files for word in _in_file(files, file, wanted)}
                except tarfile.ReadError:  # no layer, but the image's description
                    layer.seek(0)
                    text = layer.read()
                    found |= {word.decode() for word in wanted if word in text}
    return found


def _in_file(files: tarfile.TarFile, file: tarfile.TarInfo, wanted: set[bytes]) -> Iterator[str]:
    """Yields the words that are in a file, and the file's name where it is one of secrets."""
    if Path(file.name).suffix in (".password", ".acl") or Path(file.name).name in (".env", "api_key", "api_secret"):
        yield file.name
    content = files.extractfile(file) if file.isfile() else None  # where a link leads may be in another layer
    if content is not None and file.size < MB:
        text = content.read()
        yield from (word.decode() for word in wanted if word in text)


def test_nobody_writes_what_is_anothers(stack: Stack) -> None:
    order = ("XADD", "tickline:orders:{strategy.0}", "*", "d", "x")
    assert "NOPERM" in stack.compose("exec", "-T", "redis", "sh", "-c", AS_READER, "redis-cli", *order, ok=False)
    assert "NOAUTH" in stack.compose("exec", "-T", "redis", "redis-cli", *order, ok=False)
    assert "NOPERM" not in stack.compose("logs")


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
    before = stack.secrets()
    stack.compose("up", "--detach", "--wait")
    until("every symbol executed again", lambda: executed_beyond(stack, executed))
    assert stack.secrets() == before
    stack.last_numbers("ticks", "ingestor")
    after = {(entry["k"], entry["n"]): entry["h"] for entry in stack.entries("ticks", "ingestor")}
    assert ticks.items() < after.items(), "the ticks of before are still there, and more came"


def test_two_replicas_share_the_signal(stack: Stack) -> None:
    stack.compose("up", "--detach", "--wait", "--scale", "signal=2")
    assert [row["Health"] for row in stack.containers() if row["Service"] == "signal"] == ["healthy"] * 2
    before = stack.last_numbers("executions", "gateway")
    until("every symbol executed with two replicas", lambda: executed_beyond(stack, before))
