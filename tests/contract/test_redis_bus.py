"""What only a server can do to a session: restart, freeze, refuse, run full. Over Valkey and Debian's Redis."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from services.console.run.streams import Repeats
from shared.bus.api import BusLost, Commit, Lease, Outcome, Storage, Stored
from shared.bus.entry import START, Outgoing
from shared.bus.names import Names, PartitionId
from shared.bus.redis_bus import RedisBus, RedisSession
from shared.errors import ConfigError
from shared.record import WIRE
from tests.contract.conftest import NO_REDIS
from tests.servers import REDIS, VALKEY, Server, free_port
from tests.until import until

PLACE = PartitionId("signal", 3)
SECRET = "s3cr3t-word"
StartServer = Callable[..., Server]


def out(n: int, stream: str = "ticks") -> Outgoing:
    return Outgoing(stream, "MarketTick/4", "BTCUSDT", n, f"BTCUSDT {n}", f"replay:BTCUSDT:{n}", b"\x81\xa1n")


def bus_at(url: str, *, timeout_s: float = 5.0, namespace: str = "") -> RedisBus:
    return RedisBus(url, Names(namespace or f"test-{uuid4().hex[:12]}"), lease_s=30, timeout_s=timeout_s, maxlens={})


@pytest.fixture(params=["valkey", "redis"])
def start_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StartServer]:
    """Starts a server of its own for one test."""
    if request.param == "redis" and REDIS is None:
        pytest.skip(NO_REDIS)
    started: list[Server] = []

    def start(*options: str) -> Server:
        binary = VALKEY if request.param == "valkey" else REDIS
        assert binary is not None
        folder = tmp_path / f"server{len(started)}"
        folder.mkdir()
        started.append(Server(binary, folder, *options))
        return started[-1].start()

    yield start
    for server in started:
        server.kill()


@dataclass
class Owned:
    """A session that owns PLACE and has committed tick 1."""

    session: RedisSession
    lease: Lease
    bus: RedisBus

    async def commit(self, seq: int, *entries: Outgoing, **fields: bytes | str) -> Outcome:
        return (await self.session.commit([Commit(self.lease, seq, dict(fields), list(entries))]))[0]

    def key(self, stream: str) -> str:
        return self.bus.names.stream(stream, PLACE)


Own = Callable[..., Awaitable[Owned]]


@pytest.fixture
async def own() -> AsyncIterator[Own]:
    """Connects, acquires and commits once."""
    async with AsyncExitStack() as stack:

        async def make(url: str, *, timeout_s: float = 5.0) -> Owned:
            bus = bus_at(url, timeout_s=timeout_s)
            session = await bus.connect()
            stack.push_async_callback(session.close)
            lease = await session.acquire(PLACE, "me")
            assert lease is not None
            owned = Owned(session, lease, bus)
            assert await owned.commit(0, out(1), a="1") is Outcome.OK
            return owned

        yield make


@asynccontextmanager
async def session_of(bus: RedisBus) -> AsyncIterator[RedisSession]:
    session = await bus.connect()
    try:
        yield session
    finally:
        await session.close()


async def written(bus: RedisBus) -> tuple[Stored, dict[str, list[int]]]:
    """All that stands on the bus, seen by a session of its own."""
    session = await bus.connect()
    try:
        (stored,) = await session.load([PLACE])
        found = {}
        for stream in ("ticks", "features"):
            with suppress(BusLost):
                rows = await session.read({(stream, PLACE): START}, 100, 0)
                found[stream] = [e.n for _, entries in rows for e in entries]
        return stored, found
    finally:
        await session.close()


def one_clear_line(lost: BaseException, *words: str) -> None:
    text = str(lost)
    assert "\n" not in text
    assert SECRET not in text
    assert all(word in text for word in words), text


# The server goes away


async def test_a_restart_ends_the_session_for_good(start_server: StartServer, own: Own) -> None:
    server = start_server()
    owned = await own(server.url)
    session = owned.session
    reading = asyncio.create_task(session.read({("orders", PLACE): START}, 10, 20_000))
    await asyncio.sleep(0.01)
    server.stop()
    with pytest.raises(BusLost):
        await reading
    server.start()
    for _ in range(2):  # the server is back, the session is not
        with pytest.raises(BusLost):
            await session.load([PLACE])
        with pytest.raises(BusLost):
            await session.read({("ticks", PLACE): START}, 10, 0)
        with pytest.raises(BusLost):
            await owned.commit(1, out(2))
    session.wake()
    again = await owned.bus.connect()
    try:
        assert again.run_id != session.run_id
        read = [("ticks", PartitionId("ingestor", 1))]  # one server loses from the end only: cursors on it hold
        assert again.cursors_id(PLACE, read) == session.cursors_id(PLACE, read)
        assert await again.load([PLACE]) == [Stored(1, {"a": b"1"})]
        assert await again.renew([owned.lease]) == [True]
    finally:
        await again.close()


async def test_a_killed_server_is_found_lost(start_server: StartServer, own: Own) -> None:
    server = start_server()
    owned = await own(server.url)
    server.kill()
    with pytest.raises(BusLost) as lost:
        await owned.commit(1, out(2))
    one_clear_line(lost.value, f"127.0.0.1:{server.port}")
    with pytest.raises(BusLost) as lost:
        await owned.bus.connect()
    one_clear_line(lost.value, f"127.0.0.1:{server.port}", "cannot connect")


async def test_a_frozen_server_is_given_up_after_the_timeout(start_server: StartServer, own: Own) -> None:
    """As a half-open socket: nothing comes, nothing breaks."""
    server = start_server()
    owned = await own(server.url, timeout_s=0.2)
    process = psutil.Process(server.pid)
    process.send_signal(signal.SIGSTOP)
    try:
        async with asyncio.timeout(3):
            with pytest.raises(BusLost):
                await owned.session.load([PLACE])
            with pytest.raises(BusLost):
                await owned.session.read({("ticks", PLACE): START}, 10, 100)
            with pytest.raises(BusLost):
                await owned.bus.connect()
    finally:
        process.send_signal(signal.SIGCONT)
    with pytest.raises(BusLost):
        await owned.session.load([PLACE])


async def test_a_log_that_was_torn_within_a_commit(start_server: StartServer, own: Own) -> None:
    """The commit is lost whole, and made again. Redis 7.0 keeps its half, and runs it at the restart after that.

    So docs/architecture.md says it. Valkey cuts the whole commit off (its pull request 4342).
    """
    server = start_server("--appendfsync", "always")  # else it may still hold what it has answered
    owned = await own(server.url)
    assert await owned.commit(1, out(2), out(3), a="2") is Outcome.OK
    server.kill()
    (log,) = server.folder.glob("appendonlydir/*.incr.aof")
    data = log.read_bytes()
    log.write_bytes(data[: data.rindex(b"EXEC") + 2])
    server.start()
    stored, streams = await written(owned.bus)
    assert (stored, streams["ticks"]) == (Stored(1, {"a": b"1"}), [1])
    async with session_of(owned.bus) as session:
        assert await session.renew([owned.lease]) == [True]
        assert await session.commit([Commit(owned.lease, 1, {"a": "2"}, [out(2), out(3)])]) == [Outcome.OK]
    server.stop()
    server.start()
    stored, streams = await written(owned.bus)
    assert stored == Stored(2, {"a": b"2"})
    assert streams["ticks"] == ([1, 2, 3] if server.binary == VALKEY else [1, 2, 3, 2, 3])
    async with session_of(owned.bus) as session:
        ((_, entries),) = await session.read({("ticks", PLACE): START}, 100, 0)
    repeats = Repeats()
    assert [entry.n for entry in entries if not repeats.seen(entry)] == [1, 2, 3]  # what `tail` shows
    assert len({(entry.n, entry.k, entry.tr, entry.d) for entry in entries}) == 3  # to the letter, but for the time


@pytest.mark.parametrize(
    ("options", "evicts", "append_only"),
    [
        ((), "", True),
        (("--maxmemory", "64mb", "--maxmemory-policy", "noeviction"), "", True),
        (("--maxmemory-policy", "allkeys-lru"), "", True),  # without a limit nothing is dropped
        (("--maxmemory", "64mb", "--maxmemory-policy", "volatile-ttl"), "volatile-ttl", True),
        (("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru", "--appendonly", "no"), "allkeys-lru", False),
    ],
)
async def test_how_a_server_keeps_what_it_has(
    start_server: StartServer, options: tuple[str, ...], evicts: str, append_only: bool
) -> None:
    async with session_of(bus_at(start_server(*options).url)) as session:
        assert session.storage == Storage(evicts, append_only)


async def test_nobody_listens() -> None:
    with pytest.raises(BusLost) as lost:
        await bus_at(f"redis://user:{SECRET}@127.0.0.1:{free_port()}/0").connect()
    one_clear_line(lost.value, "cannot connect")


async def test_what_answers_is_no_bus() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BusLost) as lost:
            await bus_at(f"redis://127.0.0.1:{port}/0", timeout_s=1).connect()
    one_clear_line(lost.value, str(port))


async def test_a_cancelled_call_ends_the_session(start_server: StartServer, own: Own) -> None:
    """Its reply would be taken for the next call's."""
    owned = await own(start_server().url)
    reading = asyncio.create_task(owned.session.read({("orders", PLACE): START}, 10, 20_000))
    await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    with pytest.raises(BusLost, match="cancelled"):
        await owned.session.read({("ticks", PLACE): START}, 10, 0)


