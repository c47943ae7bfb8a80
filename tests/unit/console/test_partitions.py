"""What `tickline partitions` tells of a real bus: owners, stand-bys, lags and hand-overs."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from services.console.partitions import PartitionsSeen, partitions, read
from shared.bus.api import Commit
from shared.bus.embedded import EmbeddedBus
from shared.bus.names import PartitionId
from shared.bus.redis_bus import RedisSession
from shared.config import Settings, load_settings
from shared.errors import BusUnreachable
from shared.runner.leases import PartitionLeases
from shared.runner.service import make_bus
from shared.version import full_version, process_name
from shared.wall_time import UTC_TIME
from tests.servers import free_port
from tests.until import until

SOON_S = 0.05
Fields = dict[str, bytes | str]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedBus(tmp_path_factory.mktemp("bus")) as bus:
        yield bus.url


@pytest.fixture
def settings(url: str) -> Settings:
    return load_settings(
        bus={"url": url, "partitions": 2, "lease_s": 600.0, "namespace": f"test-{uuid4().hex[:12]}"},
        recorder={"on": False},
    )  # fmt: skip


@pytest.fixture
async def session(settings: Settings) -> AsyncIterator[RedisSession]:
    session = await make_bus(settings).connect()
    await session.meta({"partitions": "2", "bus_id": "x"})
    yield session
    await session.close()


async def owned(session: RedisSession, instance: str, *, exclusive: bool = False) -> PartitionLeases:
    leases = PartitionLeases(instance, 2, exclusive)
    await leases.round(session)
    return leases


async def write(session: RedisSession, leases: PartitionLeases, p: int, **fields: bytes | str) -> None:
    told: Fields = {name.replace("_", ":"): value for name, value in fields.items()}
    await session.commit([Commit(leases.leases[p], 0, told, [])])


def row(seen: PartitionsSeen, instance: str, p: int) -> dict[str, object]:
    (found,) = [x for x in seen.as_json()["partitions"] if (x["instance"], x["partition"]) == (instance, p)]
    return dict(found)


async def test_owner_lag_epoch_and_hand_over(settings: Settings, session: RedisSession) -> None:
    ingestor, signal = await owned(session, "ingestor"), await owned(session, "signal")
    await write(session, ingestor, 1, out_ticks="5")
    await write(session, signal, 1, in_ticks="1-0 3")
    seen = await read(settings)
    assert row(seen, "signal", 1) == {
        "instance": "signal", "partition": 1, "state": "held", "owner": signal.owner, "process": process_name(),
        "epoch": 1, "lag": 2, "handed_over_at": row(seen, "signal", 1)["handed_over_at"],
    }  # fmt: skip
    assert (row(seen, "ingestor", 1)["lag"], row(seen, "signal", 0)["lag"]) == (None, 0)
    assert (row(seen, "gateway", 0)["state"], row(seen, "gateway", 0)["handed_over_at"]) == ("free", None)

    await signal.leave(session)
    await owned(session, "signal")
    later = await read(settings)
    assert row(later, "signal", 1)["epoch"] == 2
    taken_ms = [{one.partition: one.taken_ms for one in each.owners.partitions} for each in (seen, later)]
    assert taken_ms[1][PartitionId("signal", 1)] >= taken_ms[0][PartitionId("signal", 1)] > 0


async def test_a_stand_by_is_named_and_so_is_its_version(settings: Settings, session: RedisSession) -> None:
    await owned(session, "gateway", exclusive=True)
    stand_by = await owned(session, "gateway", exclusive=True)
    seen = await read(settings)
    told = {one["owner"]: one for one in seen.as_json()["replicas"]}[stand_by.owner]
    assert (told["partitions"], told["version"], told["living"]) == (0, full_version(), True)
    shown = list(seen.lines(UTC_TIME))
    assert shown[0].split() == ["instance", "p", "owner", "epoch", "lag", "last", "hand-over"]
    assert f"gateway: {process_name()} stands by" in shown


async def test_a_lease_that_nobody_renews_is_over(settings: Settings, session: RedisSession) -> None:
    soon = settings.model_copy(update={"bus": settings.bus.model_copy(update={"lease_s": SOON_S})})
    brief = await make_bus(soon).connect()
    await owned(brief, "strategy")
    await brief.close()

    async def over() -> bool:
        return row(await read(soon), "strategy", 0)["state"] == "over"

    await until(over)
    (line, *_) = [x for x in (await read(soon)).lines(UTC_TIME) if x.startswith("strategy")]
    assert f"{process_name()} (over)" in line
    assert "2 partitions with nobody at work" in list((await read(soon)).lines(UTC_TIME))[-1]


async def test_what_an_older_tickline_wrote_is_told_without_time_and_process(
    settings: Settings, session: RedisSession
) -> None:
    names = make_bus(settings).names
    await session.call("HSET", names.replicas(), "signal 0123456789ab", "1 99999999999999 5")
    state = "signal.0"
    await session.call(
        "HSET", f"{names.namespace}:state:{{{state}}}", "owner", "0123456789ab", "epoch", "7", "until", "1"
    )  # fmt: skip
    seen = await read(settings)
    assert (row(seen, "signal", 0)["process"], row(seen, "signal", 0)["handed_over_at"]) == (None, None)
    (line, *_) = [x for x in seen.lines(UTC_TIME) if x.startswith("signal")]
    assert line.split() == ["signal", "0", "01234567", "(over)", "7", "0"]


async def test_a_dead_bus_is_one_line(settings: Settings) -> None:
    dead = settings.bus.model_copy(update={"url": f"redis://127.0.0.1:{free_port()}/0"})
    with pytest.raises(BusUnreachable, match=r"^bus redis://127\S+: cannot connect: .*: is it running\?$"):
        await read(settings.model_copy(update={"bus": dead}))


def test_json_has_utc_times(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TICKLINE_BUS__URL", url)
    partitions(as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["at"].endswith("Z")
    assert {one["state"] for one in told["partitions"]} == {"free"}
