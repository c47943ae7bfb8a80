"""Metrics: each service answers Prometheus at `GET /metrics`, where the config wants that.

Its request waits in a thread of its own; the numbers are read in the service's loop, between two batches. So a service
whose loop stands still answers 503, and Prometheus calls it down.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from socketserver import TCPServer
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import structlog
from prometheus_client import CollectorRegistry, Metric, ProcessCollector, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.registry import Collector

from shared.bus.api import BusLost, Outcome
from shared.config import Settings
from shared.errors import ConfigError
from shared.intervals import interval_ns
from shared.messages.market import TickTrace
from shared.record import WIRE
from shared.runner.meter import LEASES, Histogram, Labels, Values
from shared.runner.partition import Partition
from shared.runner.parts import Work
from shared.runner.worker import Worker

log = structlog.get_logger()

PREFIX = "tickline_"
ANSWER_S = 2.0  # a loop that does not come to it meanwhile stands still
REQUEST_S = 5.0  # for the whole of a request
NS_PER_S = 1e9
FOLDER = "metrics"
LOCAL = ("127.0.0.1", "localhost")


def targets_folder(state_dir: Path) -> Path:
    """Returns the folder with one file for each service that listens at a free port, as file_sd reads them."""
    return state_dir / FOLDER


@contextmanager
def no_targets_left(state_dir: Path) -> Iterator[str]:
    """Removes before and after what services that were killed have left; yields the pattern of such files."""
    folder = targets_folder(state_dir)

    def remove() -> None:
        for left in folder.glob("*.json"):
            left.unlink(missing_ok=True)

    remove()
    try:
        yield str(folder / "*.json")
    finally:
        remove()


class LineCollector(Collector):
    """The collector asks the service's loop for its numbers; it raises TimeoutError where that does not answer."""

    def __init__(self, work: Work, settings: Settings) -> None:
        self._work = work
        self._present = settings.ingestor.is_at_present  # else the age of a tick means nothing
        self._interval_s = interval_ns(settings.interval) / NS_PER_S if settings.bars_by_clock else 0.0
        build = {"version": version("tickline"), "wire": str(WIRE), "python": sys.version.partition(" ")[0]}
        self._build = InfoMetricFamily(f"{PREFIX}build", "What runs: Tickline, its wire, Python.", value=build)
        self._loop = asyncio.get_running_loop()

    def collect(self) -> Iterable[Metric]:
        """Returns all metrics, from any thread but the loop's."""
        # Nobody cancels it: a command to the bus that is cut off would end the session.
        return asyncio.run_coroutine_threadsafe(self._read(), self._loop).result(ANSWER_S)

    async def _read(self) -> list[Metric]:
        work = self._work
        found: list[Metric] = [
            self._build,
            counter("events", "What the service counts in its log.", ["event"], _by(work.counts)),
        ]
        parts: list[Partition] = []
        if isinstance(work, Worker):
            found += await _lags(work)
            parts = list(work.meter.parts.values())
            found += _of_worker(work)
            if self._present:
                found.append(_tick_times(work))
        if self._interval_s:
            found.append(gauge("interval_seconds", "The time from tick to tick.", [], [((), self._interval_s)]))
        for own in work.metrics.gauges:
            made = counter if own.total else gauge
            found.append(made(own.name, own.says, own.labels, own.of(parts)))
        return found


def counter(name: str, says: str, labels: Sequence[str], values: Values) -> Metric:
    """Returns a counter; the exposition adds `_total`."""
    family = CounterMetricFamily(f"{PREFIX}{name}", says, labels=labels)
    for of, value in values:
        family.add_metric(of, value)
    return family


def gauge(name: str, says: str, labels: Sequence[str], values: Values) -> Metric:
    """Returns a gauge."""
    family = GaugeMetricFamily(f"{PREFIX}{name}", says, labels=labels)
    for of, value in values:
        family.add_metric(of, value)
    return family


def histogram(name: str, says: str, labels: Sequence[str], values: Iterable[tuple[Labels, Histogram]]) -> Metric:
    """Returns a histogram, whose buckets hold all that is not above their bound."""
    family = HistogramMetricFamily(f"{PREFIX}{name}", says, labels=labels)
    for of, counted in values:
        buckets, below = [], 0
        for bound, count in zip((*map(str, counted.bounds), "+Inf"), counted.counts, strict=True):
            below += count
            buckets.append((bound, float(below)))
        family.add_metric(of, buckets, counted.sum)
    return family


def _by(counts: dict[str, int]) -> Values:
    return [((name,), count) for name, count in counts.items()]


