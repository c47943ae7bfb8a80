"""Page after page of an exchange's history, each row once, however the exchange cuts, repeats and overlaps its pages.

By time: every page begins at the time of the last row that is known, that row included, so that rows of one millisecond
are not lost where a page was cut between them. By id, where the exchange counts its trades: behind the last.

An exchange may answer with less than it was asked for in ways that look like success. What it gives is therefore held
against what it gave before: a page that brings nothing new, a page of its latest rows where older ones were asked for,
and nothing at all for the time of a row that it has, are errors. Each loop moves on with each page, so it ends.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import NamedTuple, Protocol

from services.research.download.kinds import HistoryRow, in_order
from shared.errors import VenueError
from shared.history.times import time_text
from shared.plural import plural


class HistorySource(Protocol):
    """A HistorySource is the history of one market; every answer is in order of time."""

    @property
    def name(self) -> str:
        """Returns the exchange and the market, as errors name them."""

    @property
    def by_id(self) -> bool:
        """Says whether `behind` works here: ids are numbers that ascend with time."""

    @property
    def apart_ms(self) -> int:
        """Returns the least time between two rows, in ms; 0 where they may share a time."""

    def limit(self, at_ms: int, end_ms: int) -> int:
        """Returns how many rows to ask for at once, at least 2."""

    def cut_from(self, limit: int) -> int:
        """Returns how long a page is that may have been cut off by the exchange."""

    def step_ms(self, limit: int) -> int:
        """Returns how much time an empty page of this limit covers."""

    async def since(self, at_ms: int, limit: int) -> list[HistoryRow]:
        """Asks for the first rows from this time on."""

    async def behind(self, last_id: int, limit: int) -> list[HistoryRow]:
        """Asks for the first rows whose id is above this one."""

    async def latest(self, limit: int) -> list[HistoryRow]:
        """Asks for the exchange's latest rows."""


class HistoryPage(NamedTuple):
    """A HistoryPage holds new rows, in order.

    - repeats: how many came again.
    - at_ms: how far it was read.
    """

    rows: list[HistoryRow]
    repeats: int
    at_ms: int


async def pages(
    source: HistorySource, start_ms: int, end_ms: int, tail: Sequence[HistoryRow] = ()
) -> AsyncIterator[HistoryPage]:
    """Yields all rows from `start_ms` until before `end_ms` that are not in or before `tail`, the last ones known.

    Trades that are no prices are left out, but where the ids count: there they would be missing. The last page says
    `end_ms`. Raises VenueError where the exchange's answers do not add up to a history.
    """
    walk = _by_id if source.by_id else _by_time
    async for page in walk(source, start_ms, end_ms, tail):
        rows = [row for row in page.rows if start_ms <= row.at_ms < end_ms and (row.on_book or source.by_id)]
        yield HistoryPage(rows, page.repeats, min(max(page.at_ms, start_ms), end_ms))
    yield HistoryPage([], 0, end_ms)


async def _by_time(
    source: HistorySource, start_ms: int, end_ms: int, tail: Sequence[HistoryRow]
) -> AsyncIterator[HistoryPage]:
    # A ms earlier where nothing is known: some exchanges give what is after the time that is asked for, not from it on.
    at_ms, known = start_ms - 1, frozenset[tuple[int, str]]()
    if tail and tail[-1].at_ms >= start_ms:
        at_ms, known = tail[-1].at_ms, _keys_at(tail[-1].at_ms, tail)
    looks_back = False
    while at_ms + (source.apart_ms if known else 0) < end_ms:
        limit = source.limit(at_ms, end_ms)
        rows = await source.since(at_ms, limit)
        keys = {row.key for row in rows}
        new = _unknown(rows, at_ms, known)
        page = HistoryPage(new, len(rows) - len(new) - len(keys & known), at_ms)
        if new:
            later = new[0].at_ms > at_ms + max(source.apart_ms, 1)
            if later and not keys & known and len(keys) >= source.cut_from(limit):
                await _refuse_only_latest(source, new[0], at_ms, limit)
            last_ms = new[-1].at_ms
            known = _keys_at(last_ms, new) | (known if last_ms == at_ms else frozenset())
            at_ms = last_ms
        elif len(keys) >= limit:
            raise VenueError(
                f"{source.name}: a whole page of {plural(limit, 'row')} from {_text(at_ms)} on has nothing new, "
                "so there is no "
                f"way past it: report it to the exchange, or pass a --from behind it"
            )
        elif rows:
            at_ms, known = at_ms + max(source.apart_ms, 1), frozenset()
        else:
            if not looks_back:
                await _refuse_blind(source, at_ms)
                looks_back = True
            at_ms += max(source.step_ms(limit) - 1, 1)
        yield page._replace(at_ms=at_ms)


