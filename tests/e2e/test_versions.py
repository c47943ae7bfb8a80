"""Two versions of Tickline on one bus: replicas are replaced one by one while the line trades, and nobody notices."""

import json
import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from services.research.in_process_line import InProcessLine, line_plans
from shared.bus.embedded import EmbeddedBus
from shared.bus.names import Names, partition_of
from shared.config import Settings
from shared.config.ingestor import IngestorSettings
from shared.messages import Stream
from shared.messages.codec import encode, unpack
from shared.record import WIRE
from tests.chaos.compare import Content, content
from tests.chaos.line import Line
from tests.chaos.replicas import Replicas
from tests.chaos.watch import PARTITIONS, SERVICES, Watch
from tests.next_version import FIELD, NEXT_WIRE, ROOT, make_next

NAMESPACE = Settings().namespace
SYMBOLS = ("SIM-A", "SIM-C")
ENVIRONMENT = {
    "TICKLINE_SYMBOLS": json.dumps(SYMBOLS),
    "TICKLINE_INGESTOR__TICKS_PER_S": "20",
    "TICKLINE_BUS__RAISE_AFTER_S": "0",
    "TICKLINE_BUS__TRIM_AGE_S": "86400",  # all is compared
}
STRATEGIES = ("strategy", "strategy-next", "strategy-back", "strategy-again")
BY_THE_NEXT = ("ingestor", "signal", "strategy-next", "strategy-again", "gateway-next")
PATIENCE_S = 300.0  # as Watch has: a busy machine is no failure
Rows = list[tuple[int, dict[str, Any]]]


class Trading:
    """A line at work, and what stands on its bus."""

    def __init__(self, line: Line, client: Redis) -> None:
        self.line, self.client = line, client
        self.watch = Watch(client, NAMESPACE, line.tend)

    def wire(self) -> int:
        return int(self.client.hget(Names(NAMESPACE).replicas(), "wire") or 0)

    def registers(self, *names: str) -> Replicas:
        """Start one process of an instance after the other; all are of the same."""
        replicas = Replicas(names[0].partition("-")[0], self.line, self.watch)
        for name in names:
            replicas.start(name)
        return replicas

    def works(self) -> None:
        """Until more has been decided in all symbols."""
        before = self.watch.status()
        places = {partition_of(sym, PARTITIONS) for sym in SYMBOLS}
        self.watch.wait(
            "it trades",
            lambda s: all(s.seq(x) > before.seq(x) + 2 for x in s.states if x.instance in SERVICES and x.p in places),
        )

    def replace(self, replicas: Replicas, leaves: str, comes: str) -> None:
        """The new one comes, they share, the old one goes."""
        replicas.start(comes)
        replicas.settle(leaves, comes)
        self.works()
        self.line.send(leaves, signal.SIGTERM)
        assert self.line.forget(leaves, PATIENCE_S) == 0
        del replicas.ids[leaves]
        replicas.settle(comes)
        self.works()


@pytest.mark.long
def test_replicas_are_replaced_one_by_one_and_the_wire_is_raised(tmp_path: Path) -> None:
    later = make_next(tmp_path / "next")
    (later / "weights").symlink_to(ROOT / "weights")
    with (
        EmbeddedBus(tmp_path / "bus", append_only=False) as bus,
        Redis.from_url(bus.url) as client,
        Line(tmp_path, bus.url, ENVIRONMENT, dict.fromkeys(BY_THE_NEXT, later)) as line,
    ):
        at = Trading(line, client)
        gateways, strategies = at.registers("gateway"), at.registers("strategy")
        line.start("ingestor", "signal")
        at.works()
        for leaves, comes in pairwise(STRATEGIES):
            at.replace(strategies, leaves, comes)
            assert at.wire() == WIRE, "a gateway knows no other"
        at.replace(gateways, "gateway", "gateway-next")
        at.watch.wait("the wire is raised", lambda s: at.wire() == NEXT_WIRE)
        at.works()
        line.start("strategy")
        assert line.forget("strategy", PATIENCE_S) == 5
        assert f"has wire {NEXT_WIRE}, and this Tickline knows {WIRE}" in line.log("strategy")
        line.send("ingestor", signal.SIGTERM)
        assert line.forget("ingestor", PATIENCE_S) == 0
        at.watch.wait("all is taken", lambda s: s.finished(s.out(Stream.TICKS)))
        line.stop()
        assert not line.unexpected
        found, tags = content(bus.url, NAMESPACE), tags_of(client)
    assert (found.dead, found.stopped) == ([], [])
    assert tags == {WIRE, NEXT_WIRE}
    for (stream, sym), rows in undisturbed(found).items():
        have: Rows = [(n, known(unpack(d))) for n, d in found.rows[stream, sym]]
        assert have == rows, (stream, sym)


def undisturbed(found: Content) -> dict[tuple[Stream, str], Rows]:
    """What the stages make of as many ticks, in one process of this version."""
    plans = line_plans(Settings(symbols=SYMBOLS, ingestor=IngestorSettings(ticks_per_s=0)))
    made: dict[tuple[Stream, str], Rows] = {(stream, sym): [] for stream, sym in found.rows}
    for sym in SYMBOLS:
        line = InProcessLine(plans, sym)
        for quote in plans.source.open(sym, 0).take(len(found.rows[Stream.TICKS, sym])):
            for message in line.on_tick(quote):
                made[message.to, sym].append((message.n, unpack(encode(message))))
    return made


def known(value: Any) -> Any:
    """Without what only the next version knows, also in the records in it."""
    if isinstance(value, dict):
        return {name: known(each) for name, each in value.items() if name != FIELD}
    return value


def tags_of(client: Any) -> set[int]:
    """The wires of all entries."""

    def wires() -> Iterator[int]:
        for key in client.scan_iter(f"{NAMESPACE}:*:{{*}}", _type="stream"):
            for _, fields in client.xrange(key):
                yield int(fields[b"t"].rpartition(b"/")[2])

    return set(wires())
