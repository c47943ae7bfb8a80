"""What a run collects of its streams, where a newer Tickline wrote some of it."""

from services.console.collector import OrderCollector
from services.console.refusals import Ended, RefusalCounter
from shared.bus.entry import Entry
from shared.bus.memory_bus import MemoryBus
from shared.config import Settings
from shared.messages import OrderIntent, encode
from shared.record import WIRE
from tests.unit.gateway.test_paper_stage import order


def entry(kind: str, n: int, d: bytes = b"") -> Entry:
    fields = (b"t", kind.encode(), b"k", b"BTCUSDT", b"n", b"%d" % n, b"h", b"", b"tr", b"t", b"d", d, b"w", b"9")
    return Entry(b"%d-0" % n, fields)


def bus() -> MemoryBus:
    return MemoryBus(lease_s=1, maxlens={})


def test_orders_that_are_not_all_there_are_not_compared() -> None:
    collector = OrderCollector(bus(), Settings())
    collector.take(entry(OrderIntent.TAG, 1, encode(order(1))))
    assert (list(collector.orders["BTCUSDT"]), collector.newer) == ([1], "")
    collector.take(entry("OrderIntent/3", 2, b"?"))
    assert collector.newer == "", "that one is missing"
    collector.take(entry(f"OrderIntent/{WIRE + 1}", 3))
    assert "written by a newer Tickline" in collector.newer


def test_a_newer_report_ends_no_count() -> None:
    counter = RefusalCounter(bus(), Settings(), since_ns=0)
    counter.take(entry(f"ExecutionReport/{WIRE + 1}", 1))
    assert counter.ended == Ended()
