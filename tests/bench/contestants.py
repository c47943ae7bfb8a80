"""The contestants by name."""

import json
from collections.abc import Mapping
from typing import Any

from tests.bench.contestant import Baseline, Contestant
from tests.bench.tickline_line import ScrapedLine, TicklineLine, WatchedLine


class FastStream(Baseline):
    """FastStream wraps each message in an envelope of its own, in one field of the entry."""

    def _body(self, entry: Mapping[bytes, bytes]) -> dict[str, Any]:
        from faststream.redis.parser import BinaryMessageFormatV1

        body: dict[str, Any] = json.loads(BinaryMessageFormatV1.parse(entry[b"__data__"])[0])
        return body

    def trace(self, entry: Mapping[bytes, bytes]) -> bytes:
        """The field `tr` of the message."""
        trace: str = self._body(entry)["tr"]
        return trace.encode()

    def written_ns(self, tick: Mapping[bytes, bytes]) -> int:
        """The field `w` of the message."""
        return int(self._body(tick)["w"])


ALL: dict[str, Contestant] = {
    contestant.name: contestant
    for contestant in (
        TicklineLine(),
        Baseline("redis_py", "tests.bench.bare_redis"),
        FastStream("faststream", "tests.bench.faststream_each"),
        FastStream("faststream_batch", "tests.bench.faststream_batch"),
        WatchedLine(),
        ScrapedLine(),
    )
}

BESIDE = ("line", "redis_py", "faststream", "faststream_batch")  # what is measured where nobody asks for others


def by_name(name: str) -> Contestant:
    """The contestant whose key in bench.json is `name`."""
    return ALL[name]
