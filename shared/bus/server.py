"""What a bus's server says of itself, for a person who wants to know whether it is fit to hold books."""

import contextlib
import time
from typing import NamedTuple

from shared.bus.api import BusLost
from shared.bus.connection import BusConnection, without_password
from shared.bus.redis_bus import RedisBus

UNTORN = (9, 1, 2)  # from this version on Valkey cuts a torn commit off its log


class ServerFacts(NamedTuple):
    """Facts that a server tells.

    - name, version: e.g. `Redis` and `8.0.1`
    - role: `master`, or `slave` for a replica
    - policy: its `maxmemory-policy`; max_bytes: its `maxmemory`, 0: none
    - used_bytes, host_bytes: the memory that it holds, and that its host has
    - append_only, log_fails: whether it writes a log, and whether the last write to it, or its last rewrite, failed
    - fsync: its `appendfsync`; empty where this user may not ask
    - ahead_s: how far its clock is ahead of ours, give or take half of `took_s`
    - took_s: from question to answer
    - replicas: how many are connected to it; None where it is no node of a Cluster
    """

    name: str
    version: str
    role: str
    policy: str
    max_bytes: int
    used_bytes: int
    host_bytes: int
    append_only: bool
    log_fails: bool
    fsync: str
    ahead_s: float
    took_s: float
    replicas: int | None = None

    @classmethod
    def of(cls, info: str, *, fsync: str = "", asked_s: float = 0.0, took_s: float = 0.0) -> "ServerFacts":
        """Reads the answer of `INFO`. asked_s: our clock when it was asked.

        >>> facts = ServerFacts.of("redis_version:7.2.4\\r\\nvalkey_version:9.1.2\\r\\naof_enabled:1")
        >>> facts.name, facts.version, facts.append_only, facts.tears
        ('Valkey', '9.1.2', True, False)
        """
        said = {name: value.strip() for name, _, value in (line.partition(":") for line in info.splitlines())}
        valkey = "valkey_version" in said
        told_us = said.get("server_time_usec", "")
        fails = [said.get(name, "ok") for name in ("aof_last_write_status", "aof_last_bgrewrite_status")]
        return cls(
            name="Valkey" if valkey else "Redis",
            version=said.get("valkey_version") or said.get("redis_version", "?"),
            role=said.get("role", "master"),
            policy=said.get("maxmemory_policy", "noeviction"),
            max_bytes=int(said.get("maxmemory") or 0),
            used_bytes=int(said.get("used_memory") or 0),
            host_bytes=int(said.get("total_system_memory") or 0),
            append_only=said.get("aof_enabled") == "1",
            log_fails=fails != ["ok", "ok"],
            fsync=fsync,
            ahead_s=int(told_us) / 1e6 - asked_s - took_s / 2 if told_us.isdigit() else 0.0,
            took_s=took_s,
            replicas=int(said.get("connected_slaves") or 0) if said.get("cluster_enabled") == "1" else None,
        )

    @property
    def numbers(self) -> tuple[int, ...]:
        """Returns the version as numbers."""
        return tuple(int(part) for part in self.version.split(".") if part.isdigit())

    @property
    def tears(self) -> bool:
        """Says whether a log that was torn within a commit leaves entries twice (docs/architecture.md)."""
        return self.append_only and not (self.name == "Valkey" and self.numbers >= UNTORN)


class Layout(NamedTuple):
    """A layout is how a namespace stands on the bus. wire: None where no replica ever came."""

    partitions: str
    bus_id: str
    wire: int | None


async def server_facts(bus: RedisBus) -> tuple[dict[str, ServerFacts], Layout]:
    """Asks each server what it is, and how the namespace stands there; raises BusLost. Nothing is written.

    The facts are by where the server is, as it may be shown.
    """
    session = await bus.connect()
    try:
        told = {without_password(node.url): await _told(node) for node in session.nodes}
        meta = await session.meta({})
        layout = Layout(meta.get("partitions", ""), meta.get("bus_id", ""), await session.wire())
        facts = {}
        for (where, (info, asked_s, took_s)), node in zip(told.items(), session.nodes, strict=True):
            fsync = ""
            with contextlib.suppress(BusLost):  # a service's user may not ask; the session is over then
                fsync = (await node.call("CONFIG", "GET", "appendfsync"))[1].decode()
            facts[where] = ServerFacts.of(info, fsync=fsync, asked_s=asked_s, took_s=took_s)
        return facts, layout
    finally:
        await session.close()


async def _told(node: BusConnection) -> tuple[str, float, float]:
    """Returns a server's `INFO`, when it was asked on our clock, and how long the answer took."""
    asked_s, began_s = time.time(), time.monotonic()
    info = (await node.call("INFO")).decode()
    return info, asked_s, time.monotonic() - began_s
