"""The oracle catches what is planted in good streams: a loss, a double, a reorder, another content."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.oracle.streams import Entry, Judge, Streams, Verdict, contents, judged, unanswered

ROOT = Path(__file__).parents[3]
KEY = ("orders", "A")


def stream(*numbers: int, **other: bytes) -> Streams:
    """Entries with these numbers; `n3=b"x"`: that one has this content."""
    return {KEY: [Entry(n, other.get(f"n{n}", b"content %d" % n)) for n in numbers]}


GOOD = stream(1, 2, 3, 4)


def test_a_good_stream_is_good() -> None:
    assert judged(GOOD, GOOD, whole=True) == Verdict()
    assert judged(GOOD) == Verdict()


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        (stream(1, 3, 4), Verdict(lost=1)),
        (stream(1, 2, 3), Verdict(lost=1)),
        (stream(), Verdict(lost=4)),
        (stream(1, 2, 2, 3, 4), Verdict(doubled=1)),
        (stream(1, 2, 3, 4, 2), Verdict(doubled=1)),
        (stream(1, 3, 2, 4), Verdict(reordered=1)),
        (stream(1, 2, 3, 4, n3=b"another"), Verdict(changed=1)),
        (stream(1, 2, 3, 4, 5), Verdict(changed=1)),
        ({KEY: [*GOOD[KEY], Entry(4, b"another")]}, Verdict(changed=1)),
        ({**GOOD, ("orders", "B"): [Entry(1, b"of nobody")]}, Verdict(changed=1)),
    ],
)
def test_a_plant_is_caught(planted: Streams, found: Verdict) -> None:
    verdict = judged(planted, GOOD, whole=True)
    assert verdict[:4] == found[:4]
    assert len(verdict.faults) == 1


def test_without_an_undisturbed_run_the_numbers_are_judged() -> None:
    assert judged(stream(1, 3, 3, 2, 5, n3=b"x"))[:4] == (1, 1, 1, 0)


def test_what_is_still_to_come_is_not_lost() -> None:
    assert judged(stream(1, 2), GOOD).good
    assert judged(stream(1, 2), GOOD, whole=True).lost == 2


def test_what_comes_later_is_judged_with_what_came_before() -> None:
    judge = Judge(contents(GOOD))
    judge.take(stream(1, 2))
    before = judge.verdict()
    judge.take(stream(2, 4))
    assert before.good
    assert judge.verdict().beyond(before)[:4] == (1, 1, 0, 0)


def traced(what: str, *traces: str) -> list[Entry]:
    return [Entry(n, b"", tr, what) for n, tr in enumerate(traces, 1)]


def test_a_tick_that_is_never_predicted_or_decided_on_is_found() -> None:
    streams = {
        ("ticks", "A"): traced("MarketTick", "1", "2", "3", "4", "5"),
        ("predictions", "A"): traced("Prediction", "1", "3", "4", "4"),
        ("decisions", "A"): traced("Decision", "1", "4"),
    }
    assert unanswered(streams, "A")[:4] == (2, 1, 0, 0)


def test_the_oracle_imports_nothing_of_ours() -> None:
    """What it judges by must not be what it judges."""
    code = "import sys, tests.oracle.account, tests.oracle.streams, tests.oracle.table; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {name.partition(".")[0] for name in done.stdout.split()} & {"shared", "services", "tickline"} == set()
