"""One process of the line: settings, logs, signals, exit codes. Every service's main.py hands its parts to `serve`."""

import asyncio
import contextlib
import faulthandler
import gc
import os
import signal
import sys
from collections.abc import Callable
from uuid import uuid4

import structlog
import uvloop

from shared.bus.api import Bus, BusLost, Storage
from shared.bus.cluster_bus import ClusterBus
from shared.bus.connection import is_cluster, without_password
from shared.bus.names import ClusterNames, Names
from shared.bus.redis_bus import RedisBus
from shared.config import Settings, load_settings
from shared.config.gateway import read_secret
from shared.errors import BusUnreachable, ConfigError, SafetyRefusal, TicklineError
from shared.messages import Stream
from shared.record import WIRE
from shared.runner.health import alive_file
from shared.runner.logs import configure_logs
from shared.runner.meter import ServiceMetrics
from shared.runner.parts import Build, Work
from shared.runner.process import GC_ALLOCATIONS, stop_with_parent
from shared.runner.spec import Limits
from shared.runner.worker import Worker
from shared.user_code import blaming, read_once

log = structlog.get_logger()


def serve(name: str, build: Build, *, ahead: bool = False) -> None:
    """Runs one service until SIGTERM or SIGINT; exits with the code of what ended it.

    - ahead: it stands before the decision, so in a replay it works ahead of it, at a lower priority.
    """

    def worker(settings: Settings, bus: RedisBus) -> Worker:
        limits = limits_of(settings)
        spec, feeder, store, close, metrics = build(settings, limits)
        return Worker(
            spec, bus, feeder, partitions=settings.bus.partitions, limits=limits, store=store, close=close,
            metrics=metrics if settings.metrics.on else ServiceMetrics(),
        )  # fmt: skip

    serve_work(name, worker, ahead=ahead)


def serve_work(name: str, build: Callable[[Settings, RedisBus], Work], *, ahead: bool = False, nice: int = 0) -> None:
    """Serves work that is no line of stages, as `serve` does.

    - nice: the priority that it gives up always; what works ahead gives up no less than `ahead_nice`, and not both.
    """
    configure_logs(name)
    read_once()
    faulthandler.enable()  # what a library's C code ends is told, with the line that called it
    try:
        settings = load_settings()
        if not settings.bus.url:
            raise ConfigError("config: bus.url is empty: set TICKLINE_BUS__URL, or use `tickline run`")
        bus = make_bus(settings)
        with blaming(", ".join(settings.symbols)):
            work = build(settings, bus)
        with contextlib.suppress(OSError):  # as with the file: it works on, and is not seen to be healthy
            settings.state_dir.mkdir(parents=True, exist_ok=True)
        work.alive_file = alive_file(settings.state_dir, name)
        os.nice(max(nice, settings.ingestor.ahead_nice if ahead and settings.ingestor.works_ahead else 0))
        _calm_garbage_collector()
        uvloop.run(_run(name, work, bus, settings))
    except TicklineError as error:
        log.error("cannot go on", why=str(error), exit_code=error.exit_code)
        sys.exit(error.exit_code)
    log.info("stopped", counts=dict(work.counts))


def _calm_garbage_collector() -> None:
    """Looks for cycles rarely, and not among the modules: what was imported stays, and messages have none."""
    gc.freeze()  # with the little that is garbage: to find it takes longer than to keep it
    gc.set_threshold(GC_ALLOCATIONS)


def make_bus(settings: Settings) -> RedisBus:
    """Returns the bus that the config names."""
    own = settings.bus
    market = (Stream.TICKS, Stream.FEATURES, Stream.PREDICTIONS, Stream.DECISIONS, Stream.MONITOR)
    maxlens: dict[str, int] = {**dict.fromkeys(market, own.market_maxlen), Stream.DEAD: own.dead_maxlen}
    password = None if own.password_file is None else read_secret(own.password_file)
    kind, names = (ClusterBus, ClusterNames) if is_cluster(own.url) else (RedisBus, Names)
    return kind(
        own.url,
        names(settings.namespace),
        lease_s=own.lease_s,
        timeout_s=own.timeout_s,
        maxlens=maxlens,
        password=password,
        raise_after_s=own.raise_after_s,
    )


def limits_of(settings: Settings) -> Limits:
    """Returns the worker's bounds, as far as the config names them."""
    own = settings.bus
    return Limits(
        read_count=own.read_count, commit_entries=own.commit_entries, trim_age_s=own.trim_age_s, lease_s=own.lease_s
    )


async def check_bus(bus: Bus, settings: Settings) -> list[str]:
    """Waits for the bus, for a bounded time, and make sure that it was laid out for this config and keeps what it has.

    Returns what a person should know of it, a line each. Raises BusUnreachable, ConfigError, SafetyRefusal.
    """
    own = settings.bus
    why: list[str] = []  # the newest reason
    try:
        async with asyncio.timeout(own.start_timeout_s):
            stored, storage, wire = await _meta(bus, own.partitions, why)
    except TimeoutError as error:
        where = f"bus {without_password(own.url)}: "
        last = why[0].removeprefix(where) if why else "is it running?"
        raise BusUnreachable(f"{where}no answer for {own.start_timeout_s:g} s: {last}") from error
    if stored["partitions"] != str(own.partitions):
        raise ConfigError(
            f"config: bus.partitions is {own.partitions}, but {settings.namespace} on this bus was laid out "
            f"with {stored['partitions']}: set it back, or use another namespace"
        )
    where = f"bus {without_password(own.url)}"
    if wire is not None and wire > WIRE:
        raise SafetyRefusal(
            f"{where}: {settings.namespace} has wire {wire}, and this Tickline knows {WIRE}: all replicas knew the "
            "newer one, and there is no way back: run the newer Tickline, or use another namespace"
        )
    storage.require_no_eviction(where)
    if storage.append_only:
        return []
    return [
        f"{where}: writes no log (appendonly no): its restart loses what came since its last dump, if it makes any; "
        "set `appendonly yes` there"
    ]


async def _meta(bus: Bus, partitions: int, why: list[str]) -> tuple[dict[str, str], Storage, int | None]:
    said = False
    while True:
        try:
            session = await bus.connect()
            try:
                stored = await session.meta({"partitions": str(partitions), "bus_id": uuid4().hex})
                return stored, session.storage, await session.wire()
            finally:
                await session.close()
        except BusLost as lost:
            why[:] = [str(lost)]
            if not said:
                log.warning("waiting for the bus", why=str(lost))
            said = True
            await asyncio.sleep(0.2)  # a server that is not there gives nothing to wait on


async def _run(name: str, work: Work, bus: Bus, settings: Settings) -> None:
    with contextlib.ExitStack() as stack:
        if settings.metrics.on:
            from shared.runner.metrics import answering  # a service whose metrics nobody wants does without

            stack.enter_context(answering(name, work, settings))
        await _work(work, bus, settings)


async def _work(work: Work, bus: Bus, settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    checking = asyncio.ensure_future(check_bus(bus, settings))

    def stop() -> None:
        checking.cancel()
        work.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    stop_with_parent(stop)
    await asyncio.wait([checking])
    if not checking.cancelled():
        for caution in checking.result():
            log.warning("bus", why=caution)
        await work.run()
