"""What the bench of the feed prints and says about itself."""

import statistics
from typing import Any

from tests.bench.feed.reader_task import STREAM
from tests.bench.heading import show_about

US = 1e6
VERSIONS = ("ccxt", "cryptofeed", "aiohttp", "websockets", "orjson", "uvloop")
TARGET, FLAT = 0.8, 1.1
OURS, BARE, THEIRS = ("redis", "memory", "ingestor_by_ccxt"), "watch_trades", "cryptofeed"
READ = "the message a trade, into the queue"
CCXTS = "ccxt's handling of the message"
NOTES = (
    f"The same {STREAM} messages, made before, to each reader in a process of its own on one core; the fake exchange, "
    "and the bus where it is a server, on another. They are sent as fast as they are read, from the moment when all "
    "markets are subscribed to; cryptofeed has them in its combined form.",
    "Tickline: the service's own parts, bars of a second; every trade went through its stages, and every tick on the "
    "bus is the history's. The others count what they are given. All run on uvloop.",
    "`trades by ccxt`: as of a venue whose messages only ccxt can read.",
    "Only Tickline's clock is replaced: the fake's time runs as it is read.",
    "A trade that comes alone costs more in each of them: here a read brings many.",
    "/s: by the clock, best and median of the rounds. /CPU s: of the reader's CPU; on a busy machine only that tells.",
    "Target: ingestor ≥ 0.8 × bare watch_trades, by both.",
)


def show(result: dict[str, Any]) -> bool:
    """The tables, and how it stands to its targets; whether they are reached."""
    show_about(result["about"])
    print(f"\n{'trades':44}{'/s':>10}{'median':>10}{'/CPU s':>11}{'median':>11}{'µs':>7}")
    rows = {name: _row(found) for name, found in result["rounds"].items()}
    for name, row in rows.items():
        print(
            f"{result['readers'][name]:44}{row['per_s']:10,.0f}{row['per_s_median']:10,.0f}"
            f"{row['per_cpu_s']:11,.0f}{row['per_cpu_s_median']:11,.0f}{US / row['per_cpu_s_median']:7.2f}"
        )
    result["rates"] = rows
    _show_costs(result["costs"], rows)
    reached = [_show_ratio(rows, name, by) for name in OURS for by in ("per_s_median", "per_cpu_s_median")]
    for by, words in (("per_s_median", "by the clock"), ("per_cpu_s_median", "by CPU")):
        print(f"ingestor ({OURS[0]}) / cryptofeed {words}: {rows[OURS[0]][by] / rows[THEIRS][by]:.2f}")
    return all([*reached, _show_memory(result["memory"])])


def _row(found: list[dict[str, Any]]) -> dict[str, float]:
    by_clock = [one["trades"] / one["took_s"] for one in found]
    by_cpu = [one["trades"] / one["cpu_s"] for one in found]
    return {
        "per_s": max(by_clock), "per_s_median": statistics.median(by_clock),
        "per_cpu_s": max(by_cpu), "per_cpu_s_median": statistics.median(by_cpu),
    }  # fmt: skip


def _show_costs(costs: dict[str, float], rows: dict[str, dict[str, float]]) -> None:
    whole, redis, wire = (US / rows[name]["per_cpu_s_median"] for name in ("memory", "redis", "aiohttp"))
    parts = {"messages off the socket, aiohttp": wire} | {name: us for name, us in costs.items() if name != CCXTS}
    parts["loop, ccxt's receiving, batches, worker"] = whole - sum(parts.values())
    parts["a server as the bus"] = redis - whole
    print(f"\n{'one trade in the ingestor':44}{'µs':>8}{'share':>9}")
    for name, cost in parts.items():
        print(f"  {name:42}{cost:8.2f}{cost / redis:9.1%}")
    print(f"  {'all':42}{redis:8.2f}")
    print(f"{CCXTS}, instead of `{READ}`: {costs[CCXTS]:.2f} µs")


def _show_ratio(rows: dict[str, dict[str, float]], name: str, by: str) -> bool:
    ratio = rows[name][by] / rows[BARE][by]
    words = "by the clock" if by == "per_s_median" else "by CPU"
    return _verdict(f"ingestor ({name}) / watch_trades {words}: {ratio:.2f} (target ≥ {TARGET})", ratio >= TARGET)


def _show_memory(memory: list[dict[str, float]] | None) -> bool:
    if memory is None:
        return True
    print(f"\n{'trades':>14}{'resident, MB':>16}")
    for row in memory:
        print(f"{row['trades']:14,}{row['rss_mb']:16,.1f}")
    first, last = memory[0], memory[-1]
    growth = last["rss_mb"] / first["rss_mb"]
    words = f"memory at {last['trades']:,} trades / at {first['trades']:,}: {growth:.3f} (target ≤ {FLAT})"
    return _verdict(words, growth <= FLAT)


def _verdict(text: str, reached: bool) -> bool:
    print(f"{text} {'reached' if reached else 'MISSED'}")
    return reached