async def _by_id(
    source: HistorySource, start_ms: int, end_ms: int, tail: Sequence[HistoryRow]
) -> AsyncIterator[HistoryPage]:
    last_id = max((int(row.id) for row in tail), default=None)
    if last_id is None:
        last_id = await _id_before(source, start_ms, end_ms)
    at_ms = start_ms
    while last_id is not None and at_ms < end_ms:
        rows = await source.behind(last_id, source.limit(at_ms, end_ms))
        new = sorted({int(row.id): row for row in rows if int(row.id) > last_id}.items())
        if rows and not new:
            raise VenueError(
                f"{source.name}: a page behind trade {last_id} has nothing new, so there is no way past it: "
                f"try again later"
            )
        if not new:
            return
        last_id, at_ms = new[-1][0], max(at_ms, new[-1][1].at_ms)
        yield HistoryPage([row for _, row in new], len(rows) - len(new), at_ms)


async def _id_before(source: HistorySource, start_ms: int, end_ms: int) -> int | None:
    """Finds an id before the first trade at or after `start_ms`, less than a page before it; None without trades.

    An exchange may answer a question for a time with the last trades of that time's window instead of the first, so the
    place is found between the ids.
    """
    limit = source.limit(start_ms, end_ms)
    near = await source.since(start_ms, limit) or await source.latest(limit)
    if not near:
        return None
    ids = sorted((int(row.id), row.at_ms) for row in near)
    if ids[0][1] < start_ms:
        return max((number for number, at_ms in ids if at_ms < start_ms), default=None)
    high, low, step = ids[0][0], ids[0][0], limit  # `high` is not before the start; `low` will be
    while low > 0:
        low = max(high - step, 0)
        first = (await source.behind(low - 1, 2))[:1]
        if not first or first[0].at_ms < start_ms:
            break
        high, step = min(low, high), step * 4
    while high - low > limit:
        middle = (low + high) // 2
        first = (await source.behind(middle - 1, 2))[:1]
        if first and first[0].at_ms < start_ms:
            low = max(int(first[0].id), middle)
        else:
            high = middle
    return low - 1


async def _refuse_only_latest(source: HistorySource, first: HistoryRow, asked_ms: int, limit: int) -> None:
    """Refuses latest rows for older ones: many exchanges ignore the time that is asked for."""
    latest = await source.latest(limit)
    if latest and latest[0].key == first.key:
        raise VenueError(
            f"{source.name}: gives its latest {plural(len(latest), 'row')} only, from {_text(first.at_ms)} on, "
            f"not those from {_text(asked_ms)} on: pass a later --from, or take another exchange"
        )


async def _refuse_blind(source: HistorySource, nothing_since_ms: int) -> None:
    """Refuses an exchange that gives nothing for its own latest row's time, where a page is empty."""
    latest = await source.latest(2)
    if not latest or latest[-1].at_ms < nothing_since_ms:
        return
    wanted = latest[-1].at_ms
    if not await source.since(wanted - 1, 2):
        raise VenueError(
            f"{source.name}: gives nothing from {_text(nothing_since_ms)} on, nor its latest row of {_text(wanted)} "
            f"when asked for it: its pages do not advance: try again later, or take another exchange"
        )


def _unknown(rows: Sequence[HistoryRow], at_ms: int, known: Collection[tuple[int, str]]) -> list[HistoryRow]:
    new = {row.key: row for row in rows if row.at_ms >= at_ms and row.key not in known}
    return sorted(new.values(), key=in_order)


def _keys_at(at_ms: int, rows: Sequence[HistoryRow]) -> frozenset[tuple[int, str]]:
    return frozenset(row.key for row in rows if row.at_ms == at_ms)


def _text(at_ms: int) -> str:
    return time_text(at_ms * 1_000_000)
