"""Bus and journal over TLS: with a right certificate they work; a wrong one is one line that says what to do."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.bus.api import BusLost
from shared.bus.names import Names, PartitionId
from shared.bus.redis_bus import RedisBus
from shared.errors import JournalUnwritable
from shared.journal.journal import Journal
from shared.journal.rows import EventRow
from tests.certificates import Authority, Certificate
from tests.contract.conftest import NO_REDIS
from tests.postgres import Postgres
from tests.servers import REDIS, Server, free_port

PLACE = PartitionId("signal", 0)
TIMEOUT_S = 30.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        assert os.environ.get("CI") != "true", "openssl is not installed: apt-get install openssl"
        pytest.skip("openssl is not installed")
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder, "ours")


@pytest.fixture(scope="module")
def stranger(folder: Path) -> Authority:
    """An authority that has signed nothing of ours."""
    return Authority(folder, "stranger")


@pytest.fixture(scope="module")
def right(authority: Authority) -> Certificate:
    return authority.signed("DNS:localhost", "IP:127.0.0.1")


@pytest.fixture(scope="module")
def misnamed(authority: Authority) -> Certificate:
    """A certificate that is right, but for another host."""
    return authority.signed("DNS:elsewhere.example")


class OverTls:
    """A bus server that listens for TLS, beside the port that the tests' own Server asks."""

    def __init__(self, folder: Path, given: Certificate) -> None:
        if REDIS is None:
            pytest.skip(NO_REDIS)
        self.port = free_port()
        self._server = Server(
            REDIS, folder, "--tls-port", str(self.port), "--tls-cert-file", str(given.file), "--tls-key-file",
            str(given.key), "--tls-ca-cert-file", str(given.file), "--tls-auth-clients", "no",
        )  # fmt: skip
        self.plain = self._server.url

    def start(self) -> "OverTls":
        self._server.start()
        return self

    def stop(self) -> None:
        self._server.stop()

    def bus(self, trusted: Path | None, *, scheme: str = "rediss") -> RedisBus:
        options = "" if trusted is None else f"?ssl_ca_certs={trusted}"
        return bus(f"{scheme}://localhost:{self.port}/0{options}")


def bus(url: str, timeout_s: float = TIMEOUT_S) -> RedisBus:
    return RedisBus(url, Names("tls"), lease_s=30.0, timeout_s=timeout_s, maxlens={})


async def refused(made: RedisBus) -> str:
    """What a person is told who cannot connect."""
    with pytest.raises(BusLost) as lost:
        await made.connect()
    assert "\n" not in str(lost.value)
    return str(lost.value)


@pytest.fixture(scope="module")
def server(right: Certificate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OverTls]:
    made = OverTls(tmp_path_factory.mktemp("server"), right).start()
    yield made
    made.stop()


async def test_a_bus_whose_certificate_is_trusted_works(server: OverTls, authority: Authority) -> None:
    session = await server.bus(authority.file).connect()
    try:
        assert (await session.join("signal", "me")).members == ["me"]
        lease = await session.acquire(PLACE, "me")
        assert lease is not None
        assert await session.renew([lease]) == [True]
        assert await session.read({("ticks", PLACE): b"0-0"}, 1, 10) == [], "on the connection for reads, too"
    finally:
        await session.close()


async def test_a_bus_whose_certificate_nobody_trusts_is_refused(server: OverTls, stranger: Authority) -> None:
    for trusted in (None, stranger.file):
        assert (await refused(server.bus(trusted))).endswith("add ?ssl_ca_certs=FILE, its authority's, to bus.url")


async def test_who_speaks_tls_does_not_understand_who_does_not(server: OverTls) -> None:
    """Such a server waits for the end of a line that never comes."""
    for made in (bus(server.plain.replace("redis://", "rediss://"), timeout_s=0.5), server.bus(None, scheme="redis")):
        assert "cannot connect" in await refused(made)


async def test_a_bus_server_for_another_host_is_refused(
    misnamed: Certificate, authority: Authority, tmp_path: Path
) -> None:
    server = OverTls(tmp_path, misnamed).start()
    try:
        assert "certificate is not valid for 'localhost'" in await refused(server.bus(authority.file))
    finally:
        server.stop()


def postgres_with(given: Certificate, folder: Path) -> Postgres:
    """A PostgreSQL server with this certificate; it wants its key to be its own."""
    mine = Certificate(folder / "server.crt", folder / "server.key")
    server = Postgres(folder, ssl="on", ssl_cert_file=str(mine.file), ssl_key_file=str(mine.key))
    for source, copied in zip(given, mine, strict=True):
        shutil.copy(source, copied)
        copied.chmod(0o600)
        if os.geteuid() == 0:
            shutil.chown(copied, "nobody")
    return server.start()


@pytest.fixture(scope="module")
def database(right: Certificate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    server = postgres_with(right, tmp_path_factory.mktemp("postgres-tls"))
    yield server
    server.stop()


def url(server: Postgres, trusted: Path) -> str:
    return f"{server.url()}?sslmode=verify-full&sslrootcert={trusted}"


async def unopened(at: str) -> str:
    """What a person is told whose journal cannot be opened."""
    with pytest.raises(JournalUnwritable) as lost:
        await Journal.open(at, "main", durable=True)
    assert "\n" not in str(lost.value)
    assert "s3cret" not in str(lost.value)
    return str(lost.value)


async def test_a_journal_whose_certificate_is_trusted_works(database: Postgres, authority: Authority) -> None:
    async with await Journal.open(url(database, authority.file), "main", durable=True) as journal:
        await journal.write([EventRow("start", "", "", "hello", 1)], await journal.raise_epoch("test"))
        assert [event.text for event in await journal.events(10)] == ["hello"]
    encrypted = database.execute(
        "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", url(database, authority.file)
    )
    assert encrypted == [(True,)]


async def test_a_journal_whose_certificate_nobody_trusts_is_refused(database: Postgres, stranger: Authority) -> None:
    assert "certificate is not trusted: name its authority's in the URL" in await unopened(url(database, stranger.file))


async def test_an_authority_that_is_not_there_is_told(database: Postgres, tmp_path: Path) -> None:
    said = await unopened(url(database, tmp_path / "none.pem"))
    assert "none.pem" in said
    assert said.endswith("name its file in the URL, sslrootcert=FILE")


async def test_a_journal_server_for_another_host_is_refused(
    misnamed: Certificate, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server = postgres_with(misnamed, tmp_path_factory.mktemp("postgres-misnamed"))
    try:
        said = await unopened(url(server, authority.file))
    finally:
        server.stop()
    assert "elsewhere.example" in said
    assert said.endswith("name the server in the URL as its certificate does")


async def test_a_journal_server_without_tls_is_told(postgres: Postgres, authority: Authority) -> None:
    assert (await unopened(url(postgres, authority.file))).endswith(
        "set `ssl = on` there, with its certificate and key"
    )
