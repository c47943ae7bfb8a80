"""Every field of every message has a column, exact to the last digit."""

from decimal import Decimal

import numpy as np
import pytest

from shared.messages import Features, Gap, GapCause, Message, Stream, Tensor, encode
from shared.messages.codec import TYPES
from shared.messages.market import BarGroup
from shared.recording.part import ReceivedEntry, message_columns, schema, table
from tests.unit.recording.entries import PLACE, raw
from tests.unit.runner.fakes import entry, prediction, report, tick


def row(stream: Stream, message: Message) -> dict[str, object]:
    made = table(stream, [ReceivedEntry(PLACE, entry(message, 7), 2)], {})
    (found,) = made.to_pylist()
    return dict(found)


def test_a_row_has_the_entry_and_the_message() -> None:
    message = tick(3).model_copy(
        update={"price": Decimal("71440.10"), "bar": BarGroup(open=2.0, high=3.0, low=1.0, volume=5.5, trades=7)}
    )
    found = row(Stream.TICKS, message)
    assert found == {
        "id": "7-0", "instance": "ingestor", "p": 3, "t": message.TAG, "k": "A", "n": 3, "h": message.human(),
        "tr": "t:A:3", "w": 1, "d": encode(message), "missing": 2,
        "ts_event": 3, "venue": "t", "price": "71440.10", "history": False, "cause": None,
        "bar_open": 2.0, "bar_high": 3.0, "bar_low": 1.0, "bar_volume": 5.5, "bar_quote_volume": None, "bar_trades": 7,
        "bar_taker_volume": None, "quote_bid": None, "quote_ask": None, "quote_bid_qty": None, "quote_ask_qty": None,
        "funding_rate": None, "funding_interval_h": None,
    }  # fmt: skip


def test_a_tensor_is_its_type_shape_and_bytes() -> None:
    values = np.array([[0.1, -2.0]], dtype=np.float32)
    message = Features(n=1, sym="A", ts_event=1, tr="t", spec="s", values=Tensor.of(values))
    found = row(Stream.FEATURES, message)
    assert (found["values_dtype"], found["values_shape"]) == ("float32", [1, 2])
    assert found["values_data"] == values.tobytes()


def test_nan_none_and_digits_are_kept() -> None:
    assert str(row(Stream.PREDICTIONS, prediction(1).model_copy(update={"y_hat": float("nan")}))["y_hat"]) == "nan"
    filled = report(1).model_copy(update={"commission": Decimal("0.03000000000000000000000000000"), "last_px": None})
    found = row(Stream.EXECUTIONS, filled)
    assert (found["commission"], found["last_px"]) == ("0.03000000000000000000000000000", None)


def test_a_gap_fits_into_every_stream() -> None:
    for stream in set(Stream) - {Stream.DEAD}:
        gap = Gap(n=4, sym="A", ts_event=9, tr="t", stream=stream, cause=GapCause.MISSED)
        assert row(stream, gap)["cause"] == "MISSED"


@pytest.mark.parametrize("entry_n", [b"", b"9" * 19])
def test_what_cannot_be_decoded_is_there_as_bytes(entry_n: bytes) -> None:
    (found,) = table(Stream.TICKS, [ReceivedEntry(PLACE, raw(7, b"A", entry_n, b"\xff\x00"), 0)], {}).to_pylist()
    assert (found["d"], found["n"], found["price"]) == (b"\xff\x00", 0, None)


def test_no_message_has_a_field_without_a_column() -> None:
    for kind in TYPES.values():
        streams = [kind.STREAM] if hasattr(kind, "STREAM") else list(set(Stream) - {Stream.DEAD})
        for stream in streams:
            known = {column.path[0] for column in message_columns(stream)} | {"sym", "n", "tr", "stream"}
            assert known >= kind.model_fields.keys()
            assert len(set(schema(stream).names)) == len(schema(stream).names)
