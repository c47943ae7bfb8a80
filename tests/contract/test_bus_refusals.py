"""A server that answers but does not let us in is named in the command's last line, with what to do."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from shared.bus.redis_bus import RedisBus
from shared.config import load_settings
from shared.errors import BusUnreachable
from shared.runner.service import check_bus, make_bus
from tests.servers import VALKEY, Server, free_port

SECRET = "s3cr3t-word"
StartServer = Callable[..., Server]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a certificate that nobody but itself has signed, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    begins = datetime.now(UTC) - timedelta(days=1)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=3))
        .sign(key, SHA256())
    )
    path = tmp_path / "self_signed.pem"
    as_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(as_pem + made.public_bytes(Encoding.PEM))
    return path


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    started: list[Server] = []

    def start(*options: str) -> Server:
        started.append(Server(VALKEY, tmp_path, *options))
        return started[-1].start()

    yield start
    for server in started:
        server.kill()


async def last_line(url: str) -> str:
    """What `run` and every service end with, when the bus does not let them in."""
    for start_timeout_s in (0.5, 5, 50):  # a busy machine needs longer until there is a reason
        settings = load_settings(bus={"url": url, "start_timeout_s": start_timeout_s})
        bus: RedisBus = make_bus(settings)
        with pytest.raises(BusUnreachable) as refused:
            await check_bus(bus, settings)
        line = str(refused.value)
        assert SECRET not in line
        if " s: is it running?" not in line:
            break
    return line


@pytest.mark.parametrize("login", ["", f":{SECRET}@", f"signal:{SECRET}@"])
async def test_a_wrong_password(start_server: StartServer, login: str) -> None:
    port = start_server("--requirepass", "right").port
    line = await last_line(f"redis://{login}127.0.0.1:{port}/0")
    assert line.startswith(f"bus redis://127.0.0.1:{port}/0: ")
    assert "user or password is missing or wrong: correct it in bus.url or bus.password_file" in line


async def test_a_password_that_nobody_asked_for(start_server: StartServer) -> None:
    line = await last_line(f"redis://:{SECRET}@127.0.0.1:{start_server().port}/0")
    assert "it has no password, but one was given" in line


async def test_a_replica(start_server: StartServer) -> None:
    server = start_server("--replicaof", f"127.0.0.1 {free_port()}")
    line = await last_line(server.url)
    assert "READONLY" in line or "read only replica" in line
    assert "it is a read-only replica: name its primary in bus.url" in line


async def test_a_database_that_is_not_there(start_server: StartServer) -> None:
    server = start_server()
    line = await last_line(f"redis://127.0.0.1:{server.port}/99")
    assert "it has no such database: correct the number at the end of bus.url" in line


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def test_a_certificate_that_nobody_trusts(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        line = await last_line(f"rediss://:{SECRET}@127.0.0.1:{port}/0")
    assert "CERTIFICATE_VERIFY_FAILED" in line
    assert "its certificate is not trusted: add ?ssl_ca_certs=FILE" in line


async def test_tls_to_a_server_without_it(start_server: StartServer) -> None:
    assert (await last_line(f"rediss://127.0.0.1:{start_server().port}/0")).startswith("bus rediss://127.0.0.1:")


async def test_nobody_there() -> None:
    line = await last_line(f"redis://127.0.0.1:{free_port()}/0")
    assert line.endswith(": cannot connect: Connection refused: is it running?")
    assert "no answer for " in line
