"""A bus with a user for each service: the line runs as ever, and nobody may do what is another's."""

import json
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import redis

from tests.chaos.line import Line
from tests.chaos.watch import SERVICES
from tests.e2e.command import Command
from tests.servers import REDIS, VALKEY, Server

ENVIRONMENT = {
    "TICKLINE_BUS__PARTITIONS": "2", "TICKLINE_SYMBOLS": '["SIM-A", "SIM-B"]', "TICKLINE_INGESTOR__TICKS_PER_S": "50",
}  # fmt: skip
WITHIN_S = 120.0


@pytest.fixture(params=[pytest.param(REDIS, id="redis"), pytest.param(VALKEY, id="valkey")])
def server(request: pytest.FixtureRequest, command: Command, tmp_path: Path) -> Iterator[Server]:
    if request.param is None:
        pytest.skip("this machine has no redis-server")
    made = command("bus-users", "users")
    assert made.code == 0, made.err
    folder = tmp_path / "server"
    folder.mkdir()
    started = Server(request.param, folder, "--aclfile", str(tmp_path / "users" / "users.acl")).start()
    yield started
    started.stop()


def password(folder: Path, user: str) -> str:
    return (folder / "users" / f"{user}.password").read_text().strip()


def login(server: Server, folder: Path, user: str) -> "redis.Redis":
    return redis.Redis(port=server.port, username=user, password=password(folder, user), decode_responses=True)


@pytest.mark.long
def test_the_line_runs_and_nobody_does_what_is_anothers(
    server: Server, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"127.0.0.1:{server.port}/0"
    urls = {user: f"redis://{user}:{quote(password(tmp_path, user))}@{place}" for user in SERVICES}
    with Line(tmp_path, urls, ENVIRONMENT) as line, login(server, tmp_path, "admin") as admin:
        line.start()
        until_s = time.monotonic() + WITHIN_S
        while sum(int(admin.xlen(f"tickline:executions:{{gateway.{p}}}")) for p in range(2)) < 20:  # type: ignore[arg-type]
            line.tend()
            assert time.monotonic() < until_s, line.log("gateway")[-2000:]
            time.sleep(0.05)
    assert not [line.log(name) for name in SERVICES if "NOPERM" in line.log(name)]

    keys = [f"tickline:{name}" for name in ("ticks:{ingestor.0}", "orders:{strategy.1}", "executions:{gateway.0}")]
    with login(server, tmp_path, "admin") as admin:
        before = [admin.xlen(key) for key in keys]
    server.stop()
    server.start()
    with login(server, tmp_path, "admin") as admin:
        assert [admin.xlen(key) for key in keys] == before  # what scripts wrote is read from the log again

    monkeypatch.setenv("TICKLINE_BUS__URL", f"redis://reader@{place}")
    monkeypatch.setenv("TICKLINE_BUS__PASSWORD_FILE", "users/reader.password")
    monkeypatch.setenv("TICKLINE_BUS__PARTITIONS", "2")
    tail = command("tail", "executions", "--json", "--limit", "3")
    assert (tail.code, len(tail.out.splitlines())) == (0, 3), tail.err

    seen = command("partitions", "--json")
    assert seen.code == 0, seen.err
    told = json.loads(seen.out)
    assert {one["epoch"] > 0 for one in told["partitions"] if one["instance"] in SERVICES} == {True}

    for user, denied in {
        "ingestor": ("XADD", "tickline:orders:{strategy.0}", "*", "d", "x"),
        "signal": ("HSET", "tickline:state:{ingestor.0}", "owner", ""),
        "strategy": ("EVAL", "return redis.call('DEL', KEYS[1])", "1", "tickline:state:{gateway.0}"),
        "gateway": ("XADD", "tickline:ticks:{ingestor.0}", "*", "d", "x"),
        "reader": ("HSET", "tickline:meta", "bus_id", "x"),
        "recorder": ("HSET", "tickline:meta", "bus_id", "x"),
    }.items():
        with login(server, tmp_path, user) as client, pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command(*denied)  # type: ignore[no-untyped-call]
    with redis.Redis(port=server.port) as nobody, pytest.raises(redis.exceptions.AuthenticationError):
        nobody.get("tickline:meta")


def test_passwords_are_made_once_and_the_folder_is_its_owners(command: Command, tmp_path: Path) -> None:
    assert command("bus-users", "users").code == 0
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "users").iterdir()}
    assert (stat.S_IMODE((tmp_path / "users").stat().st_mode), modes) == (0o700, {0o644})
    before = password(tmp_path, "gateway")
    again = command("bus-users", "users")
    assert (again.code, password(tmp_path, "gateway")) == (2, before)
    assert "is there already" in again.err
    assert before not in (tmp_path / "users" / "users.acl").read_text()
