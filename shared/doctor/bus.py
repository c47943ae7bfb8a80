"""The doctor looks at the bus: which server it is, whether it keeps what it has, and how the namespace fits."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

from shared.bus.api import BusLost
from shared.bus.connection import without_password
from shared.bus.embedded import holder_of, running_url, server_version
from shared.bus.entry import EntryId
from shared.bus.names import PartitionId
from shared.bus.redis_bus import RedisBus
from shared.bus.server import Layout, ServerFacts, server_facts
from shared.config import Mode, Settings
from shared.doctor.finding import Finding, fault, of_error, ok, warning
from shared.errors import BusUnreachable, TicklineError
from shared.messages import Stream
from shared.record import WIRE
from shared.runner.service import make_bus

CHECK = "bus"
OLDEST = (7, 0)  # Redis; every Valkey is newer
FULL = 0.8  # of its memory, from which on it is said
MB = 1_000_000
AHEAD_S = 1.0


async def bus_findings(settings: Settings) -> tuple[list[Finding], Layout | None]:
    """Returns what is found of the config's bus, or of the embedded one; and its layout where it answered."""
    own = settings.bus
    url = own.url or running_url(own.folder)
    try:
        if not url:
            return _at_rest(own.folder), None
        bus = make_bus(settings.model_copy(update={"bus": own.model_copy(update={"url": url})}))
        async with asyncio.timeout(2 * own.timeout_s):
            servers, layout = await server_facts(bus)
            newest_ms = await newest_tick_ms(bus, settings)
    except TimeoutError:
        late = f"bus {without_password(url or '')}: no answer for {2 * own.timeout_s:g} s: see that it runs"
        return [of_error(CHECK, BusUnreachable(late))], None
    except BusLost as lost:
        return [of_error(CHECK, BusUnreachable(str(lost)), "start it, or correct bus.url")], None
    except TicklineError as error:
        return [of_error(CHECK, error)], None
    real = settings.gateway.mode is not Mode.PAPER
    found = [finding for where, facts in servers.items() for finding in of_server(facts, where, real=real)]
    ahead_s = max((facts.ahead_s for facts in servers.values()), default=0.0)
    back = of_clock(newest_ms, time.time() + ahead_s, without_password(url))
    return [*found, *back, *of_layout(layout, settings)], layout


async def newest_tick_ms(bus: RedisBus, settings: Settings) -> int:
    """Returns what the server's clock said, at the most, when it gave a tick its id; 0 where there is no tick."""
    places = [PartitionId(settings.ingestor.instance, p) for p in range(settings.bus.partitions)]
    session = await bus.connect()
    try:
        newest = [await session.newest((Stream.TICKS, place), b"+", 1) for place in places]
    finally:
        await session.close()
    return max((EntryId.of(entry.id).ms for entries in newest for entry in entries), default=0)


def of_clock(newest_ms: int, now_s: float, where: str) -> Iterator[Finding]:
    """Yields what is found of a server's clock that was set back: the ids that it has given ticks are ahead of it.

    - newest_ms: what it said when it gave the newest one. now_s: what it says now.

    >>> [found.what for found in of_clock(90_500, 30.0, "redis://b")]
    ['redis://b: its clock was set back, by 60 s or more: its newest tick is so far ahead of it']
    """
    back_s = newest_ms / 1000 - now_s
    if back_s > AHEAD_S:
        what = f"its clock was set back, by {back_s:.0f} s or more: its newest tick is so far ahead of it"
        remedy = "restart it, unless that was done since: until its clock is there again its log may not reach the disk"
        yield warning("clock", f"{where}: {what}", remedy)


def _at_rest(folder: Path) -> list[Finding]:
    """Returns what is found of an embedded bus that does not answer."""
    if (pid := holder_of(folder)) is not None:
        return [fault(CHECK, f"{folder}: process {pid} holds it and does not answer", f"stop it: kill -9 {pid}")]
    try:
        version = server_version()
    except BusUnreachable as error:
        return [of_error(CHECK, error)]
    data = folder / "appendonlydir"
    held = sum(file.stat().st_size for file in data.iterdir()) / MB if data.is_dir() else 0.0
    kept = f"rests with {held:.1f} MB of log" if held else "is new"
    return [ok(CHECK, f"embedded, Valkey {version}, append-only, no limit of memory; {folder} {kept}")]


