"""What a bus's server says of itself, for a person who wants to know whether it is fit to hold books."""

import contextlib
import time
from typing import NamedTuple

from shared.bus.api import BusLost
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


async def server_facts(bus: RedisBus) -> tuple[ServerFacts, Layout]:
    """Asks a server what it is, and how the namespace stands there; raises BusLost. Nothing is written."""
    session = await bus.connect()
    try:
        asked_s, began_s = time.time(), time.monotonic()
        info = (await session.call("INFO")).decode()
        took_s = time.monotonic() - began_s
        meta = await session.meta({})
        layout = Layout(meta.get("partitions", ""), meta.get("bus_id", ""), await session.wire())
        fsync = ""
        with contextlib.suppress(BusLost):  # a service's user may not ask; the session is over then
            fsync = (await session.call("CONFIG", "GET", "appendfsync"))[1].decode()
        return ServerFacts.of(info, fsync=fsync, asked_s=asked_s, took_s=took_s), layout
    finally:
        await session.close()
