"""What `tail` leaves out: a message that stands in a stream twice to the letter."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import redis

from services.console.run.streams import REMEMBERED, Repeats, newest_entries
from services.console.tail import (
    RENAMED,
    DecisionsAround,
    Row,
    TailOptions,
    _where,
    _with_recorded,
    json_line,
    nothing,
    said_of,
    text_line,
)
from shared.bus.api import BusLost
from shared.bus.embedded import EmbeddedBus
from shared.bus.entry import START, Entry
from shared.config import Settings, load_settings
from shared.lookup import Found
from shared.lookup.lookup import Reach
from shared.lookup.stores import TimeSpan
from shared.messages import Decision, Leg, OrderIntent, OrderStatus, RangeReading, Reason, Stream
from shared.messages.codec import TYPES
from shared.messages.monitor import BOOK, Measure
from shared.record import WIRE
from shared.runner.service import make_bus
from shared.wall_time import UTC_TIME
from tests.servers import free_port
from tests.unit.lookup.world import World
from tests.unit.runner.fakes import report

NOON = 1_763_985_600_000_000_000
KEY = "tickline:ticks:{ingestor.3}"


def entry(n: int, d: bytes = b"x", k: str = "A", tr: str = "t") -> Entry:
    return Entry(b"1-1", [b"k", k.encode(), b"n", b"%d" % n, b"tr", tr.encode(), b"d", d])


def test_only_what_is_the_same_to_the_letter_is_a_repeat() -> None:
    """Where the same number says something else, a person wants to see it."""
    repeats = Repeats()
    shown = [entry(1), entry(2), entry(1, k="B"), entry(1, d=b"y"), entry(1, tr="u")]
    assert [repeats.seen(x) for x in (*shown, *shown)] == [False] * 5 + [True] * 5


def test_what_it_remembers_is_bounded() -> None:
    repeats = Repeats()
    assert not any(repeats.seen(entry(n)) for n in range(REMEMBERED + 1))
    assert repeats.seen(entry(2))
    assert not repeats.seen(entry(0))


async def test_a_bus_that_is_not_there_is_said_in_one_clear_line() -> None:
    settings = load_settings(bus={"url": f"redis://127.0.0.1:{free_port()}/0"})
    with pytest.raises(BusLost) as lost:
        await make_bus(settings).connect()
    recorded = {Stream.TICKS: TimeSpan(NOON - 60 * 10**9, NOON)}
    options = TailOptions(Stream.TICKS, None, None, None, None, False, False, None, UTC_TIME)
    assert _where(Reach({}, recorded, str(lost.value), "", {}), options) == (
        f"bus {settings.bus.url}: cannot connect: Connection refused; from the recording, written since 2025-11-24 "
        "11:59:00 UTC until 2025-11-24 12:00:00 UTC"
    )


async def test_what_the_monitor_says_of_all_symbols_is_found_by_time_too(tmp_path: Path) -> None:
    world = World(tmp_path, ("A",))
    of_books = RangeReading(
        n=1, sym=BOOK, ts_event=5, tr="t", what=Measure.EQUITY, name="", value=0.1, low=-1.0, high=1.0, count=30
    )
    world.write(of_books, of_books.model_copy(update={"sym": "A"}))
    options = TailOptions(Stream.MONITOR, None, None, "1970-01-01", None, False, False, None, UTC_TIME)
    assert {row.sym for row in await _with_recorded(options, world.lookup(), [])} == {BOOK, "A"}


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[EmbeddedBus]:
    with EmbeddedBus(tmp_path, append_only=False) as bus:
        yield bus


async def test_a_repeated_entry_is_shown_once_and_counts_once(bus: EmbeddedBus) -> None:
    settings = Settings(bus={"url": bus.url})  # type: ignore[arg-type]
    with redis.Redis.from_url(bus.url) as client:
        for w, n in enumerate((1, 2, 3, 2, 3, 4)):
            client.xadd(KEY, {"t": "MarketTick/3", "k": "SIM-A", "n": n, "h": "h", "tr": f"tr{n}", "d": "d", "w": w})
    found, ends = await newest_entries(make_bus(settings), settings, Stream.TICKS, None, 3)
    assert [x.n for x in found] == [2, 3, 4]
    assert {place.p for (_, place), end in ends.items() if end != START} == {3}
    everything, _ = await newest_entries(make_bus(settings), settings, Stream.TICKS, None, 100)
    assert [x.n for x in everything] == [1, 2, 3, 4]


def test_what_a_newer_tickline_wrote_is_shown_and_said() -> None:
    """Its line for a person is there all the same; the fields are not."""
    fields = [
        b"t",
        b"MarketTick/%d" % (WIRE + 1),
        b"k",
        b"A",
        b"n",
        b"2",
        b"h",
        b"A 5",
        b"tr",
        b"t",
        b"w",
        b"%d" % NOON,
    ]
    seen = Row.of_entry(Entry(b"1-1", fields))
    assert text_line(seen, UTC_TIME) == "2025-11-24 12:00:00 UTC  n=2  A 5  [t]  newer"
    told = json.loads(json_line(seen))
    assert told["why"] == f"a MarketTick was written by a newer Tickline (wire {WIRE + 1}; this one knows {WIRE})"
    assert (told["n"], told["undecoded"], told["id"], told["read_from"]) == (2, "", "1-1", "bus")
    assert text_line(Row.of_entry(entry(2)), UTC_TIME) == "1970-01-01 00:00:00 UTC  n=2    [t]"


def test_what_stands_beside_a_message_hides_none_of_its_fields() -> None:
    row = Row.of_entry(Entry(b"1-1", [b"n", b"2", b"h", b"A 5", b"tr", b"t", b"w", b"1", b"t", b"?"]))
    beside = json.loads(json_line(row)).keys() - {"n", "sym", "tr"}
    assert beside >= {"id", "type", "w", "read_from"}
    for message in TYPES.values():
        assert not beside & {RENAMED.get(name, name) for name in message.model_fields}, message


def decision(*orders: str, reason: Reason | None = None) -> Decision:
    return Decision(
        n=7, sym="A", ts_event=NOON + 5_000_000, tr="t", tick_n=5, prediction_n=5, booked_n=0, y_hat=0.0008,
        balance=Decimal(100), signed_qty=Decimal("-1.50"), orders=orders, reason=reason,
    )  # fmt: skip


def order(qty: str, leg: Leg, name: str) -> OrderIntent:
    return OrderIntent(
        n=3, sym="A", ts_event=NOON, tr="t", tick_n=5, client_order_id=name, leg=leg, signed_qty=Decimal(qty),
        reduce_only=False, price=Decimal(70), valid_until=0, after=None,
    )  # fmt: skip


def test_a_line_has_y_hat_price_side_and_reason() -> None:
    first, second = "1" * 32, "2" * 32
    intents = {first: order("1.5", Leg.CLOSE, first), second: order("0.5", Leg.OPEN, second)}
    around = DecisionsAround({("A", 5): Decimal("70.1")}, intents)
    held = decision(reason=Reason.NO_CHANGE)
    assert said_of(held, around) == "A y_hat=+0.000800 at 70.1 no order: NO_CHANGE, position -1.5"
    assert said_of(held) == "A y_hat=+0.000800 no order: NO_CHANGE, position -1.5"
    both = decision(first, second)
    assert said_of(both, around) == "A y_hat=+0.000800 at 70.1 BUY 1.5 (close), BUY 0.5 (open)"
    assert said_of(both) == "A y_hat=+0.000800 2 orders", "as while it follows"
    assert said_of(intents[first]) == "BUY 1.5 A (close) at 70"
    filled = report(1).model_copy(update={"last_qty": Decimal("-0.5"), "commission": Decimal("0.10")})
    assert said_of(filled) == "A FILLED SELL 0.5 at 1 fee 0.1"
    partly = filled.model_copy(update={"status": OrderStatus.EXPIRED, "reason": Reason.ENDED_BY_VENUE})
    assert said_of(partly) == "A EXPIRED SELL 0.5 at 1 fee 0.1 ENDED_BY_VENUE"
    refused = filled.model_copy(
        update={"status": OrderStatus.REJECTED, "reason": Reason.HALTED, "last_px": None, "last_qty": Decimal(0)}
    )
    assert said_of(refused) == "A REJECTED HALTED"
    line = text_line(Row.of_found(Found(both, NOON, "recording")), UTC_TIME, around)
    assert line == f"2025-11-24 12:00:00.005 UTC  n=7  {said_of(both, around)}  [t]"


def test_where_there_is_nothing_that_is_said_and_a_name_that_the_config_lacks() -> None:
    def said(sym: str | None, since: str | None = None) -> str:
        options = TailOptions(Stream.ORDERS, sym, None, since, None, False, False, None, UTC_TIME)
        return nothing(options, Settings(symbols=("A", "B")))

    assert said(None) == "tail: nothing is known on orders"
    assert said("A", "2h") == "tail: nothing of A is known on orders in that time"
    assert said("btc") == "tail: nothing of btc is known on orders: the config's symbols are A, B"