class Proxy:
    """Stands between a client and a server; with `swallow` set, nothing comes back any more."""

    def __init__(self, port: int) -> None:
        self.swallow = False
        self.url = ""
        self._to = port
        self._pumps: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/0"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._pumps.add(asyncio.create_task(self._pump(reader, up_writer, False)))
        self._pumps.add(asyncio.create_task(self._pump(up_reader, writer, True)))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, back: bool) -> None:
        try:
            while data := await source.read(65_536):
                if not (back and self.swallow):
                    sink.write(data)
                    await sink.drain()
        finally:
            sink.close()


async def test_the_reply_of_a_commit_is_lost(start_server: StartServer, own: Own) -> None:
    """The server did it, the answer did not come: a reload shows that it is there, and it cannot be done twice."""
    server = start_server()
    async with Proxy(server.port) as proxy:
        owned = await own(proxy.url, timeout_s=0.3)
        proxy.swallow = True
        with pytest.raises(BusLost, match="no answer"):
            await owned.commit(1, out(2), a="2")
        proxy.swallow = False
        await owned.session.close()
        assert await written(owned.bus) == (Stored(2, {"a": b"2"}), {"ticks": [1, 2], "features": []})
        again = await owned.bus.connect()
        assert await again.commit([Commit(owned.lease, 1, {"a": "2"}, [out(2)])]) == [Outcome.CONFLICT]
        await again.close()
        assert await written(owned.bus) == (Stored(2, {"a": b"2"}), {"ticks": [1, 2], "features": []})


