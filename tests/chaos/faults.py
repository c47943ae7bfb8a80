"""The kinds of faults: each strikes a scene, and returns when it is over; from then on the line has to come back.

What is random in them comes from the scene's seed.
"""

import random
import resource
import signal
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from redis import Redis
from redis.exceptions import RedisError

from shared.bus.names import PartitionId
from shared.runner.symbol import FIELD
from tests.chaos.proxy import Fate
from tests.chaos.scene import LEASE_S, SECOND, AccountScene, Scene
from tests.chaos.server import Server
from tests.chaos.simulator import post
from tests.chaos.watch import SERVICES
from tests.oracle.account import OTHER_BUS, added_between
from tests.stepped_clock import SteppedClock, library

BUS = "bus"
HOUR_S = 3_600
MOST_CUT = 30_000  # bytes of the bus's log
REFUSED = 5  # exit code of a start on a snapshot that is none
WEATHER = {
    "limit": 0.01, "status_before": 0.05, "status_after": 0.05, "drop_before": 0.05, "drop_after": 0.05, "late": 0.03,
    "slow": 0.05, "html": 0.02, "stale": 0.05,
}  # fmt: skip
REPLAY, ACCOUNT = "replay", "account"


class Kind(NamedTuple):
    """A kind of fault.

    - strike: does it; returns what else is wrong, a line each.
    - keeps: the bus still has all that it has acknowledged. lines: of which scenes it is.
    """

    name: str
    strike: Callable[[Scene], list[str]]
    keeps: bool = True
    lines: tuple[str, ...] = (REPLAY, ACCOUNT)


def kill(scene: Scene) -> list[str]:
    """kill -9 of a service or of the bus."""
    victim = scene.rng.choice((*SERVICES, BUS))
    if victim == BUS:
        scene.server.kill()
        scene.server.start()
    else:
        scene.line.kill(victim)
        scene.line.tend()
    return []


def stop(scene: Scene) -> list[str]:
    """A process is stopped for longer than its lease."""
    victim = scene.rng.choice((*SERVICES, BUS))
    send = scene.server.send if victim == BUS else lambda number: scene.line.send(victim, number)
    send(signal.SIGSTOP)
    time.sleep(LEASE_S * scene.rng.uniform(1.2, 2.0))  # to tend the line is to let it go on
    send(signal.SIGCONT)
    return []


def tear(scene: Scene) -> list[str]:
    """The bus's log is torn at any byte, and again when the line has gone on from there."""
    for _ in range(2):
        scene.at_work()
        attached = _attached(scene)
        scene.server.kill()
        scene.server.cut_log(scene.rng, MOST_CUT)
        scene.server.start()
        _await_noticed(scene, attached)
    return []


def _attached(scene: Scene) -> dict[str, int]:
    """How often each service has attached to the bus."""
    return {name: scene.line.log(name).count('"event": "attached"') for name in SERVICES}


def _await_noticed(scene: Scene, before: Mapping[str, int]) -> None:
    """Wait until each service has noticed that the bus is another one, and begun anew."""
    scene.until("all begin anew", lambda: all(count > before[name] for name, count in _attached(scene).items()))


def fail_over(scene: Scene) -> list[str]:
    """The bus dies for good, and a replica that lags behind takes its place and its port."""
    old, folder = scene.server, scene.folder / f"replica-{len(list(scene.folder.glob('replica-*')))}"
    folder.mkdir()
    replica = Server(folder)
    replica.start()
    with replica.client(10.0) as client:
        client.replicaof("127.0.0.1", str(old.port))
        scene.until("the replica has all", lambda: _follows(client.info()))
        client.replicaof("NO", "ONE")
        scene.at_work()  # what it lacks
        scene.pause(scene.rng.uniform(0, 0.5))
        attached = _attached(scene)
        old.kill()
        client.config_set("port", old.port)
    replica.port, replica.url = old.port, old.url
    scene.server = replica
    _await_noticed(scene, attached)
    return []


def _follows(info: Mapping[str, object]) -> bool:
    """Whether a replica has all of its primary, in its log, too."""
    return info.get("master_link_status") == "up" and not _rewrites(info)


