"""The buses that must keep the contract (in memory, Valkey, Debian's Redis 7.0, a Cluster), the journal's databases."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from uuid import uuid4

import pytest

from shared.bus.api import Bus
from shared.bus.cluster_bus import ClusterBus
from shared.bus.connection import is_cluster
from shared.bus.embedded import EmbeddedBus
from shared.bus.memory_bus import MemoryBus
from shared.bus.names import ClusterNames, Names
from shared.bus.redis_bus import RedisBus
from tests.cluster import Cluster
from tests.postgres import Postgres
from tests.servers import REDIS, VALKEY, Server

NO_REDIS = "redis-server is not installed: apt-get install redis-server"
TIMEOUT_S = 30.0

MakeBus = Callable[..., Bus]


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The embedded server, as `tickline run` starts it."""
    with EmbeddedBus(tmp_path_factory.mktemp("embedded")) as bus:
        yield bus.url


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Debian's redis-server."""
    if REDIS is None:
        pytest.skip(NO_REDIS)
    server = Server(REDIS, tmp_path_factory.mktemp("redis")).start()
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three masters and their replicas, for tests that kill none of them."""
    made = Cluster(tmp_path_factory.mktemp("cluster"), VALKEY)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture(scope="session")
def cluster_url(cluster: Cluster) -> str:
    """Where the Cluster is."""
    return cluster.url


@pytest.fixture(params=["memory", "valkey", "redis", "cluster"])
def make_bus(request: pytest.FixtureRequest) -> MakeBus:
    """Makes an empty bus: `make_bus(lease_s=30.0, maxlens={}, raise_after_s=0.0)`."""
    url = "" if request.param == "memory" else request.getfixturevalue(f"{request.param}_url")

    def make(lease_s: float = 30.0, maxlens: Mapping[str, int] | None = None, raise_after_s: float = 0.0) -> Bus:
        if not url:
            return MemoryBus(lease_s=lease_s, maxlens=maxlens or {}, raise_after_s=raise_after_s)
        kind, names = (ClusterBus, ClusterNames) if is_cluster(url) else (RedisBus, Names)
        own = names(f"test-{uuid4().hex[:12]}")
        return kind(url, own, lease_s=lease_s, timeout_s=TIMEOUT_S, maxlens=maxlens or {}, raise_after_s=raise_after_s)

    return make


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL server."""
    server = Postgres(tmp_path_factory.mktemp("postgres")).start()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgres"])
def journal_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a journal may be made: a file, or an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/journal.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()