# The server refuses


async def test_scripts_that_the_server_forgot_are_sent_again(start_server: StartServer, own: Own) -> None:
    owned = await own(start_server().url)
    await owned.session.call("SCRIPT", "FLUSH")
    assert await owned.commit(1, out(2), a="2") is Outcome.OK
    await owned.session.call("SCRIPT", "FLUSH")
    assert await owned.session.renew([owned.lease]) == [True]
    assert (await owned.session.join("signal", "me")).members == ["me"]
    assert await written(owned.bus) == (Stored(2, {"a": b"2"}), {"ticks": [1, 2], "features": []})


async def test_a_stream_key_of_another_kind_refuses_the_whole_commit(start_server: StartServer, own: Own) -> None:
    """A script is not rolled back: nothing at all may be written before it is known that all can be."""
    owned = await own(start_server().url)
    await owned.session.call("SET", owned.key("features"), "not a stream")
    with pytest.raises(BusLost) as lost:
        await owned.commit(1, out(2), out(1, "features"), a="2")
    one_clear_line(lost.value, "WRONGTYPE")
    stored, streams = await written(owned.bus)
    assert (stored, streams["ticks"]) == (Stored(1, {"a": b"1"}), [1])


async def test_a_key_to_be_trimmed_of_another_kind_refuses_the_whole_commit(
    start_server: StartServer, own: Own
) -> None:
    owned = await own(start_server().url)
    await owned.session.call("SET", owned.key("features"), "not a stream")
    with pytest.raises(BusLost, match="WRONGTYPE"):
        await owned.session.commit([Commit(owned.lease, 1, {"a": "2"}, [out(2)], {"features": "5-0"})])
    stored, streams = await written(owned.bus)
    assert (stored, streams["ticks"]) == (Stored(1, {"a": b"1"}), [1])