def _writes(info: Mapping[str, object]) -> bool:
    """Whether the log is written, and not just being made anew."""
    return info["aof_last_write_status"] == "ok" and not _rewrites(info)


def _rewrites(info: Mapping[str, object]) -> bool:
    return bool(info["aof_rewrite_in_progress"] or info["aof_rewrite_scheduled"])


def lose_replies(scene: Scene) -> list[str]:
    """Replies about commits are dropped, requests are delayed beyond their time-out, or delivered twice."""
    rng, met = random.Random(scene.rng.random()), [0]  # it is asked as often as there are requests

    def fate() -> Fate:
        if rng.random() > 0.1:
            return Fate.PASS
        met[0] += 1
        return rng.choice((Fate.CLOSE, Fate.CLOSE, Fate.SILENCE, Fate.LATE, Fate.TWICE, Fate.TWICE))

    for proxy in scene.proxies.values():
        proxy.fate, proxy.delay_s = fate, rng.choice((0.0, 0.02))
    try:
        scene.until("replies are lost", lambda: met[0] >= 3)
    finally:
        for proxy in scene.proxies.values():
            proxy.fate, proxy.delay_s = (lambda: Fate.PASS), 0.0
    return []


def cut_off(scene: Scene) -> list[str]:
    """Nothing passes between a service and the bus."""
    proxy = scene.proxies[scene.rng.choice(SERVICES)]
    proxy.cut()
    scene.pause(scene.rng.uniform(0.5, 2 * LEASE_S))
    proxy.heal()
    return []


def fill_bus_disk(scene: Scene) -> list[str]:
    """The bus's log cannot grow: the server answers writes with an error."""
    _limit(scene.server.pid, scene.server.log().stat().st_size + scene.rng.randint(0, 20_000))
    try:
        with scene.server.client(10.0) as client:
            scene.until("the bus's disk is full", lambda: client.info("persistence")["aof_last_write_status"] != "ok")
            scene.pause(scene.rng.uniform(0, 1))
    finally:
        _limit(scene.server.pid, resource.RLIM_INFINITY)
    with scene.server.client(10.0) as client:  # as docs/architecture.md says: its log may have a hole
        scene.until("the bus writes again", lambda: _writes(client.info("persistence")))
        client.bgrewriteaof()
        scene.until("its log is made anew", lambda: not _rewrites(client.info()))
    return []


def fill_journal_disk(scene: Scene) -> list[str]:
    """The gateway can write no file, so not its journal, and gives the account up until it can."""
    pid, place, before = scene.line.pid("gateway"), PartitionId("gateway", 0), scene.watch.status()

    def given_up() -> bool:
        now = scene.watch.status()
        return not now.owner(place) or now.epoch(place) > before.epoch(place)

    _limit(pid, scene.rng.randint(0, 8_192))
    try:
        scene.until("the gateway gives the account up", given_up)
        scene.pause(scene.rng.uniform(0, 2))
    finally:
        _limit(pid, resource.RLIM_INFINITY)
    return []


