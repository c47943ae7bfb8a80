"""The pool: bars are joined by their end, and a symbol of which nothing comes holds nobody up for ever."""

import random

from hypothesis import given
from hypothesis import strategies as st

from shared.drift.pool import Behind, PooledBar, SymbolPool
from shared.drift.twin import TwinBar
from shared.messages.codec import pack, unpack

SYMS = ("A", "B", "C")
ENDS = st.lists(st.integers(1, 12), unique=True, max_size=12).map(sorted)
LINES = st.tuples(ENDS, ENDS, ENDS)


def bar(sym: str, end: int, net: float | None = 0.01) -> TwinBar:
    return TwinBar(sym, end, f"{sym}{end}", "m", net)


def joined(bars: list[PooledBar]) -> list[tuple[int, tuple[str, ...]]]:
    return [(each.ts_event, each.syms) for each in bars]


def test_the_others_go_on_without_a_symbol_that_is_missed() -> None:
    pool = SymbolPool(["A", "B"])
    assert pool.on_tick(bar("A", 1)) == [] and pool.behind() is None, "no other is a whole bar further"
    assert pool.on_tick(bar("A", 2)) == []
    assert pool.behind() == Behind(1, {"B": 0})
    assert joined(pool.miss("B", 0, 1)) == [(1, ("A",))]
    assert pool.behind() is None, "the bar that ended last may come yet"
    assert pool.on_tick(bar("B", 1)) == [], "it came too late"
    assert joined(pool.on_tick(bar("B", 2))) == [(2, ("A", "B"))]


def test_a_bar_that_overlaps_with_what_was_missed_does_not_count() -> None:
    """It has the return of more than its own time."""
    pool = SymbolPool(["A", "B"])
    for end in (1, 2, 3):
        pool.on_tick(bar("A", end))
    pool.miss("B", 0, 2)
    assert joined(pool.on_tick(bar("B", 3))) == [(3, ("A",))]
    pool.on_tick(bar("A", 4))
    assert joined(pool.on_tick(bar("B", 4))) == [(4, ("A", "B"))]


def mixed(lines: tuple[list[int], ...], rng: random.Random) -> list[TwinBar]:
    """The symbols' bars, each symbol's in order; some of them do not count by themselves."""
    left = {
        sym: [bar(sym, end, None if end % 5 == 0 else end / 100) for end in ends]
        for sym, ends in zip(SYMS, lines, strict=True)
    }
    found = []
    while left := {sym: bars for sym, bars in left.items() if bars}:
        found.append(left[rng.choice(sorted(left))].pop(0))
    return found


@given(LINES, st.randoms(use_true_random=False), st.randoms(use_true_random=False))
def test_who_knows_from_the_start_what_was_missed_has_the_same(
    lines: tuple[list[int], ...], live: random.Random, again: random.Random
) -> None:
    """Whenever it was missed, and however the symbols interleave; the first one is also restored at any moment."""
    pool, found, missed = SymbolPool(SYMS), list[PooledBar](), list[tuple[str, int, int]]()
    for each in mixed(lines, live):
        found += pool.on_tick(each)
        behind = pool.behind()
        if behind is not None and live.random() < 0.5:
            sym = live.choice(sorted(behind.reached))
            missed.append((sym, behind.reached[sym], behind.upto))
            found += pool.miss(*missed[-1])
        if live.random() < 0.2:
            kept = pack(pool.state())
            pool = SymbolPool(SYMS)
            pool.restore(unpack(kept))
    known = SymbolPool(SYMS)
    same = [each for span in missed for each in known.miss(*span)]
    same += [each for bar in mixed(lines, again) for each in known.on_tick(bar)]
    assert same == found
