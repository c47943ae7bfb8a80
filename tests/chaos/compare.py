"""The content of all streams, and what two runs have different."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from redis import Redis

from shared.bus.names import PartitionId
from shared.messages import Stream
from shared.messages.codec import unpack
from shared.runner.symbol import FIELD
from tests.chaos.watch import PARTITIONS, PLACES, WRITERS, names_at
from tests.cluster import ClusterClient

Key = tuple[Stream, str]
Rows = list[tuple[int, bytes]]


class Content(NamedTuple):
    """rows: (stream, symbol) -> its entries' (n, d) in order. dead: dead letters. stopped: symbols and why."""

    rows: dict[Key, Rows]
    dead: list[str]
    stopped: list[str]

    def count(self, stream: Stream) -> int:
        """Entries of one stream."""
        return sum(len(rows) for (s, _), rows in self.rows.items() if s is stream)


def content(url: str, namespace: str) -> Content:
    """Read everything."""
    with Redis.from_url(url, socket_timeout=60) as client:
        return content_of(client, namespace)


def content_of(client: Redis | ClusterClient, namespace: str) -> Content:
    """Read everything through this client."""
    names = names_at(client, namespace)
    rows: dict[Key, Rows] = defaultdict(list)
    dead, stopped = [], []
    for stream, instance in WRITERS.items():
        for p in range(PARTITIONS):
            for _, fields in client.xrange(names.stream(stream, PartitionId(instance, p))):
                rows[stream, fields[b"k"].decode()].append((int(fields[b"n"]), fields[b"d"]))
    for place in PLACES:
        dead += [str(fields) for _, fields in client.xrange(names.stream(Stream.DEAD, place))]
        snapshot = client.hgetall(names.state(place)).items()
        stopped += [f"{place} {name.decode()}: {why}" for name, why in _stopped(snapshot)]
    return Content(dict(rows), dead, stopped)


def _stopped(fields: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, str]]:
    for name, value in fields:
        if name.startswith(FIELD.encode()) and (why := unpack(value)["stopped"]):
            yield name, why


def differences(expected: Content, found: Content) -> list[str]:
    """One line for each stream and symbol that is not the same; and dead letters, and stopped symbols."""
    lines = [f"dead letter: {entry}" for entry in found.dead] + [f"stopped: {why}" for why in found.stopped]
    for key in sorted(expected.rows.keys() | found.rows.keys()):
        want, have = expected.rows.get(key, []), found.rows.get(key, [])
        if want != have:
            lines.append(f"{key[0]} of {key[1]}: {_difference(want, have)}")
    return lines


def _difference(want: Rows, have: Rows) -> str:
    at = next((i for i, (a, b) in enumerate(zip(want, have, strict=False)) if a != b), min(len(want), len(have)))
    around = [[n for n, _ in rows[max(0, at - 2) : at + 3]] for rows in (want, have)]
    counts = f"{len(want)} entries expected, {len(have)} found"
    return f"{counts}; first difference at place {at}: n {around[0]} and {around[1]}"