async def test_a_state_key_of_another_kind_is_a_lost_bus(start_server: StartServer) -> None:
    bus = bus_at(start_server().url)
    session = await bus.connect()
    await session.call("SET", bus.names.state(PLACE), "not a hash")
    with pytest.raises(BusLost) as lost:
        await session.acquire(PLACE, "me")
    one_clear_line(lost.value, "WRONGTYPE")
    with pytest.raises(BusLost):
        await session.load([PLACE])
    await session.close()


async def test_an_error_reply_ends_the_session(start_server: StartServer, own: Own) -> None:
    owned = await own(start_server().url)
    await owned.session.call("SET", owned.bus.names.meta(), "not a hash")
    with pytest.raises(BusLost) as lost:
        await owned.session.meta({"partitions": "8"})
    one_clear_line(lost.value, "WRONGTYPE", "127.0.0.1")
    with pytest.raises(BusLost):
        await owned.session.load([PLACE])


async def test_a_server_without_memory_refuses_the_whole_commit(start_server: StartServer, own: Own) -> None:
    owned = await own(start_server().url)
    await owned.session.call("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(BusLost) as lost:
        await owned.commit(1, out(2), out(1, "features"), a="2")
    one_clear_line(lost.value, "OutOfMemory")
    assert await written(owned.bus) == (Stored(1, {"a": b"1"}), {"ticks": [1], "features": []})


async def test_a_commit_that_runs_into_the_memory_limit_is_whole(start_server: StartServer, own: Own) -> None:
    """The limit is asked for at the first write only; commits are refused or whole, never half."""
    owned = await own(start_server("--appendonly", "no").url)
    used = int(dict(_pairs(await owned.session.call("INFO", "memory")))["used_memory"])
    await owned.session.call("CONFIG", "SET", "maxmemory", str(used + 1_000_000))

    async def fill() -> None:
        for seq in range(1, 100):
            fields: dict[str, bytes | str] = {"s:A": b"x" * 100_000, "a": str(seq)}
            entries = [out(seq + 1), out(seq, "features")]
            assert await owned.session.commit([Commit(owned.lease, seq, fields, entries)]) == [Outcome.OK]
            await owned.session.call("SET", f"filler{seq}", b"x" * 100_000)

    with pytest.raises(BusLost, match="OutOfMemory"):
        await fill()
    stored, streams = await written(owned.bus)
    assert stored.fields["a"] == b"%d" % (stored.seq - 1)
    assert streams == {"ticks": list(range(1, stored.seq + 1)), "features": list(range(1, stored.seq))}


def _pairs(info: bytes) -> list[tuple[str, str]]:
    lines = [line for line in info.decode().splitlines() if ":" in line]
    return [(key, value) for key, _, value in (line.partition(":") for line in lines)]


async def test_a_server_that_cannot_save_refuses_the_whole_commit(start_server: StartServer, own: Own) -> None:
    server = start_server("--appendonly", "no", "--save", "3600 1000000")
    owned = await own(server.url)
    (server.folder / "dump.rdb").mkdir()
    await owned.session.call("BGSAVE")

    async def failed() -> bool:
        return "rdb_last_bgsave_status:err" in (await owned.session.call("INFO", "persistence")).decode()

    await until(failed)
    with pytest.raises(BusLost) as lost:
        await owned.commit(1, out(2), a="2")
    one_clear_line(lost.value, "MISCONF")
    assert await written(owned.bus) == (Stored(1, {"a": b"1"}), {"ticks": [1], "features": []})


@pytest.mark.parametrize(
    ("forbidden", "ticks"), [("xadd", [1]), ("hset", [1, 2]), ("hmget", [1]), ("type", [1]), ("evalsha", [1])]
)
async def test_a_right_is_taken_away(start_server: StartServer, own: Own, forbidden: str, ticks: list[int]) -> None:
    """Never a snapshot without its entries. The other way round, entries come twice and are skipped by their n."""
    server = start_server()
    owned = await own(server.url)
    await owned.session.call("ACL", "SETUSER", "app", "on", f">{SECRET}", "~*", "&*", "+@all")
    session = await bus_at(
        f"redis://app:{SECRET}@127.0.0.1:{server.port}/0", namespace=owned.bus.names.namespace
    ).connect()
    await owned.session.call("ACL", "SETUSER", "app", f"-{forbidden}")
    with pytest.raises(BusLost) as lost:
        await session.commit([Commit(owned.lease, 1, {"a": "2"}, [out(2)])])
    one_clear_line(lost.value, "127.0.0.1")
    stored, streams = await written(owned.bus)
    assert (stored, streams["ticks"]) == (Stored(1, {"a": b"1"}), ticks)
    await session.close()


@pytest.mark.parametrize("login", ["", "default:wrong@", f"app:{SECRET}@"])
async def test_without_the_right_password(start_server: StartServer, login: str) -> None:
    server = start_server("--requirepass", "right")
    with pytest.raises(BusLost) as lost:
        await bus_at(f"redis://{login}127.0.0.1:{server.port}/0").connect()
    one_clear_line(lost.value, f"127.0.0.1:{server.port}")
    session = await bus_at(f"redis://:right@127.0.0.1:{server.port}/0").connect()
    await session.close()


async def test_a_password_in_the_query_is_not_shown() -> None:
    with pytest.raises(BusLost) as lost:
        await bus_at(f"redis://127.0.0.1:{free_port()}/0?password={SECRET}").connect()
    one_clear_line(lost.value, "127.0.0.1")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:6379",
        f"http://:{SECRET}@127.0.0.1/0",
        f"redis://:{SECRET}@127.0.0.1:port/0",
        f"redis://:{SECRET}/x@127.0.0.1:6379/0",
        f"redis://:{SECRET}@127.0.0.1:6379/0?no_such_option=1",
        f"redis://:{SECRET}@127.0.0.1:6379/0?socket_timeout=long",
        f"redis://:{SECRET}@[127.0.0.1:6379/0",
    ],
)
def test_what_is_no_address_is_a_config_error(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        bus_at(url)
    one_clear_line(refused.value, "bus.url")


# Beyond the contract


async def test_entries_are_readable_for_a_person(start_server: StartServer, own: Own) -> None:
    owned = await own(start_server().url)
    ((_, fields),) = await owned.session.call("XRANGE", owned.key("ticks"), "-", "+")
    assert fields[::2] == [b"t", b"k", b"n", b"h", b"tr", b"d", b"w"]
    shown = dict(zip(fields[::2], fields[1::2], strict=True))
    assert (shown[b"t"], shown[b"k"], shown[b"n"], shown[b"h"], shown[b"tr"]) == (
        b"MarketTick/4", b"BTCUSDT", b"1", b"BTCUSDT 1", b"replay:BTCUSDT:1",
    )  # fmt: skip
    state = await owned.session.call("HGETALL", owned.bus.names.state(PLACE))
    assert set(state[::2]) == {b"owner", b"epoch", b"until", b"taken", b"seq", b"a"}


async def test_commit_number_and_epoch_are_exact_up_to_two_to_the_53(start_server: StartServer, own: Own) -> None:
    owned = await own(start_server().url)
    state = owned.bus.names.state(PLACE)
    await owned.session.call("HSET", state, "seq", 2**53 - 3, "epoch", 2**53 - 2)
    lease = await owned.session.acquire(PLACE, "me")
    assert lease == Lease(PLACE, "me", 2**53 - 1)
    for seq in (2**53 - 3, 2**53 - 2):
        assert await owned.session.commit([Commit(lease, seq, {}, [])]) == [Outcome.OK]
        assert await owned.session.load([PLACE]) == [Stored(seq + 1, {"a": b"1"})]


async def test_a_register_that_another_version_wrote_is_worked_with(start_server: StartServer) -> None:
    """A replica that says more of itself keeps its place; what nobody can read holds up no one, and does not stay."""
    bus = bus_at(start_server().url)
    session = await bus.connect()
    key = bus.names.replicas()
    await session.join("signal", "old")
    order, till, *_ = (await session.call("HGET", key, "signal old")).split()
    await session.call("HSET", key, "signal later", b"%d %b %d host-7" % (int(order) + 1, till, WIRE + 1))
    await session.call("HSET", key, "signal strange", "no numbers", "signal old", "1")
    assert (await session.join("signal", "new")).members == ["later", "new"]
    assert (await session.join("signal", "old")).members == ["later", "new", "old"]
    assert await session.call("HEXISTS", key, "signal strange") == 0
    await session.call("HSET", key, "wire", "none")
    assert await session.wire() is None
    assert (await session.join("signal", "new")).wire == WIRE
    assert await session.wire() == WIRE
    await session.close()
