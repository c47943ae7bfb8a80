"""A passive reader of the orders streams, the same for all contestants: when can an order be read?

It reads all P orders streams with one blocking XREAD, as the gateway does at the same time, and notes the wall clock at
which each order was in its hands. Afterwards it looks the ticks' write times up and prints the latencies in µs as JSON.

    python -m tests.bench.probe line --url redis://… --namespace b1 --rate 200 --seconds 10
"""

import argparse
import json
import sys
import time
from typing import Any

import redis

from tests.bench.common import BLOCK_MS, Run
from tests.bench.contestant import Contestant
from tests.bench.contestants import by_name


def watch(client: Any, keys: list[str], seconds: float) -> list[tuple[int, dict[bytes, bytes]]]:
    """Every order written from now on for `seconds`, with the ns at which it was read."""
    cursors: dict[str, Any] = {}
    for key in keys:
        newest = client.xrevrange(key, count=1)
        cursors[key] = newest[0][0] if newest else "0"
    seen: list[tuple[int, dict[bytes, bytes]]] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        reply = client.xread(cursors, block=BLOCK_MS)
        now_ns = time.time_ns()
        for key, entries in reply:
            cursors[key.decode()] = entries[-1][0]
            seen.extend((now_ns, fields) for _, fields in entries)
    return seen


def written(client: Any, contestant: Contestant, keys: list[str]) -> dict[bytes, int]:
    """The write time of every tick that is still in its stream, by trace id."""
    times: dict[bytes, int] = {}
    for key in keys:
        for _, fields in client.xrange(key):
            times[contestant.trace(fields)] = contestant.written_ns(fields)
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("contestant")
    parser.add_argument("--url", required=True)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    given = parser.parse_args()
    contestant = by_name(given.contestant)
    run = Run(given.url, given.namespace, given.rate)
    client = redis.Redis.from_url(run.url, protocol=2)
    orders = watch(client, contestant.keys(run, "orders"), given.seconds)
    times = written(client, contestant, contestant.keys(run, "ticks"))
    latencies, unmatched = [], 0
    for now_ns, fields in orders:
        tick_ns = times.get(contestant.trace(fields))
        if tick_ns is None:
            unmatched += 1
        else:
            latencies.append((now_ns - tick_ns) / 1000)
    json.dump({"latency_us": latencies, "unmatched": unmatched}, sys.stdout)


if __name__ == "__main__":
    main()
