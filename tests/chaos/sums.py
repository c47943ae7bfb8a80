"""What the forms of chaos at exchanges have met together, and whether it is what was to be shown.

python -m tests.chaos.sums          of the full forms
python -m tests.chaos.sums --short  of the short ones, scaled down

Exit code 1: a form is missing or has not come to a good end, or a sum is too small.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from pathlib import Path

from tests.chaos.counts import Counts, CountsFile, Written
from tests.chaos.naked import ATTACHED, FAILED, FILLING, FOLLOWS, REFUSED, Share
from tests.chaos.stop_evidence import AT_WORK, BOOK, JOURNAL, NOTED

PLAIN, BUS, PROTECTED, ALONE = "plain", "bus", "protected", "left alone"
EXCHANGES = ("binance", "okx", "bybit", "hyperliquid")
FORMS = (
    *((PLAIN, exchange) for exchange in EXCHANGES),
    (BUS, "binance"),
    *((PROTECTED, exchange) for exchange in EXCHANGES),
    *((ALONE, exchange) for exchange in EXCHANGES),
)
FOLLOWING = ("binance",)  # where no order carries its stop
# Over all forms but those whose gateway is left dead.
LEAST = {"orders": 10_000, "kills": 100, "triggers": 500, "failed": 50, "races": 200, "orphans": 50}
LEAST_SHORT = 0.2  # of the IOCs miss or are filled in part
LEAST_LEFT = 200  # kills for good, of gateways whose entry was being sent
SCALE = 20  # the short forms have to meet so much less
COLUMNS = ("orders", "kills", "triggers", "failed", "races", "orphans")
SHOWN = (JOURNAL, NOTED, BOOK, FOLLOWS, AT_WORK, ATTACHED, FILLING, REFUSED, FAILED)


def problems(found: Mapping[tuple[str, str], Written], *, short: bool = False) -> list[str]:
    """Returns what is missing, a line each.

    >>> problems({})[0], len(problems({}))
    ('plain, binance: has not run', 13)
    """
    lacks = [f"{form}, {exchange}: has not run" for form, exchange in FORMS if (form, exchange) not in found]
    lacks += [f"{form}, {exchange}: did not end well" for (form, exchange), one in found.items() if one.counts is None]
    if lacks:
        return lacks
    scale = SCALE if short else 1
    ours = _counted(found, PLAIN, BUS, PROTECTED)
    for name, least in LEAST.items():
        if (sum_ := sum(getattr(one, name) for one in ours)) < (wanted := ceil(least / scale)):
            lacks.append(f"{name}: {sum_} of {wanted}")
    if (share := short_share(ours)) < LEAST_SHORT:
        lacks.append(f"IOCs that miss or are filled in part: {share:.1%} of {LEAST_SHORT:.0%}")
    if (left := sum(one.kills for one in _counted(found, ALONE))) < (wanted := len(EXCHANGES) if short else LEAST_LEFT):
        lacks.append(f"kills for good: {left} of {wanted}")
    for exchange in EXCHANGES:
        counts = found[PROTECTED, exchange].counts
        assert counts is not None
        if longest := max(counts.naked_ms[ATTACHED], default=0):
            lacks.append(f"{exchange}: {longest} ms without the stop that its order had carried, of 0")
        for name in (NOTED, AT_WORK) if exchange in FOLLOWING else ():
            if (longest := max(counts.naked_ms[name], default=0)) > counts.bound_ms:
                lacks.append(f"{exchange}: {name}: {longest} ms without a stop, of {counts.bound_ms}")
    return lacks


def short_share(ours: Sequence[Counts]) -> float:
    """Returns which share of the IOCs has missed or was filled in part."""
    return sum(one.ended_short for one in ours) / max(sum(one.iocs for one in ours), 1)


def table(found: Mapping[tuple[str, str], Written], *, short: bool = False) -> Iterator[str]:
    """Yields the lines of what was met: by form, without a stop by exchange, and left alone."""
    commits = sorted({one.commit for one in found.values()})
    yield f"commit {', '.join(commits)}{' (SEVERAL)' if len(commits) > 1 else ''}"
    yield f"{'form':24}{'took s':>8}{'IOCs short':>12}" + "".join(f"{name:>10}" for name in COLUMNS)
    for form, exchange in FORMS:
        one = found.get((form, exchange))
        if one is not None and form != ALONE:
            yield _row(f"{form}, {exchange}", one.took_s, [one.counts] if one.counts else [])
    ours = _counted(found, PLAIN, BUS, PROTECTED)
    yield _row("all", sum(one.took_s for (form, _), one in found.items() if form != ALONE), ours)
    scale = SCALE if short else 1
    least = "".join(f"{ceil(LEAST[name] / scale):>10,}" for name in COLUMNS)
    yield f"{'at least':32}{LEAST_SHORT:>12.0%}{least}"
    beyond, taken = sum(one.beyond_lease for one in ours), sum(one.takeovers for one in ours)
    yield f"stopped beyond the lease {beyond}, take-overs {taken}"
    for exchange in EXCHANGES:
        one = found.get((PROTECTED, exchange))
        if one is not None and one.counts is not None:
            yield from _naked(exchange, one.counts)
    for exchange in EXCHANGES:
        one = found.get((ALONE, exchange))
        if one is not None and one.counts is not None:
            own = one.counts
            share = own.left_closed / max(own.left_filled, 1)
            yield (
                f"left alone, {exchange}: {own.kills} kills in {one.took_s:.0f} s, {own.left_filled} entries filled, "
                f"{own.left_closed} of them closed by their stop ({share:.1%}), {own.left_turned} turned by it"
            )


def _counted(found: Mapping[tuple[str, str], Written], *forms: str) -> list[Counts]:
    return [one.counts for (form, _), one in found.items() if form in forms and one.counts is not None]


def _row(name: str, took_s: float, ours: Sequence[Counts]) -> str:
    if not ours:
        return f"{name:24}{'did not end well':>20}"
    sums = "".join(f"{sum(getattr(one, column) for one in ours):>10,}" for column in COLUMNS)
    return f"{name:24}{took_s:>8.0f}{short_share(ours):>12.1%}{sums}"


def _naked(exchange: str, counts: Counts) -> Iterator[str]:
    yield f"{exchange}: a position was held for {counts.held_ms / 1000:.0f} s in all, and had no stop"
    for name in SHOWN:
        share = Share.of(counts.held_ms, counts.naked_ms.get(name, ()))
        bound = ""
        if name == ATTACHED:
            bound = " (at most 0)"
        elif name in (NOTED, AT_WORK) and exchange in FOLLOWING:
            bound = f" (at most {counts.bound_ms})"
        yield (
            f"  {name:28}{share.share:>9.2%}, {share.spans:>5} times, p99 {share.p99_ms:>6} ms, "
            f"most {share.most_ms:>6} ms{bound}"
        )


def main() -> None:
    """Prints the tables, and what is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.sums", description="add up what chaos has met")
    parser.add_argument("--short", action="store_true", help="of the short forms")
    parser.add_argument("--file", type=Path, help="another file than that of the last runs")
    given = parser.parse_args()
    file = CountsFile(given.file) if given.file else CountsFile.of(short=given.short)
    found = file.newest()
    print(*table(found, short=given.short), sep="\n")
    if lacks := problems(found, short=given.short):
        print(*(f"MISSED {line}" for line in lacks), sep="\n")
        sys.exit(1)
    print("all sums are reached")


if __name__ == "__main__":
    main()
