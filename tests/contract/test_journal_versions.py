"""Journals that other versions wrote: every fixture is read, and an older Tickline goes on with a newer one's."""

import asyncio
import json
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import create_engine, inspect

from shared.journal.database import Fenced
from shared.journal.journal import Journal
from shared.journal.tables import TABLES
from shared.messages.codec import kept
from shared.record import FIRST, WIRE
from tests.fixtures.journal import rows
from tests.fixtures.journal.make import fixture, load
from tests.journal_dump import Told, limit_of, main, told
from tests.next_version import FIELD, TEXT, make_next, run_next

pytestmark = pytest.mark.alembic
SINCE_STOPS = 5
WIRES = range(FIRST, WIRE + 1)


@pytest.fixture(scope="module")
def next_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_next(tmp_path_factory.mktemp("next"))


def loaded(url: str, wire: int) -> str:
    load(url, fixture(url.partition("+")[0].partition(":")[0].removesuffix("ql"), wire).read_text("utf-8"))
    return url


@pytest.mark.parametrize("wire", WIRES)
async def test_what_any_version_wrote_is_read(journal_url: str, wire: int) -> None:
    async with await Journal.open(loaded(journal_url, wire), rows.ACCOUNT, durable=True, create=False) as journal:
        assert await journal.orders(open_only=False) == rows.orders_at(wire)
        assert await journal.fills() == rows.FILLS
        assert await journal.funding() == rows.FUNDING
        assert list((await journal.latches()).values()) == rows.LATCHES
        assert await journal.arming() == rows.ARMING
        assert await journal.externals() == rows.EXTERNALS
        assert await journal.events(10) == rows.EVENTS
        assert await journal.stops(since_ms=0) == (rows.STOPS if wire >= SINCE_STOPS else [])
        assert await journal.naked() == (rows.NAKED if wire >= SINCE_STOPS else [])
        assert (await journal.bus_id(), (await journal.epoch())[:2]) == (rows.BUS_ID, (1, rows.OWNER))
        limits = await journal.limits()
        assert {name: kept(limit_of(name), value) for name, value in limits.items()} == rows.LIMITS
        said = (await told(journal))["reports"]
    wanted = {f"{rows.BOOKS[sym]} {one.n}": one.content() for sym, many in rows.REPORTS.items() for one in many}
    assert said == {key: {name: repr(value) for name, value in one.items()} for key, one in wanted.items()}


async def test_columns_that_came_later_have_a_default_in_the_database(journal_url: str) -> None:
    """An older Tickline writes rows without them."""
    engine = create_engine(loaded(journal_url, FIRST))
    old = [table for table in TABLES if inspect(engine).has_table(table.name)]
    first = {table.name: {column["name"] for column in inspect(engine).get_columns(table.name)} for table in old}
    await (await Journal.open(journal_url, "main", durable=True)).close()
    for table in old:
        now = inspect(engine).get_columns(table.name)
        assert first[table.name] <= {column["name"] for column in now}
        later = [column for column in now if column["name"] not in first[table.name]]
        assert all(column["nullable"] or column["default"] is not None for column in later), table.name
    engine.dispose()


async def test_up_down_and_up_again(journal_url: str, next_version: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loaded(journal_url, WIRE)

    async def by_the_next(who: str) -> Told:
        said = await asyncio.to_thread(run_next, next_version, "-m", "tests.journal_dump", journal_url, who)
        return cast(Told, json.loads(said))

    async def by_this(who: str) -> Told:
        await main(journal_url, who)
        return cast(Told, json.loads(capsys.readouterr().out))

    async with await Journal.open(journal_url, rows.ACCOUNT, durable=True) as running:
        assert await running.orders(open_only=False) == rows.orders_at(WIRE)
        up = await by_the_next("up")
        assert len(await running.events(10)) == len(rows.EVENTS) + 1, "whoever runs meanwhile goes on"
        with pytest.raises(Fenced, match="up holds 2"):
            await running.write([rows.ORDERS[0]], 1)
    marked = {key for key, value in later(up).items() if value == repr(TEXT)}
    assert marked == {
        *(f"orders {number:032x}" for number in (5, 14, 17, 18)), f"reports {rows.BOOKS[rows.BTC]} 7",
        "limits equity_marks", "limits orders_per_minute",
    }  # fmt: skip
    assert await by_this("") == known(up), "nothing is lost that this version knows"
    down = await by_this("down")
    assert down["orders"][f"{5:032x}"]["state"] != up["orders"][f"{5:032x}"]["state"]
    again = await by_the_next("")
    assert known(again) == down
    counted = "limits orders_per_minute"  # the older one's own order is in it: it wrote that anew
    kept_on = {key for key, value in later(again).items() if value == repr(TEXT)}
    assert kept_on == marked - {counted}, "nor what it does not know"
    assert f"reports {rows.BOOKS[rows.ETH]} 7" not in later(again), "what it wrote has the default"


def known(said: Told) -> Told:
    """Without what only the next version knows."""
    return {
        kind: {key: {name: value for name, value in fields.items() if name != FIELD} for key, fields in many.items()}
        for kind, many in said.items()
    }


def later(said: Told) -> dict[str, str]:
    """What only the next version knows."""
    every = {f"{kind} {key}": fields for kind, many in said.items() for key, fields in many.items()}
    return {key: fields[FIELD] for key, fields in every.items() if FIELD in fields}