def _limit(pid: int, most: int) -> None:
    """No file of this process may become longer; one that may not fails as on a full disk."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


def step_clock(scene: Scene) -> list[str]:
    """The clock of the bus is set an hour forward or back, and again when it is restarted with the right one."""
    clock = SteppedClock(scene.folder)
    scene.server.kill()
    scene.server.variables |= clock.variables
    scene.server.start()
    scene.at_work()
    clock.step(scene.rng.choice((-HOUR_S, HOUR_S)))
    scene.at_work()
    scene.server.kill()
    scene.server.variables.clear()
    scene.server.start()
    return []


def fill_memory(scene: Scene) -> list[str]:
    """The bus has no memory left, and refuses what would need some."""
    with scene.server.client(10.0) as client:
        before = _refusals(client)
        client.config_set("maxmemory", "100kb")
        scene.until("writes are refused", lambda: _refusals(client) > before)
        scene.pause(scene.rng.uniform(0, 2 * LEASE_S))
        client.config_set("maxmemory", "0")
    return []


def _refusals(client: Redis) -> int:
    """How many commands the server has refused for want of memory."""
    return int(client.info("errorstats").get("errorstat_OOM", {"count": 0})["count"])


def poison_snapshot(scene: Scene) -> list[str]:
    """A snapshot is no snapshot any more: its service refuses to start, until somebody puts back what was there."""
    rng, line = scene.rng, scene.line
    service = rng.choice(SERVICES)
    line.kill(service)
    line.forget(service)
    client, key, field, good = _some_snapshot(scene, service)
    bad = rng.choice((good[: rng.randrange(len(good))], rng.randbytes(len(good)), b"\xc1" + good[1:]))
    client.hset(key, field, bad)
    said = len(line.log(service))
    line.start(service)
    code = line.forget(service)
    told = line.log(service)[said:]
    client.hset(key, field, good)
    line.start(service)
    if code == REFUSED and "the snapshot of" in told:
        return []
    return [f"{service} ended with {code} on a snapshot that is none: {told[-300:]}"]


def _some_snapshot(scene: Scene, service: str) -> tuple[object, str, bytes, bytes]:
    places = [place for place in scene.watch.last if place.instance == service]
    client = scene.watch.client
    found = [
        (scene.names.state(place), field, value)
        for place in places
        for field, value in client.hgetall(scene.names.state(place)).items()
        if field.startswith(FIELD.encode())
    ]
    return (client, *scene.rng.choice(found))


def upgrade(scene: Scene) -> list[str]:
    """A replica of the next version takes over from one of this, and gives back."""
    service = scene.rng.choice(SERVICES)
    other = f"{service}-{SECOND}"
    scene.line.start(other)
    scene.until("the next version is there", lambda: _replicas(scene, service) == 2)
    scene.line.kill(service)
    scene.at_work()
    scene.until("this version is there again", lambda: _replicas(scene, service) == 2)
    scene.line.send(other, signal.SIGTERM)
    code = scene.line.forget(other)
    return [] if code == 0 else [f"{other} ended with {code}"]


def _replicas(scene: Scene, service: str) -> int:
    try:
        fields = scene.watch.client.hkeys(scene.names.replicas())
    except RedisError:
        return 0
    return sum(field.startswith(f"{service} ".encode()) for field in fields)


def flush(scene: Scene) -> list[str]:
    """FLUSHALL: the account is latched, and adds nothing until a person has adopted the bus; then it trades again."""
    assert isinstance(scene, AccountScene)
    with scene.server.client(10.0) as client:
        client.flushall()
    scene.until("another bus is noticed", lambda: OTHER_BUS in scene.journal().latches)
    noticed_ms = _now_ms()
    scene.pause(scene.rng.uniform(2, 4))
    added = added_between(scene.venue(), noticed_ms, _now_ms())
    adopted = scene.adopt()
    if adopted.code:
        return [*added, f"adopt ended with {adopted.code}: {adopted.shown[-300:]}"]
    adopted_ms = _now_ms()
    scene.until("it trades again", lambda: bool(added_between(scene.venue(), adopted_ms, _now_ms())))
    return added


def worsen_venue(scene: Scene) -> list[str]:
    """The exchange refuses, drops, delays and loses answers for a time."""
    assert isinstance(scene, AccountScene)
    post(f"{scene.url}/_fake/weather", {"chances": WEATHER, "late_ms": 1_500, "seed": scene.rng.randrange(10**6)})
    scene.pause(scene.rng.uniform(2, 4))
    post(f"{scene.url}/_fake/weather", {"chances": {}})
    return []


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


KINDS = (
    Kind("kill", kill),
    Kind("stop", stop),
    Kind("torn log", tear, keeps=False),
    Kind("fail-over", fail_over, keeps=False),
    Kind("replies", lose_replies),
    Kind("cut", cut_off),
    Kind("bus disk", fill_bus_disk),
    Kind("journal disk", fill_journal_disk, lines=(ACCOUNT,)),
    Kind("memory", fill_memory),
    *((Kind("clock", step_clock),) if library() is not None else ()),
    Kind("snapshot", poison_snapshot),
    Kind("versions", upgrade),
    Kind("flush", flush, keeps=False, lines=(ACCOUNT,)),
    Kind("venue", worsen_venue, lines=(ACCOUNT,)),
)
