import asyncio
import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.research.download.kinds import HistoryRow
from services.research.download.pages import HistoryPage, pages
from shared.errors import VenueError
from tests.unit.research.download.shelf import Shelf, bar, trade

PAGE = 8


async def fetched(shelf: Shelf, start_ms: int, end_ms: int, tail: list[HistoryRow] | None = None) -> list[HistoryPage]:
    return [page async for page in pages(shelf, start_ms, end_ms, tail or [])]


def rows_of(found: list[HistoryPage]) -> list[HistoryRow]:
    return [row for page in found for row in page.rows]


# Up to three rows in one millisecond; now and then nothing for longer than a window.
DISTANCES = st.lists(st.sampled_from([0, 1, 1, 3, 50]), max_size=60).filter(
    lambda apart: all(len(list(run)) < 3 for zero, run in itertools.groupby(apart, bool) if not zero)
)


@given(
    apart=DISTANCES, first_id=st.integers(0, 40), skipped=st.integers(1, 3), by_id=st.booleans(), repeat=st.booleans(),
    early=st.integers(0, 2), window_ms=st.sampled_from([20, 1 << 50]), start_ms=st.integers(0, 120),
    length_ms=st.integers(1, 2000), cut=st.integers(0, 70),
)  # fmt: skip
def test_each_row_comes_once_in_order_also_when_it_is_fetched_in_two_runs(
    apart: list[int], first_id: int, skipped: int, by_id: bool, repeat: bool, early: int, window_ms: int,
    start_ms: int, length_ms: int, cut: int,
) -> None:  # fmt: skip
    times = list(itertools.accumulate(apart, initial=100))
    rows = [trade(first_id + skipped * number, at_ms) for number, at_ms in enumerate(times)]
    if not by_id and len(rows) >= PAGE:  # a history that is one page looks like a venue that has no other page
        assume(len(rows) > PAGE and rows[-PAGE].at_ms - rows[-PAGE - 1].at_ms < 50)
    shelf = Shelf(
        rows, PAGE, by_id, window_ms=window_ms, last_of_window=by_id, repeat=repeat, early=0 if by_id else early
    )
    end_ms = start_ms + length_ms
    wanted = [row for row in rows if start_ms <= row.at_ms < end_ms]
    found = asyncio.run(fetched(shelf, start_ms, end_ms))
    assert rows_of(found) == wanted
    assert found[-1].at_ms == end_ms
    assert [page.at_ms for page in found] == sorted(page.at_ms for page in found)

    first = rows_of(found[: cut % len(found)])  # the run was stopped after some pages
    tail = [row for row in first if row.at_ms == first[-1].at_ms]
    assert first + rows_of(asyncio.run(fetched(shelf, start_ms, end_ms, tail))) == wanted


@given(held=st.sets(st.integers(0, 80)), exclusive=st.booleans(), count=st.integers(1, 90))
def test_bars_with_holes(held: set[int], exclusive: bool, count: int) -> None:
    rows = [bar(60 * number) for number in sorted(held)]
    shelf = Shelf(rows, PAGE, apart_ms=60, window_ms=60 * PAGE, exclusive=exclusive)
    found = rows_of(asyncio.run(fetched(shelf, -1, 60 * count)))
    assert found == [row for row in rows if row.at_ms < 60 * count]


def test_the_question_after_the_last_bar_is_not_asked() -> None:
    shelf = Shelf([bar(60 * number) for number in range(PAGE)], PAGE, apart_ms=60)
    asyncio.run(fetched(shelf, 0, 60 * PAGE))
    assert shelf.asked == 1


def test_what_came_again_is_counted_and_what_was_asked_for_again_is_not() -> None:
    rows = [bar(60 * number) for number in range(16)]
    plain = asyncio.run(fetched(Shelf(rows, PAGE, apart_ms=60), 0, 960))
    doubled = asyncio.run(fetched(Shelf(rows, PAGE, apart_ms=60, repeat=True), 0, 960))
    assert sum(page.repeats for page in plain) == 0
    assert sum(page.repeats for page in doubled) == 3  # rows 0 to 6, 6 to 12 and 12 to 15, the first of each twice


@pytest.mark.parametrize("by_id", [False, True])
def test_a_whole_page_without_anything_new_is_an_error(by_id: bool) -> None:
    if by_id:
        shelf = Shelf([trade(number, number) for number in range(20)], PAGE, by_id=True, stuck=True)
    else:
        shelf = Shelf([trade(number, 7) for number in range(20)], PAGE)  # more in one millisecond than in a page
    with pytest.raises(VenueError, match=r"shelf X/Y: a (whole )?page .* nothing new.*no way past it"):
        asyncio.run(fetched(shelf, 0, 1000))


def test_a_venue_that_gives_the_same_old_page_is_an_error() -> None:
    shelf = Shelf([bar(number) for number in range(100)], PAGE, stuck=True)
    with pytest.raises(VenueError, match="its pages do not advance"):
        asyncio.run(fetched(shelf, 0, 1 << 41))


@pytest.mark.parametrize("start_ms", [0, 50])
def test_a_venue_that_gives_its_latest_rows_only_is_an_error(start_ms: int) -> None:
    shelf = Shelf([bar(number) for number in range(100)], PAGE, only_latest=True)
    with pytest.raises(VenueError, match=r"gives its latest 8 rows only, from 1970-01-01T00:00:00.092Z on"):
        asyncio.run(fetched(shelf, start_ms, 1000))


def test_nothing_at_all_is_no_error() -> None:
    assert rows_of(asyncio.run(fetched(Shelf([]), 0, 1000))) == []
    assert rows_of(asyncio.run(fetched(Shelf([], by_id=True), 0, 1000))) == []


def test_the_first_trade_is_found_between_the_ids_in_few_questions() -> None:
    rows = [trade(number, number) for number in range(200_000)]
    shelf = Shelf(rows, 1000, by_id=True, window_ms=100_000, last_of_window=True)
    found = rows_of(asyncio.run(fetched(shelf, 60_000, 62_000)))
    assert [row.at_ms for row in found] == list(range(60_000, 62_000))
    assert shelf.asked <= 25


@pytest.mark.parametrize("by_id", [False, True])
async def test_trades_that_are_no_prices_are_left_out_but_where_ids_count(by_id: bool) -> None:
    """The page that they filled is still a whole one."""
    rows = [trade(number, 100 + number)._replace(on_book=number % 3 > 0) for number in range(20)]
    found = rows_of(await fetched(Shelf(rows, PAGE, by_id), 100, 200))
    assert found == [row for row in rows if row.on_book or by_id]
