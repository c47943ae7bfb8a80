"""What a server's INFO says about its fitness to hold books, a finding each."""

import os
from pathlib import Path

import pytest

from shared.bus.embedded import EmbeddedBus
from shared.bus.server import Layout, ServerFacts
from shared.config import Settings
from shared.doctor.bus import bus_findings, of_clock, of_layout, of_server
from shared.doctor.finding import Grade
from shared.record import WIRE

VALKEY = "redis_version:7.2.4\r\nvalkey_version:9.1.2\r\naof_enabled:1\r\nrole:master\r\nused_memory:5000000\r\n"
REDIS = "redis_version:7.0.15\r\naof_enabled:1\r\nrole:master\r\n"


def found(info: str, *, real: bool = True, **facts: object) -> dict[Grade, list[str]]:
    """Returns grade -> remedies, of what is no OK."""
    seen = list(of_server(ServerFacts.of(info)._replace(**facts), "redis://b", real=real))
    assert seen[0].what.startswith("redis://b: ")
    return {
        grade: remedies
        for grade in (Grade.WARNING, Grade.FAULT)
        if (remedies := [one.remedy for one in seen if one.grade is grade])
    }


def test_a_server_that_is_fit() -> None:
    assert found(VALKEY) == {}


@pytest.mark.parametrize(
    ("info", "grade", "remedy"),
    [
        (REDIS, Grade.WARNING, "skip them by n"),
        (REDIS.replace("7.0.15", "6.2.1"), Grade.FAULT, "Redis 7.0 or newer"),
        (VALKEY.replace("role:master", "role:slave"), Grade.FAULT, "its primary"),
        (VALKEY + "cluster_enabled:1\r\nconnected_slaves:0\r\n", Grade.WARNING, "start a replica of it"),
        (VALKEY + "maxmemory:9000000\r\nmaxmemory_policy:allkeys-lru\r\n", Grade.FAULT, "noeviction"),
        (VALKEY + "maxmemory:6000000\r\n", Grade.WARNING, "bus.market_maxlen"),
        (VALKEY + "aof_last_write_status:err\r\n", Grade.FAULT, "the disk"),
        (VALKEY.replace("aof_enabled:1", "aof_enabled:0"), Grade.FAULT, "appendonly yes"),
    ],
)
def test_what_is_wrong_has_a_remedy(info: str, grade: Grade, remedy: str) -> None:
    assert remedy in "".join(found(info)[grade])


def test_on_paper_a_server_without_a_log_will_do() -> None:
    assert list(found(VALKEY.replace("aof_enabled:1", "aof_enabled:0"), real=False)) == [Grade.WARNING]


def test_a_clock_that_is_another_and_a_log_that_the_system_writes_when_it_likes() -> None:
    assert "NTP" in found(VALKEY, ahead_s=-3.0)[Grade.WARNING][0]
    assert "everysec" in found(VALKEY, fsync="no")[Grade.WARNING][0]


def test_a_clock_that_was_set_back_is_behind_the_newest_entry() -> None:
    assert [[one.grade for one in of_clock(at_ms, 100.0, "redis://b")] for at_ms in (0, 100_000, 100_900)] == [[]] * 3
    (back,) = of_clock(3_700_000, 100.0, "redis://b")
    assert (back.check, back.grade, "3600 s" in back.what) == ("clock", Grade.WARNING, True)


def test_the_namespace() -> None:
    settings = Settings()
    for layout, grade in (
        (Layout("", "", None), Grade.OK),
        (Layout("8", "ab", WIRE), Grade.OK),
        (Layout("4", "ab", WIRE), Grade.FAULT),
        (Layout("8", "ab", WIRE + 1), Grade.FAULT),
    ):
        assert [one.grade for one in of_layout(layout, settings)] == [grade]


async def test_an_embedded_bus_at_rest_at_work_and_held(tmp_path: Path) -> None:
    settings = Settings(bus={"folder": tmp_path / "bus"})
    ((rests,), layout) = await bus_findings(settings)
    assert rests.grade is Grade.OK
    assert "is new" in rests.what
    assert layout is None
    with EmbeddedBus(tmp_path / "bus"):
        at_work, layout = await bus_findings(settings)
        assert {one.grade for one in at_work} == {Grade.OK}
        assert layout == Layout("", "", None)
    ((rests,), _) = await bus_findings(settings)
    assert "MB of log" in rests.what
    (tmp_path / "bus" / "bus.json").write_text(f'{{"url": "redis://127.0.0.1:1/0", "pid": {os.getpid()}}}')
    before = Path.cwd()
    os.chdir(tmp_path / "bus")  # as the server does
    try:
        ((held,), _) = await bus_findings(settings)
    finally:
        os.chdir(before)
    assert (held.grade, held.remedy) == (Grade.FAULT, f"stop it: kill -9 {os.getpid()}")