def _of_worker(work: Worker) -> Iterator[Metric]:
    meter, moved = work.meter, work.meter.moved()
    yield counter("messages_taken", "Messages that the stages have taken.", ["stream"], _by(moved.taken))
    yield counter("messages_written", "Messages that the stages have given.", ["stream"], _by(moved.written))
    hops = [((str(stream),), hop) for stream, hop in meter.hops.items()]
    says = "Seconds from the writing of a batch's oldest message until what it led to is written."
    yield histogram("hop_seconds", says, ["stream"], hops)
    yield histogram("commit_seconds", "Seconds until the bus has answered a commit.", [], [((), meter.commits)])
    yield histogram("batch_messages", "Messages in one commit.", [], [((), meter.batches)])
    refused = [((outcome.lower(),), meter.refused[outcome]) for outcome in Outcome if outcome is not Outcome.OK]
    says = "Commits that the bus has refused; fenced: of a lease that is over."
    yield counter("commits_refused", says, ["outcome"], refused)
    yield counter("reconnects", "Connections to the bus after the first.", [], [((), max(meter.sessions - 1, 0))])
    yield gauge("bus_connected", "1 while there is a connection to the bus.", [], [((), work.connected)])
    yield gauge("leases", LEASES, [], [((), len(meter.parts))])
    stopped = sum(bool(symbol.stopped) for part in meter.parts.values() for symbol in part.known.values())
    yield gauge("symbols_stopped", "Symbols that take nothing until a person lets them go on.", [], [((), stopped)])
    for own, counts in meter.counted.items():
        values = [(labels, count) for labels, count in counts.items() if labels is not None]
        yield counter(own.name, own.says, own.labels, values)


async def _lags(work: Worker) -> list[Metric]:
    """Returns what readers have not committed yet; nothing where the bus does not tell."""
    try:
        lags = await work.lags()
    except BusLost:
        return []
    says = "Entries of a stream that a reader has not committed yet."
    values = [((stream, str(p), reader), lag) for (stream, p, reader), lag in lags.items()]
    return [gauge("lag_messages", says, ["stream", "partition", "reader"], values)]


def _tick_times(work: Worker) -> Metric:
    newest: dict[Labels, float] = {}
    for part in work.meter.parts.values():
        for name, symbol in part.known.items():
            traces = [trace for taken in symbol.last.values() if (trace := TickTrace.of(taken.tr))]
            if traces:
                newest[(name,)] = max(trace.ts_event for trace in traces) / NS_PER_S
    says = "When the newest tick was known that this service has worked with, since 1970."
    return gauge("tick_timestamp_seconds", says, ["symbol"], newest.items())


class _Handler(WSGIRequestHandler):
    """A handler that logs no request, and waits for none for ever."""

    timeout = REQUEST_S

    def log_message(self, format: str, *args: Any) -> None:
        """Does nothing."""


class _Server(ThreadingWSGIServer):
    """A server that asks no DNS for its own name, and prints nothing of who has hung up."""

    def server_bind(self) -> None:
        """Binds; HTTPServer's own would wait for a DNS that does not answer."""
        TCPServer.server_bind(self)
        host, self.server_port = self.server_address[:2]
        self.server_name = str(host)
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Does nothing."""


App = Callable[..., Iterable[bytes]]


def _answering(app: App, hosts: Container[str] | None) -> App:
    """Returns an app that answers at /metrics alone, and 503 where the loop does not come to it.

    - hosts: what it may be called, so that no page in a browser has it asked by a name of its own; None: anything.
    """

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        plain = [("Content-Type", "text/plain; charset=utf-8")]
        if hosts is not None and environ.get("HTTP_HOST") not in hosts:
            start("421 Misdirected Request", plain)
            return [b"ask by the address at which it listens\n"]
        if environ["PATH_INFO"] != "/metrics":
            start("404 Not Found", plain)
            return [b"GET /metrics\n"]
        try:
            return app(environ, start)
        except Exception as error:  # noqa: BLE001  (the loop stands still, or is closed; nothing of it ends a service)
            log.warning("metrics: no answer", why=f"{type(error).__name__} {error}".rstrip())
            start("503 Service Unavailable", plain)
            return [b"the service does not answer\n"]

    return answer


@contextmanager
def answering(service: str, work: Work, settings: Settings) -> Iterator[str]:
    """Lets the service answer while inside, in a running loop; yields its address, HOST:PORT. Raises ConfigError."""
    own, registry = settings.metrics, CollectorRegistry(auto_describe=False)
    registry.register(LineCollector(work, settings))
    ProcessCollector(registry=registry)
    try:
        server = make_server(own.host, own.port, make_wsgi_app(registry), _Server, _Handler)
    except OSError as error:
        raise ConfigError(
            f"config: metrics at {own.host}:{own.port}: {error.strerror or error}: set metrics.host and metrics.port "
            "to an address of this machine that is free (0: any free port), or metrics.on = false"
        ) from error
    loop, address = asyncio.get_running_loop(), f"{own.host}:{server.server_port}"
    hosts = {f"{name}:{server.server_port}" for name in LOCAL} if own.host in LOCAL else None
    server.set_app(_answering(make_wsgi_app(registry), hosts))
    server.timeout = 0  # the loop says when somebody is there, and accepts without waiting
    server.socket.setblocking(False)
    loop.add_reader(server.fileno(), server.handle_request)
    told = None if own.port else _tell(service, address, settings.state_dir)
    try:
        yield address
    finally:
        loop.remove_reader(server.fileno())
        server.server_close()
        if told is not None:
            told.unlink(missing_ok=True)


def _tell(service: str, address: str, state_dir: Path) -> Path | None:
    """Writes where the service answers, as a whole; None where that cannot be: it works on."""
    told = targets_folder(state_dir) / f"{service}.json"
    with suppress(OSError):
        told.parent.mkdir(parents=True, exist_ok=True)
        new = told.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps([{"targets": [address], "labels": {"service": service}}]))
        new.replace(told)
        return told
    log.warning("metrics: nobody is told where", why=f"{told} cannot be written", address=address)
    return None
