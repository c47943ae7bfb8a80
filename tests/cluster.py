"""Starts a real Cluster for tests, three masters with a replica each, and does to it what befalls one."""

import re
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from shared.bus.cluster_bus import slot_of
from tests.servers import Server, free_port

MASTERS = 3
SLOTS = 16_384
WITHIN_S = 300.0


class Cluster:
    """Six servers on loopback: first the three masters, then a replica of each, in the same order.

    - timeout_s: after so long a silence of a master the others put its replica in its place.
    """

    def __init__(self, folder: Path, binary: str, *options: str, timeout_s: float = 120.0) -> None:
        self.servers: list[Server] = []
        self._bus_ports: list[int] = []
        for number in range(2 * MASTERS):
            own = folder / f"node{number}"
            own.mkdir()
            self._bus_ports.append(free_port())
            settings = {
                "cluster-enabled": "yes", "cluster-node-timeout": str(round(timeout_s * 1000)),
                "cluster-port": str(self._bus_ports[-1]), "cluster-allow-replica-migration": "no",
                "repl-diskless-sync-delay": "0", "repl-ping-replica-period": "1",
            }  # fmt: skip
            given = [text for name, value in settings.items() for text in (f"--{name}", value)]
            self.servers.append(Server(binary, own, *given, *options))

    @property
    def url(self) -> str:
        """The address of the bus; it names the first masters."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in self.servers[:MASTERS])

    def start(self) -> "Cluster":
        for server in self.servers:
            server.start()
        first, masters = self.servers[0], self.servers[:MASTERS]
        for number, server in enumerate(masters):
            ask(server, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            ask(server, "CLUSTER", "ADDSLOTSRANGE", *_share(number))
        for server, bus_port in zip(self.servers[1:], self._bus_ports[1:], strict=True):
            ask(first, "CLUSTER", "MEET", "127.0.0.1", server.port, bus_port)
        wait(lambda: all(self._known(server) == len(self.servers) for server in self.servers))
        for master, replica in zip(masters, self.servers[MASTERS:], strict=True):
            ask(replica, "CLUSTER", "REPLICATE", node_id(master))
        self.await_whole()
        return self

    def _known(self, server: Server) -> int:
        return int(told(ask(server, "CLUSTER", "INFO"))["cluster_known_nodes"])

    def await_whole(self) -> None:
        """Until all servers agree that all is well, and every replica is up to its master."""

        def whole() -> bool:
            for server in self.servers:
                if told(ask(server, "CLUSTER", "INFO"))["cluster_state"] != "ok":
                    return False
                if len({row[2][1] for row in ask(server, "CLUSTER", "SLOTS")}) != MASTERS:
                    return False
                link = told(ask(server, "INFO", "replication"))
                if link["role"] == "slave" and link["master_link_status"] != "up":
                    return False
            return sum(is_master(server) for server in self.servers) == MASTERS

        wait(whole)

    def master_of(self, key: str | bytes) -> Server:
        """Who has the key's slot, as its master says."""
        slot = slot_of(key)
        for server in self.servers:
            if server.runs and is_master(server):
                for first, last, (_, port, *_), *_ in ask(server, "CLUSTER", "SLOTS"):
                    if first <= slot <= last and port == server.port:
                        return server
        raise AssertionError(f"nobody has slot {slot}")

    def partner_of(self, server: Server) -> Server:
        """A master's replica, or a replica's master: the two change places for as long as the Cluster lives."""
        return self.servers[(self.servers.index(server) + MASTERS) % len(self.servers)]

    def begin_move(self, slot: int, from_: Server, to: Server) -> None:
        """From now on the slot is on its way."""
        ask(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", node_id(from_))
        ask(from_, "CLUSTER", "SETSLOT", slot, "MIGRATING", node_id(to))

    def move_keys(self, slot: int, from_: Server, to: Server, *keys: str) -> None:
        """Moves these keys, or all of the slot, one at a time."""
        while chosen := keys or ask(from_, "CLUSTER", "GETKEYSINSLOT", slot, 1):
            for key in chosen:
                ask(from_, "MIGRATE", "127.0.0.1", to.port, key, 0, 60_000)
            if keys:
                return

    def end_move(self, slot: int, to: Server) -> None:
        """From now on the slot is the other node's, which learns it first."""
        others = [server for server in self.servers if server is not to and server.runs and is_master(server)]
        for server in (to, *others):
            ask(server, "CLUSTER", "SETSLOT", slot, "NODE", node_id(to))

    def cut_off(self, replica: Server) -> None:
        """Lets a replica hear nothing more: it has all up to now."""
        master = self.partner_of(replica)

        upto = int(told(ask(master, "INFO", "replication"))["master_repl_offset"])

        def caught_up() -> bool:
            said = told(ask(master, "INFO", "replication")).get("slave0", "")
            return any(int(offset) >= upto for offset in re.findall(r"offset=(\d+)", said))

        wait(caught_up)
        psutil.Process(replica.pid).send_signal(signal.SIGSTOP)
        ask(master, "CLIENT", "KILL", "TYPE", "replica")

    def let_go(self, server: Server) -> None:
        """Lets a stopped server go on."""
        psutil.Process(server.pid).send_signal(signal.SIGCONT)

    def client(self, timeout_s: float = 2.0) -> "ClusterClient":
        """For looking on."""
        return ClusterClient(self.servers, timeout_s)

    def stop(self) -> None:
        for server in self.servers:
            server.kill()


class ClusterClient:
    """A client reads each key from its master, in one try; any of redis-py's methods whose first argument is a key."""

    def __init__(self, servers: Sequence[Server], timeout_s: float) -> None:
        once = Retry(NoBackoff(), 0)
        self._clients = {x.port: redis.Redis(port=x.port, socket_timeout=timeout_s, retry=once) for x in servers}
        self._ports: dict[int, int] = {}  # by slot; empty: to be asked for

    def __enter__(self) -> "ClusterClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connections."""
        for client in self._clients.values():
            client.close()

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return lambda key, *arguments: self.execute([(method, key, *arguments)])[0]

    def pipeline(self, *, transaction: bool) -> "ClusterPipeline":
        """Collects calls."""
        return ClusterPipeline(self)

    def execute(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Makes all calls, in one go for each master; raises RedisError."""
        try:
            if not self._ports:
                self._ports = self._ask()
            pipes: dict[int, list[int]] = {}
            for number, (_, key, *_) in enumerate(calls):
                pipes.setdefault(self._ports[slot_of(key)], []).append(number)
            replies: list[Any] = [None] * len(calls)
            for port, numbers in pipes.items():
                with self._clients[port].pipeline(transaction=False) as pipe:
                    for number in numbers:
                        method, *arguments = calls[number]
                        getattr(pipe, method)(*arguments)
                    for number, reply in zip(numbers, pipe.execute(), strict=True):
                        replies[number] = reply
        except RedisError:
            self._ports = {}
            raise
        return replies

    def _ask(self) -> dict[int, int]:
        for client in self._clients.values():
            try:
                state, told = (client.execute_command("CLUSTER", word) for word in ("INFO", "SLOTS"))  # type: ignore[no-untyped-call]
            except RedisError:
                continue
            if b"cluster_state:ok" in state:
                return {slot: port for first, last, (_, port, *_), *_ in told for slot in range(first, last + 1)}
        raise redis.ConnectionError("no node says that the Cluster is well")


class ClusterPipeline:
    """The calls of a ClusterClient that are made together."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client
        self._calls: list[tuple[Any, ...]] = []

    def __getattr__(self, method: str) -> Callable[..., None]:
        return lambda *arguments: self._calls.append((method, *arguments))

    def execute(self) -> list[Any]:
        """The answers in order."""
        return self._client.execute(self._calls)


def _share(number: int) -> tuple[int, int]:
    """The first and the last slot of a master."""
    return number * SLOTS // MASTERS, (number + 1) * SLOTS // MASTERS - 1


def ask(server: Server, *command: object) -> Any:
    """One server's answer to one command."""
    with redis.Redis(port=server.port, socket_timeout=60, retry=Retry(NoBackoff(), 0)) as client:
        client.response_callbacks.clear()  # raw, as the server gives it
        return client.execute_command(*command)


def told(info: bytes) -> dict[str, str]:
    """What an INFO says."""
    return dict(line.partition(":")[::2] for line in info.decode().splitlines() if ":" in line)


def node_id(server: Server) -> str:
    found: bytes = ask(server, "CLUSTER", "MYID")
    return found.decode()


def is_master(server: Server) -> bool:
    return told(ask(server, "INFO", "replication"))["role"] == "master"


def wait(holds: Callable[[], bool]) -> None:
    """Until it holds; a server that does not answer is waited for."""
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        try:
            if holds():
                return
        except RedisError:
            pass
        time.sleep(0.02)  # a cluster tells nobody when it has agreed
    raise AssertionError(f"did not come true within {WITHIN_S:g} s")