def of_server(facts: ServerFacts, where: str, *, real: bool) -> Iterator[Finding]:
    """Yields what is found of a server. real: orders go to an exchange, so what it forgets matters more.

    >>> facts = ServerFacts.of("redis_version:6.2.1\\r\\naof_enabled:1")
    >>> [found.what for found in of_server(facts, "redis://b", real=False) if found.grade == "fault"]
    ['redis://b: Redis 6.2.1']
    """
    name = f"{where}: {facts.name} {facts.version}"
    if facts.name == "Redis" and facts.numbers[:2] < OLDEST:
        yield fault(CHECK, name, "run Redis 7.0 or newer, or Valkey")
    else:
        yield ok(CHECK, f"{name}, answers in {facts.took_s * 1000:.1f} ms")
    if facts.role not in ("master", "primary"):
        yield fault(CHECK, f"{where}: it is a replica, which takes no writes", "name its primary in bus.url")
    if facts.replicas == 0:
        what = f"{where}: no replica is connected to this node of the Cluster: while it is away, the line waits"
        yield warning(CHECK, what, "start a replica of it, or one that is down")
    if facts.max_bytes and facts.policy != "noeviction":
        what = (
            f"{where}: drops keys, and with them books, when its {facts.max_bytes // MB} MB are full ({facts.policy})"
        )
        yield fault(CHECK, what, "set `maxmemory-policy noeviction` there, or no maxmemory")
    yield from _log(facts, where, real=real)
    most = facts.max_bytes or facts.host_bytes
    if most and facts.used_bytes > FULL * most:
        share = f"{where}: {facts.used_bytes // MB} of {most // MB} MB are used"
        yield warning(CHECK, share, "lower bus.market_maxlen, or give it more memory: when it is full the line waits")
    else:
        yield ok(CHECK, f"{where}: {facts.used_bytes // MB} MB used of {f'{most // MB} MB' if most else 'no limit'}")
    if abs(facts.ahead_s) > AHEAD_S + facts.took_s:
        apart = f"{where}: its clock is {facts.ahead_s:+.1f} s from this host's"
        yield warning("clock", apart, "let NTP set both hosts' clocks")


def _log(facts: ServerFacts, where: str, *, real: bool) -> Iterator[Finding]:
    if not facts.append_only:
        what = f"{where}: writes no log (appendonly no): a restart loses what came since its last dump, if it makes any"
        remedy = "set `appendonly yes` there"
        yield fault(CHECK, what, remedy) if real else warning(CHECK, what, remedy)
        return
    if facts.log_fails:
        yield fault(CHECK, f"{where}: the last write of its log failed", "see its log, and the disk that it writes to")
    if facts.fsync == "no":
        what = f"{where}: leaves it to the system when its log is on disk (appendfsync no): a power cut loses 30 s"
        yield warning(CHECK, what, "set `appendfsync everysec` there")
    if facts.tears:
        what = (
            f"{where}: after a power cut within a commit {facts.name} {facts.version} executes the torn rest of its "
            "log at the next restart: entries stand twice then"
        )
        remedy = "nothing for the line, whose readers skip them by n; Valkey 9.1.2 or newer cuts the torn part off"
        yield warning(CHECK, what, remedy)


def of_layout(layout: Layout, settings: Settings) -> Iterator[Finding]:
    """Yields how the namespace fits the config, and this Tickline."""
    name, own = settings.namespace, settings.bus.partitions
    if not layout.partitions:
        yield ok(CHECK, f"namespace {name} is new")
        return
    if layout.partitions != str(own):
        what = f"namespace {name} was laid out with {layout.partitions} partitions, bus.partitions is {own}"
        yield fault(CHECK, what, f"set bus.partitions = {layout.partitions}, or use another namespace")
    if layout.wire is not None and layout.wire > WIRE:
        what = f"namespace {name} has wire {layout.wire}, this Tickline knows {WIRE}"
        yield fault(CHECK, what, "run the newer Tickline, or use another namespace")
    elif layout.partitions == str(own):
        wire = "none yet" if layout.wire is None else layout.wire
        yield ok(CHECK, f"namespace {name}: {own} partitions, wire {wire} (this Tickline knows {WIRE})")
