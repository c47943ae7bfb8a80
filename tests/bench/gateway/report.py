"""What the bench of the gateway prints and says about itself."""

from typing import Any

from tests.bench.heading import show_about

PART, MORE_MS = 2, 1.0
NOTES = (
    "From the moment the bus has given the order's entry until aiohttp writes ccxt's request to the socket; `arrived`: "
    "the fake exchange, a process of its own, has the request. The kernel and that process come on top.",
    "Journal: SQLite, WAL, synchronous FULL; INTENT, SENT and the limits in one transaction. The bus is in memory.",
    "fsync: 4 KiB appended to a file beside the journal and synced, once after each order, in a thread.",
    "Target: order ≤ 2 × fsync + 1 ms, p50 against p50, p99 against p99.",
)
WORDS = {
    "read to kept": "decoded, through the stage",
    "kept to writing": "known already? risk, rounding",
    "writing to written": "journal",
    "written to cleared": "back in the event loop; what ccxt had still to do",
    "cleared to sent": "aiohttp writes what ccxt made meanwhile",
    "sent to arrived": "kernel and the venue's process",
}
PACKAGES = ("ccxt", "aiohttp", "uvloop")


def show(result: dict[str, Any]) -> bool:
    """The tables, and how it stands to the target; whether it is reached."""
    show_about(result["about"])
    reached = [_show(name, row) for name, row in result["runs"].items()]
    return all(reached)


def _show(name: str, row: dict[str, Any]) -> bool:
    print(f"\n{name + ', ms':52}{'p50':>8}{'p99':>9}")
    for part, found in row["order"].items():
        words = f"  {part}: {WORDS[part]}" if part in WORDS else part
        print(f"{words:52}{found['p50']:8.3f}{found['p99']:9.3f}")
    print(f"{'  of which the risk check':52}{row['risk']['p50']:8.3f}{row['risk']['p99']:9.3f}")
    print(f"{'bare fsync':52}{row['fsync']['p50']:8.3f}{row['fsync']['p99']:9.3f}")
    middle, tail = (_verdict(name, row, part) for part in ("p50", "p99"))
    return middle and tail


def _verdict(name: str, row: dict[str, Any], part: str) -> bool:
    order, most = row["order"]["read to sent"][part], PART * row["fsync"][part] + MORE_MS
    reached = bool(order <= most)
    print(f"{name}, {part}: {order:.3f} ms (target ≤ {most:.3f}) {'reached' if reached else 'MISSED'}")
    return reached
