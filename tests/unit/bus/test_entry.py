"""Entries: what a person reads, and any bytes at all without a crash."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bus.entry import Entry, Outgoing
from shared.messages import MarketTick, Stream, decode

TICK = MarketTick(n=7, sym="BTCUSDT", ts_event=5, tr="replay:BTCUSDT:5:7", venue="replay", price=Decimal("71440.10"))
NAMES = [b"t", b"k", b"n", b"h", b"tr", b"d", b"w"]
PAIRS = st.lists(st.tuples(st.sampled_from([*NAMES, b"x", b""]) | st.binary(max_size=4), st.binary(max_size=30)))


def test_the_entry_of_a_message() -> None:
    out = Outgoing.of(TICK)
    assert out[:6] == (Stream.TICKS, MarketTick.TAG, "BTCUSDT", 7, "BTCUSDT 71440.10", "replay:BTCUSDT:5:7")
    assert decode(out.t, out.d) == TICK


def fields(**changed: bytes) -> list[bytes]:
    out = Outgoing.of(TICK)
    values = dict(zip(NAMES, (*(v if isinstance(v, bytes) else str(v).encode() for v in out[1:]), b"99"), strict=True))
    values.update({name.encode(): value for name, value in changed.items()})
    return [part for pair in values.items() for part in pair]


def test_an_entry_is_read_as_it_was_written() -> None:
    entry = Entry(b"5-0", fields())
    assert (entry.id, entry.t, entry.k, entry.n, entry.tr, entry.w) == (
        b"5-0", MarketTick.TAG.encode(), "BTCUSDT", 7, "replay:BTCUSDT:5:7", 99,
    )  # fmt: skip
    assert decode(entry.t, entry.d) == TICK
    assert repr(entry) == f"Entry(5-0 {MarketTick.TAG} BTCUSDT n=7)"


def test_the_order_of_the_fields_does_not_matter() -> None:
    flat = fields()
    turned = [part for i in range(len(flat) - 2, -1, -2) for part in flat[i : i + 2]]
    one, other = Entry(b"5-0", flat), Entry(b"5-0", turned)
    assert [getattr(one, name) for name in Entry.__slots__] == [getattr(other, name) for name in Entry.__slots__]


@pytest.mark.parametrize("n", [b"", b"-1", b"1.0", b"+1", b" 1", b"1_0", b"\xd9\xa1", b"0x1", b"9" * 20, b"9" * 5_000])
def test_what_is_no_number_is_zero(n: bytes) -> None:
    entry = Entry(b"5-0", fields(n=n, w=n))
    assert (entry.n, entry.w) == (0, 0)


def test_the_largest_number_is_exact() -> None:
    assert Entry(b"5-0", fields(n=b"%d" % (2**63 - 1))).n == 2**63 - 1


@given(PAIRS)
def test_any_fields_make_an_entry(pairs: list[tuple[bytes, bytes]]) -> None:
    entry = Entry(b"5-0", [part for pair in pairs for part in pair])
    assert entry.n >= 0
    assert not entry.settled
    repr(entry)
    entry.k.encode()


@given(st.lists(st.binary(max_size=30), min_size=7, max_size=7))
def test_any_values_make_an_entry(values: list[bytes]) -> None:
    flat = [part for pair in zip(NAMES, values, strict=True) for part in pair]
    entry = Entry(b"5-0", flat)
    assert (entry.t, entry.h, entry.d) == (values[0], values[3], values[5])
    assert entry.k == values[1].decode(errors="replace")
