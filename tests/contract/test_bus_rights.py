"""The users of a shared bus: each one may do what its service does; every other command of the server is refused."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from shared.bus.users import ADMIN, READER, acl
from tests.contract.conftest import NO_REDIS
from tests.servers import REDIS, VALKEY, Server

SERVICES = ("ingestor", "signal", "strategy", "gateway", "recorder", "monitor")
USERS = (*SERVICES, READER)
NAMESPACE = "tickline"
READS = {"xread", "xrange", "xrevrange", "hget", "hgetall", "zrange"}
CONNECTS = {"ping", "info", "hello", "select", "client|id"}
WRITES = {
    "eval", "evalsha", "time", "type", "xadd", "xtrim", "hmget", "hset", "hincrby", "hdel", "client|unblock", "hsetnx",
}  # fmt: skip
REFUSED = re.compile("ACL failure|executing the script|no permissions|not allowed")
BEFORE_LOGIN = {"auth", "hello", "quit", "reset"}  # nobody needs a right for these
Client = Any


@pytest.fixture(scope="module", params=[pytest.param(REDIS, id="redis"), pytest.param(VALKEY, id="valkey")])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if request.param is None:
        pytest.skip(NO_REDIS)
    folder = tmp_path_factory.mktemp("rights")
    rules = folder / "users.acl"
    rules.write_text(acl(NAMESPACE, {user: user for user in (*USERS, ADMIN)}, {name: name for name in SERVICES}))
    started = Server(request.param, folder, "--aclfile", str(rules)).start()
    yield started
    started.stop()


@pytest.fixture
def clients(server: Server) -> Iterator[dict[str, Client]]:
    made = {user: redis.Redis(port=server.port, username=user, password=user) for user in (*USERS, ADMIN)}
    yield made
    for client in made.values():
        client.close()


def refusal(client: Client, *command: str) -> str:
    """What the server says where it refuses a command for want of a right; empty where it does not."""
    try:
        client.execute_command(*command)
    except redis.exceptions.NoPermissionError as refused:
        return str(refused)
    except redis.exceptions.ResponseError as error:  # of a script or a transaction in other words
        return str(error) if REFUSED.search(str(error)) else ""
    return ""


def commands(admin: Client) -> dict[str, int]:
    """Every command of the server with the number of words that it takes at least."""
    found: dict[str, int] = {}

    def add(rows: list[Any]) -> None:
        for row in rows:
            name, arity, subcommands = row[0].decode(), row[1], row[9] if len(row) > 9 else []
            if subcommands:
                add(subcommands)
            else:
                found[name] = abs(arity)

    connection = admin.connection_pool.get_connection()
    connection.send_command("COMMAND")
    add(connection.read_response())
    admin.connection_pool.release(connection)
    return found


@pytest.mark.parametrize("user", USERS)
def test_every_command_that_a_user_does_not_need_is_refused(clients: dict[str, Client], user: str) -> None:
    allowed = CONNECTS | READS | (WRITES if user != READER else set())
    known = commands(clients[ADMIN])
    assert len(known) > 250
    assert allowed - known.keys() == set()
    open_ = set()
    for name, words in known.items():
        if name in BEFORE_LOGIN:
            continue
        head = name.split("|")
        if not refusal(clients[user], *head, *["x"] * (words - len(head))):
            open_.add(name)
    assert open_ <= allowed


def tried(user: str, instance: str) -> list[tuple[str, ...]]:
    """The ways to write what is an instance's."""
    stream, state = f"{NAMESPACE}:orders:{{{instance}.0}}", f"{NAMESPACE}:state:{{{instance}.0}}"
    return [
        ("XADD", stream, "*", "d", user),
        ("XTRIM", stream, "MAXLEN", "1000000"),
        ("HSET", state, f"by-{user}", user),
        ("HINCRBY", state, "epoch", "1"),
        ("HDEL", state, f"by-{user}"),
        ("EVAL", "return redis.call('HSET', KEYS[1], 'by', ARGV[1])", "1", state, user),
    ]


@pytest.mark.parametrize("user", USERS)
def test_a_user_writes_what_is_its_own_instances_and_nothing_of_another(clients: dict[str, Client], user: str) -> None:
    for instance in SERVICES:
        refused = [bool(refusal(clients[user], *command)) for command in tried(user, instance)]
        assert set(refused) == {instance != user}, instance
    assert refusal(clients[user], "HSET", f"{NAMESPACE}:meta", "bus_id", user)
    assert bool(refusal(clients[user], "HSETNX", f"{NAMESPACE}:meta", "bus_id", user)) is (user == READER)
    assert bool(refusal(clients[user], "HSET", f"{NAMESPACE}:replicas", user, user)) is (user == READER)


@pytest.mark.parametrize("user", SERVICES)
def test_a_script_has_no_more_rights_than_its_user(clients: dict[str, Client], user: str) -> None:
    other = "gateway" if user != "gateway" else "strategy"
    for script in (
        f"return redis.call('HSET', '{NAMESPACE}:state:{{{other}.0}}', 'owner', 'me')",  # a key that it does not name
        "return redis.call('FLUSHALL')",
        "return redis.call('CONFIG', 'GET', '*')",
        "return redis.call('ACL', 'SETUSER', 'me', 'on')",
    ):
        assert refusal(clients[user], "EVAL", script, "0"), script


@pytest.mark.parametrize("user", USERS)
def test_a_user_reads_its_namespace_and_no_other(clients: dict[str, Client], user: str) -> None:
    assert not refusal(clients[user], "XRANGE", f"{NAMESPACE}:orders:{{strategy.0}}", "-", "+")
    assert not refusal(clients[user], "HGETALL", f"{NAMESPACE}:state:{{gateway.0}}")
    for command in (("XRANGE", "other:orders:{strategy.0}", "-", "+"), ("HGETALL", "other:meta")):
        assert refusal(clients[user], *command)


def test_who_names_no_user_may_do_nothing(server: Server) -> None:
    with redis.Redis(port=server.port) as nobody, pytest.raises(redis.exceptions.AuthenticationError):
        nobody.execute_command("PING")
