"""What the bench prints and says about itself."""

import os
import platform
from importlib.metadata import version
from typing import Any

from tests.bench.common import AHEAD_TICKS, BLOCK_MS, COUNT, COUNTED, MAXLEN, PARTITIONS, SYMBOLS, UNCOUNTED
from tests.bench.server import Server

NOT_MEASURED = (
    "a network: all processes and the bus share one machine, so a slower process also takes CPU from the bus",
    "recovery: neither baseline keeps state, so after a kill they lose their books; Tickline's numbers include its own",
    "real models: the baselines' prediction is a constant; a journal and a venue's network are in none of them",
    "the gateway's own read: the probe reads orders beside it with the same blocking read, for all contestants alike",
)
TARGETS = (("redis_py", "messages_per_s", 1.0), ("faststream", "messages_per_s", 20.0))
P50_TARGET = 1.1


def machine() -> dict[str, Any]:
    """Processor, system and Python."""
    return {
        "machine": f"{_cpu_model()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def about(bus: Server, seconds: float, repeat: int) -> dict[str, Any]:
    """Machine, versions and settings."""
    return {
        **machine(),
        "versions": {name: version(name) for name in ("redis", "hiredis", "uvloop", "faststream", "pydantic")},
        "server": f"{bus.version}, TCP loopback, {'AOF everysec' if bus.aof else 'no AOF'}",
        "settings": {
            "partitions": PARTITIONS,
            "symbols": len(SYMBOLS),
            "count": COUNT,
            "block_ms": BLOCK_MS,
            "maxlen": MAXLEN,
            "ahead_ticks": AHEAD_TICKS,
            "at_a_fixed_rate": "all symbols of a partition tick together, partitions in turn",
            "seconds": seconds,
            "repeat": repeat,
            "chosen": "best of the rounds (median beside it), contestants in turn",
        },
        "message": f"an entry of {', '.join(COUNTED)}: written by one stage, read by the next; "
        f"{' and '.join(UNCOUNTED)} are written by all as well and not counted, nobody reads them",
        "latency": "wall clock from the tick's write time (noted by its writer) to the probe's read of the order",
        "load_average": list(os.getloadavg()),
        "not_measured": list(NOT_MEASURED),
    }


def show(result: dict[str, Any]) -> None:
    """The table, and how the line stands to its targets."""
    notes = result["about"]
    print(f"\n{notes['machine']}\nPython {notes['python']}, {notes['server']}")
    print(", ".join(f"{name} {number}" for name, number in notes["versions"].items()))
    print(", ".join(f"{name} {value}" for name, value in notes["settings"].items()))
    print(f"A message is {notes['message']}.\n")
    head = ("messages/s", "ticks/s", "median m/s", "m/core s", "at ticks/s", "p50 µs", "p99 µs", "others")
    print(f"{'':18}" + "".join(f"{title:>12}" for title in head))
    for name, row in result.items():
        if name != "about":
            keys = ("messages_per_s", "ticks_per_s", "messages_per_s_median", "messages_per_core_second")
            cells = [row[key] for key in (*keys, "offered_ticks_per_s", "p50_us", "p99_us")]
            late = "" if row["sustained"] else "  (not sustained)"
            print(f"{name:18}" + "".join(f"{cell:12,.0f}" for cell in cells) + f"{row['others_cores']:12.2f}" + late)
            if "higher_rate" in row:
                more = row["higher_rate"]
                late = "" if more["sustained"] else "  (not sustained)"
                cells = [more[key] for key in ("offered_ticks_per_s", "p50_us", "p99_us")]
                print(f"{'':66}" + "".join(f"{cell:12,.0f}" for cell in cells) + late)
    print(
        "m/core s: messages per second and core that the processes and the bus used; others: cores that other programs"
    )
    print(
        "used meanwhile, which is not the contestant's doing: with more than a quarter, run again on a quiet machine."
    )
    print("\nNot measured: " + "; ".join(notes["not_measured"]) + ".")
    _targets(result)


def _targets(result: dict[str, Any]) -> None:
    line = result.get("line")
    for name, key, factor in TARGETS:
        if line and name in result:
            ratio = line[key] / result[name][key]
            print(f"line / {name} {key}: {ratio:.2f} (target ≥ {factor}) {'reached' if ratio >= factor else 'MISSED'}")
    if line and "redis_py" in result:
        ratio = line["p50_us"] / result["redis_py"]["p50_us"]
        print(
            f"line / redis_py p50: {ratio:.2f} (target ≤ {P50_TARGET}) {'reached' if ratio <= P50_TARGET else 'MISSED'}"
        )


def _cpu_model() -> str:
    with open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()
