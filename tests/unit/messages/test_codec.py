"""The codec: every message comes back as it was, and any other bytes give a DecodeError."""

import math
import random
from decimal import Decimal
from typing import Any, get_args

import msgpack
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import Field

from shared.messages import (
    Decision,
    DecodeError,
    DriftReading,
    ExecutionReport,
    Features,
    Gap,
    GapCause,
    LateBars,
    Leg,
    MarketTick,
    Message,
    OrderIntent,
    OrderStatus,
    OrderType,
    Origin,
    Prediction,
    RangeReading,
    Reason,
    StopKind,
    Stream,
    Tensor,
    TimeInForce,
    decode,
    encode,
)
from shared.messages.codec import CONTENT_BYTES, DECIMAL_EXT, TYPES, content_hash, is_kept, keep, kept, pack, unpack
from shared.messages.market import BarGroup, FundingGroup, QuoteGroup
from shared.messages.monitor import DriftMoved, DriftState, Measure
from shared.messages.reasons import reason_at
from shared.record import WIRE, WIRE_FIELD, NewerWire, Record

INT64 = st.integers(0, 2**63 - 1)
COUNT = st.integers(1, 2**63 - 1)
DECIMAL = st.decimals(allow_nan=False, allow_infinity=False).filter(
    lambda d: abs(d.adjusted()) < 1000 and len(str(d)) <= 80
)
PRICE = DECIMAL.map(Decimal.copy_abs).filter(bool)
TEXT = st.text(max_size=20)
ORDER_ID = st.from_regex(r"[A-Za-z0-9]{8,36}", fullmatch=True)
BASE = {"n": COUNT, "sym": st.text(min_size=1, max_size=64), "ts_event": INT64, "tr": st.text(min_size=1, max_size=160)}
REASON = st.none() | st.sampled_from(Reason)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
AMOUNT = st.floats(0, allow_infinity=False)
POSITIVE = st.floats(0, allow_infinity=False, exclude_min=True)
GROUPS: dict[str, st.SearchStrategy[Any]] = {
    "bar": st.none()
    | st.builds(
        BarGroup,
        open=POSITIVE,
        high=POSITIVE,
        low=POSITIVE,
        volume=AMOUNT,
        quote_volume=st.none() | AMOUNT,
        trades=st.none() | INT64,
        taker_volume=st.none() | AMOUNT,
    ),
    "quote": st.none() | st.builds(QuoteGroup, bid=POSITIVE, ask=POSITIVE, bid_qty=AMOUNT, ask_qty=AMOUNT),
    "funding": st.none() | st.builds(FundingGroup, rate=FINITE, interval_h=st.none() | COUNT),
}


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    shape = tuple(draw(st.lists(st.integers(1, 4), max_size=3)))
    data = draw(st.binary(min_size=math.prod(shape) * dtype().itemsize, max_size=math.prod(shape) * dtype().itemsize))
    return Tensor.of(np.frombuffer(data, dtype=dtype).reshape(shape))


def build(kind: type[Message], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Message]:
    return st.builds(kind, **(BASE | fields))


INTENT: dict[str, st.SearchStrategy[Any]] = {
    "tick_n": INT64,
    "client_order_id": ORDER_ID,
    "leg": st.sampled_from(Leg),
    "signed_qty": DECIMAL,
    "reduce_only": st.booleans(),
    "price": PRICE,
    "valid_until": INT64,
    "after": st.none() | ORDER_ID,
    "by": st.text(max_size=64),
    "origin": st.sampled_from(Origin),
    "trigger_price": st.none() | PRICE,
    "stop": st.none() | st.sampled_from(StopKind),
}
LIMIT: dict[str, st.SearchStrategy[Any]] = {
    "type": st.just(OrderType.LIMIT),
    "limit_price": PRICE,
    "time_in_force": st.sampled_from(TimeInForce),
}
MESSAGES: dict[type[Message], st.SearchStrategy[Message]] = {
    MarketTick: build(MarketTick, venue=TEXT, price=PRICE, history=st.booleans(), **GROUPS),
    Gap: build(Gap, stream=st.sampled_from(Stream), cause=st.sampled_from(GapCause)),
    Features: build(Features, spec=TEXT, values=tensors()),
    Prediction: build(
        Prediction,
        tick_n=INT64,
        price=PRICE,
        y_hat=st.none() | st.floats(),
        model=TEXT,
        history=st.booleans(),
        **GROUPS,
    ),
    Decision: build(
        Decision,
        tick_n=INT64,
        prediction_n=INT64,
        booked_n=INT64,
        y_hat=st.none() | st.floats(allow_nan=False, allow_infinity=False),
        balance=DECIMAL,
        signed_qty=DECIMAL,
        orders=st.lists(ORDER_ID, max_size=3).map(tuple),
        reason=REASON,
        origin=st.sampled_from(Origin),
        target=st.none() | DECIMAL,
    ),
    OrderIntent: st.one_of(build(OrderIntent, **INTENT), build(OrderIntent, **INTENT, **LIMIT)),
    ExecutionReport: build(
        ExecutionReport,
        tick_n=INT64,
        order_n=INT64,
        client_order_id=ORDER_ID,
        leg=st.sampled_from(Leg),
        status=st.sampled_from(OrderStatus),
        last_qty=DECIMAL,
        last_px=st.none() | PRICE,
        commission=DECIMAL,
        reason=REASON,
    ),
    DriftReading: build(
        DriftReading,
        net=FINITE,
        syms=st.lists(st.text(min_size=1, max_size=64), max_size=3).map(tuple),
        nets=st.lists(FINITE, max_size=3).map(tuple),
        x=FINITE,
        decay=AMOUNT,
        claim=AMOUNT,
        edge=AMOUNT,
        held=INT64,
        warn_bars=INT64,
        latch_bars=INT64,
        state=st.sampled_from(DriftState),
        moved=st.sampled_from(DriftMoved),
    ),
    RangeReading: build(
        RangeReading,
        what=st.sampled_from(Measure),
        name=st.text(max_size=300),
        value=FINITE,
        low=FINITE,
        high=FINITE,
        count=INT64,
    ),
    LateBars: build(LateBars, since=INT64, book=st.booleans()),
}
ANY_MESSAGE = st.one_of(*MESSAGES.values())
ANY_VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=30)
    | st.binary(max_size=30)
    | st.decimals()
    | st.sampled_from([Decimal("1E+9999999"), Decimal("-1E-9999999"), Decimal("sNaN"), Decimal("-Infinity")]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def bits(message: Message) -> bytes:
    """Equal bytes mean equal content: NaN, -0.0 and a Decimal's trailing zeros included."""
    return encode(message)


def taken_or_refused(tag: str | bytes, data: bytes) -> Message | None:
    """What `decode` makes of it: a whole message of that type, or one line."""
    line = ""
    try:
        message = decode(tag, data)
    except DecodeError as error:
        line = str(error)
    if line:
        assert "\n" not in line
        assert len(line) < 1000
        return None
    assert isinstance(message, TYPES[(tag.decode() if isinstance(tag, bytes) else tag).partition("/")[0]])
    assert bits(decode(tag, bits(message))) == bits(message)
    assert isinstance(message.human(), str)
    return message


def test_every_message_is_tried_here() -> None:
    assert set(MESSAGES) == set(TYPES.values())


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
@given(st.data())
def test_round_trip(kind: type[Message], data: st.DataObject) -> None:
    message = data.draw(MESSAGES[kind])
    wire = encode(message)
    for tag in (kind.TAG, kind.TAG.encode()):
        back = decode(tag, wire)
        assert type(back) is kind
        assert bits(back) == wire
        assert [type(value) for value in back.content().values()] == [
            type(value) for value in message.content().values()
        ]
        if not any(isinstance(value, float) and math.isnan(value) for value in message.content().values()):
            assert back == message
    human = message.human()
    assert human
    assert message.to in Stream


@given(
    st.decimals(allow_nan=False, allow_infinity=False).filter(lambda d: len(str(d)) <= 80 and abs(d.adjusted()) < 1000)
)
def test_decimals_keep_every_digit(number: Decimal) -> None:
    back = unpack(pack(number))
    assert str(back) == str(number)
    assert back.as_tuple() == number.as_tuple()


@given(st.lists(st.floats(width=32), min_size=1, max_size=8))
def test_float32_tensors_keep_every_bit(values: list[float]) -> None:
    array = np.array(values, dtype=np.float32)
    message = Features(n=1, sym="A", ts_event=1, tr="t", spec="s", values=Tensor.of(array))
    back = decode(Features.TAG, encode(message))
    assert isinstance(back, Features)
    assert back.values.numpy().dtype == np.float32
    assert back.values.numpy().tobytes() == array.tobytes()


@given(st.floats())
def test_a_prediction_keeps_every_bit_of_y_hat(y_hat: float) -> None:
    message = Prediction(n=1, sym="A", ts_event=1, tr="t", tick_n=1, price=Decimal(1), y_hat=y_hat, model="m")
    back = decode(Prediction.TAG, encode(message))
    assert isinstance(back, Prediction)
    assert np.float64(back.y_hat).tobytes() == np.float64(y_hat).tobytes()


TAGS = st.sampled_from([tag for kind in TYPES.values() for tag in (kind.TAG, kind.TAG.encode())])


@given(TAGS, st.binary(max_size=300))
@example("MarketTick/4", b"")
@example("MarketTick/4", b"\xc1")
@example("MarketTick/4", b"\x91" * 100_000)
@example("MarketTick/4", b"\x81\xa1n" * 100_000)
@example("MarketTick/4", b"\xdd\xff\xff\xff\xff")
@example("MarketTick/4", b"\xd7\xff" + b"\xff" * 8)
@example("MarketTick/4", b"\x81\xc4\x01n\x01")
@example("MarketTick/4", b"\x81\xa2\xff\xfe\x01")
@example("MarketTick/4", b"\x00" * 1_000_001)
def test_any_bytes_are_a_message_or_a_decode_error(tag: str | bytes, data: bytes) -> None:
    taken_or_refused(tag, data)


@given(st.text(max_size=100) | st.binary(max_size=100), st.binary(max_size=50))
@example("MarketTick/2", b"\x80")
@example(b"MarketTick/03x", b"\x80")
@example(b"\xff\n", b"\x80")
def test_an_unknown_type_is_a_decode_error(tag: str | bytes, data: bytes) -> None:
    assert taken_or_refused(tag, data) is None


@given(ANY_MESSAGE, st.randoms(use_true_random=False))
def test_damaged_messages_are_a_message_or_a_decode_error(message: Message, chance: random.Random) -> None:
    data = bytearray(encode(message))
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(data))
        match chance.randrange(3):
            case 0:
                data[place] = chance.randrange(256)
            case 1:
                data[place:place] = chance.randbytes(chance.randint(1, 5))
            case _:
                del data[place : place + chance.randint(1, 9)]
        if not data:
            break
    taken_or_refused(chance.choice(list(TYPES)), bytes(data))


@given(ANY_MESSAGE, st.data())
def test_a_field_of_any_other_value_is_a_message_or_a_decode_error(message: Message, data: st.DataObject) -> None:
    fields: dict[str, Any] = dict(message.content())
    name = data.draw(st.sampled_from(sorted(fields)) | TEXT)
    fields[name] = data.draw(ANY_VALUE)
    taken_or_refused(type(message).TAG, pack(fields))


@given(
    st.sampled_from(["float32", "float64", "int8"]),
    st.lists(st.integers(-3, 2**63 - 1), max_size=9),
    st.binary(max_size=64),
)
@example("float32", [0, 2**63 - 1], b"")
@example("float32", [0, 2**62, 2**62], b"")
@example("float32", [0, -1], b"")
def test_a_tensor_that_does_not_fit_is_refused(dtype: str, shape: list[int], data: bytes) -> None:
    values = {"dtype": dtype, "shape": shape, "data": data}
    fields = {"n": 1, "sym": "A", "ts_event": 1, "tr": "t", "spec": "s", "values": values}
    message = taken_or_refused(Features.TAG, pack(fields))
    if isinstance(message, Features):
        assert message.values.numpy().shape == tuple(shape)


@pytest.mark.parametrize("digits", [b"1E+9999999", b"-1E-9999999", b"1E+1000", b"0E-1000"])
def test_a_number_with_which_nobody_can_calculate_is_refused(digits: bytes) -> None:
    with pytest.raises(DecodeError, match="out of range"):
        unpack(msgpack.packb(msgpack.ExtType(DECIMAL_EXT, digits)))


def test_an_unknown_field_is_named_in_one_line() -> None:
    with pytest.raises(DecodeError, match=r"MarketTick\.'x\\ny': Extra inputs"):
        decode(
            MarketTick.TAG,
            pack({"n": 1, "sym": "A", "ts_event": 1, "tr": "t", "venue": "v", "price": Decimal(1), "x\ny": 1}),
        )


@pytest.mark.parametrize("digits", [b"", b"x", b"NaN", b"sNaN", b"Infinity", b"0", b"-1", b"\xff", b"1" * 81])
def test_a_price_is_a_finite_positive_decimal(digits: bytes) -> None:
    fields = {"n": 1, "sym": "A", "ts_event": 1, "tr": "t", "venue": "v", "price": msgpack.ExtType(DECIMAL_EXT, digits)}
    data: bytes = msgpack.packb(fields)
    assert taken_or_refused(MarketTick.TAG, data) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 0),
        ("n", 2**63),
        ("n", 1.0),
        ("n", True),
        ("n", "1"),
        ("sym", ""),
        ("sym", b"A"),
        ("price", 1.5),
        ("price", "1.5"),
        ("extra", 1),
    ],
)
def test_nothing_is_converted_or_ignored_in_silence(field: str, value: object) -> None:
    fields: dict[str, Any] = {"n": 1, "sym": "A", "ts_event": 1, "tr": "t", "venue": "v", "price": Decimal(1)}
    with pytest.raises(DecodeError, match=field):
        decode(MarketTick.TAG, pack(fields | {field: value}))


def test_a_missing_field_is_named() -> None:
    with pytest.raises(DecodeError, match=r"MarketTick\.sym"):
        decode(MarketTick.TAG, pack({"n": 1}))


def test_every_field_of_tensor_dtype_is_one_that_numpy_reads() -> None:
    for dtype in get_args(Tensor.model_fields["dtype"].annotation):
        assert Tensor(dtype=dtype, shape=(1,), data=bytes(np.dtype(dtype).itemsize)).numpy().dtype == np.dtype(dtype)


@given(ANY_MESSAGE)
def test_two_messages_are_compared_by_what_decides(message: Message) -> None:
    again = decode(message.TAG, encode(message))
    assert len(content_hash(message)) == CONTENT_BYTES
    assert content_hash(again) == content_hash(message)
    assert content_hash(again.model_copy(update={"n": message.n + 1})) == content_hash(message)
    assert content_hash(again.model_copy(update={"tr": message.tr + "x"})) != content_hash(message)
    if isinstance(message, MarketTick | Prediction):
        assert content_hash(again.model_copy(update={"history": not message.history})) == content_hash(message)


def test_a_field_at_its_default_is_not_told() -> None:
    """So a message of before there was the field is the same as one of after."""
    report = ExecutionReport(
        n=1, sym="A", ts_event=1, tr="t", tick_n=1, order_n=1, client_order_id="0" * 32, leg=Leg.OPEN,
        status=OrderStatus.FILLED, last_qty=Decimal(1), last_px=Decimal(2), commission=Decimal(0), reason=None,
    )  # fmt: skip
    assert not {"dust", "capital"} & ExecutionReport.deciding(report.content()).keys()
    assert content_hash(report.model_copy(update={"dust": Decimal(1)})) != content_hash(report)


def test_a_number_says_the_same_however_it_is_written() -> None:
    """An exchange's stream and its history write one close with other zeros: the bar that is fetched again is the same.

    Nothing is rounded.
    """
    tick = MarketTick(n=1, sym="A", ts_event=1, tr="t", venue="v", price=Decimal("100"))
    for same in ("100.0", "100.00", "1E+2", "0.1E+3"):
        assert content_hash(tick.model_copy(update={"price": Decimal(same)})) == content_hash(tick)
    assert content_hash(tick.model_copy(update={"price": Decimal(f"100.{'0' * 60}1")})) != content_hash(tick)


GROUP_FIELDS: dict[str, Any] = {
    "bar": BarGroup(open=1.0, high=2.0, low=0.5, volume=3.0, trades=7),
    "quote": QuoteGroup(bid=1.0, ask=1.1, bid_qty=2.0, ask_qty=3.0),
    "funding": FundingGroup(rate=-0.0001),
}
TICK = MarketTick(n=1, sym="A", ts_event=1, tr="t", venue="v", price=Decimal(1))
PREDICTION = Prediction(n=1, sym="A", ts_event=1, tr="t", tick_n=1, price=Decimal(1), y_hat=None, model="m")


def test_what_is_not_there_takes_no_bytes() -> None:
    assert "bar" not in unpack(encode(TICK))
    assert unpack(encode(TICK.model_copy(update=GROUP_FIELDS)))["bar"] == {
        "open": 1.0, "high": 2.0, "low": 0.5, "volume": 3.0, "trades": 7,
    }  # fmt: skip


@given(MESSAGES[MarketTick], st.sampled_from(sorted(GROUP_FIELDS)))
def test_a_group_decides(tick: Message, name: str) -> None:
    other = tick.model_copy(update={name: None if getattr(tick, name) else GROUP_FIELDS[name]})
    assert content_hash(other) != content_hash(tick)


REASONS_OF_WIRE_3 = {
    "ZERO_PREDICTION", "NAN_PREDICTION", "BELOW_THRESHOLD", "NO_CHANGE", "NO_EQUITY", "END_OF_DATA", "HISTORY",
    "SUPERSEDED", "PAST_VALID_UNTIL", "CLOSE_NOT_FILLED", "ENDED_BY_VENUE", "NOT_ON_VENUE", "RESOLVED",
    "ABOVE_MAXIMUM", "BELOW_MINIMUM", "KEY_REFUSED", "NO_MARGIN", "DUST", "NO_SHORT_ON_SPOT", "NOTHING_TO_REDUCE",
    "NOT_SENT", "RATE_LIMITED", "REQUEST_EXPIRED", "VENUE_REFUSED", "HALTED", "UNKNOWN_ORDER", "SYMBOL_NOT_ALLOWED",
    "REDUCE_ONLY", "NOT_REDUCING", "OTHER_BUS", "SYMBOL_STOPPED", "MARKET_CLOSED", "ACCOUNT_MODES", "CLOCK_SKEW",
    "LATCHED", "DAILY_LOSS", "DRAWDOWN", "DAILY_FUNDING", "NOT_ARMED", "ARMING_EXPIRED", "ARMED_FOR_OTHER_CONFIG",
    "STALE_TICK", "STALE_PREDICTION", "NO_FRESH_QUOTE", "PRICE_COLLAR", "ORDER_NOTIONAL", "POSITION_NOTIONAL",
    "ARMED_NOTIONAL", "EQUITY_UNKNOWN", "LEVERAGE", "CAPITAL_ABOVE_EQUITY", "ORDERS_PER_MINUTE", "NOT_RECONCILED",
}  # fmt: skip


REASONS_OF_WIRE_4 = REASONS_OF_WIRE_3 | {
    "NO_PREDICTION", "WAITING", "IN_FLIGHT", "WARMING_UP", "STOPPED", "COOLING_DOWN", "ARMED_FOR_OTHER_CODE", "DRIFT",
}  # fmt: skip
REASONS_OF = {3: REASONS_OF_WIRE_3, 4: REASONS_OF_WIRE_4}
OLDER = pytest.mark.parametrize("wire", REASONS_OF)


@OLDER
@given(reason=st.sampled_from(Reason))
def test_an_older_reader_knows_every_reason(wire: int, reason: Reason) -> None:
    known = reason_at(wire, reason)
    assert known in REASONS_OF[wire], f"give {reason} one that wire {wire} knew, in shared/messages/reasons.py"
    assert known is reason or reason not in REASONS_OF[wire]


@OLDER
@given(message=ANY_MESSAGE)
def test_an_older_reader_gets_what_it_knows(wire: int, message: Message) -> None:
    """As after a start of this version beside an older one, whose wire stays until that one has gone."""
    back = decode(type(message).tag(wire), encode(message, wire))
    later = {name for name, since in type(message).LATER.items() if since > wire}
    assert not later & unpack(encode(message, wire)).keys()
    for name, value in back.content().items():
        assert name not in later
        if name == "y_hat" and isinstance(message, Prediction) and message.y_hat is None and wire == 3:
            assert math.isnan(value), "an older strategy trades nothing on it"
        elif name == "reason":
            assert value in REASONS_OF[wire] | {None}
            assert value == message.content()[name] or message.content()[name] not in REASONS_OF[wire]
        elif name == "leg":
            known = Leg.LIQUIDATION if message.content()[name] is Leg.STOP else message.content()[name]
            assert value is known, "what a stop closed, the exchange closed"
        else:
            assert pack((value,), wire) == pack((message.content()[name],), wire)


@pytest.mark.parametrize(
    "changed",
    [
        {"limit_price": Decimal(1)},
        {"time_in_force": TimeInForce.IOC},
        {"type": OrderType.LIMIT, "limit_price": Decimal(1)},
        {"type": OrderType.LIMIT, "time_in_force": TimeInForce.IOC},
        {"type": OrderType.LIMIT, "time_in_force": TimeInForce.IOC, "limit_price": Decimal(0)},
    ],
)
def test_an_order_that_is_half_a_limit_order_is_damage(changed: dict[str, Any]) -> None:
    """Sent as it stands it would be another order: without a limit, or one that rests."""
    order = OrderIntent(
        n=1, sym="A", ts_event=1, tr="t", tick_n=1, client_order_id="0" * 32, leg=Leg.OPEN, signed_qty=Decimal(1),
        reduce_only=False, price=Decimal(1), valid_until=0, after=None,
    )  # fmt: skip
    assert decode(OrderIntent.TAG, encode(order)) == order
    with pytest.raises(DecodeError):
        decode(OrderIntent.TAG, encode(order.model_copy(update=changed)))


def test_a_tick_of_wire_3_is_read_as_one_of_a_price_alone() -> None:
    assert decode("MarketTick/3", encode(TICK.model_copy(update=GROUP_FIELDS), 3)) == TICK


class Inner(Record):
    at: int
    later: list[int] = Field(default_factory=list)


def test_what_older_code_did_not_know_is_left_out_wherever_it_stands() -> None:
    """A default that is made anew, one that is a record, and those within records of a list."""

    class Before(MarketTick):
        inner: tuple[dict[str, int], ...] = ()

    class After(MarketTick):
        inner: tuple[Inner, ...] = ()
        made: list[int] = Field(default_factory=list)
        one: Inner = Inner(at=1)

    given: dict[str, Any] = {"n": 1, "sym": "A", "ts_event": 1, "tr": "t", "venue": "v", "price": Decimal(1)}
    after = After(inner=(Inner(at=5),), **given)
    assert content_hash(after) == content_hash(Before(inner=({"at": 5},), **given))
    assert content_hash(after.model_copy(update={"made": [1]})) != content_hash(after)
    assert content_hash(after.model_copy(update={"one": Inner(at=2)})) != content_hash(after)


@given(ANY_MESSAGE)
def test_what_is_kept_has_its_wire_with_it(message: Message) -> None:
    assert bits(kept(type(message), keep(message))) == bits(message)
    ahead = pack({**unpack(keep(message)), WIRE_FIELD: WIRE + 1, "later": 1})
    assert bits(kept(type(message), ahead)) == bits(message)


def test_what_a_newer_tickline_has_kept_is_kept() -> None:
    report = ExecutionReport(
        n=1, sym="A", ts_event=1, tr="t", tick_n=1, order_n=1, client_order_id="0" * 32, leg=Leg.OPEN,
        status=OrderStatus.FILLED, last_qty=Decimal(1), last_px=Decimal(2), commission=Decimal(0), reason=None,
    )  # fmt: skip
    newer = pack({**report.content(), WIRE_FIELD: WIRE + 1, "later": 1})
    assert is_kept(report, newer)
    assert not is_kept(report, None)
    assert not is_kept(report.model_copy(update={"last_qty": Decimal(3)}), newer)


@pytest.mark.parametrize("tag", [f"MarketTick/{WIRE + 1}", f"Later/{WIRE + 1}".encode()])
def test_a_newer_message_is_no_damage(tag: str | bytes) -> None:
    with pytest.raises(NewerWire, match="was written by a newer Tickline"):
        decode(tag, b"anything")


@pytest.mark.parametrize(
    ("leg", "paid", "human"),
    [
        (Leg.FUNDING, "2.25", "BTCUSDT funding -2.25 paid"),
        (Leg.FUNDING, "-0.5", "BTCUSDT funding +0.5 received"),
        (Leg.CLOSE, "0", "BTCUSDT FILLED"),
    ],
)
def test_a_funding_payment_says_what_it_came_to(leg: Leg, paid: str, human: str) -> None:
    report = ExecutionReport(
        n=1, sym="BTCUSDT", ts_event=1, tr="t", tick_n=1, order_n=1, client_order_id="a" * 32, leg=leg,
        status=OrderStatus.FILLED, last_qty=Decimal(0), last_px=None, commission=Decimal(paid), reason=None,
    )  # fmt: skip
    assert report.human() == human


@pytest.mark.parametrize(
    ("changes", "human"),
    [
        (
            {"status": OrderStatus.FILLED, "last_qty": Decimal("-0.023"), "last_px": Decimal(42_000), "reason": None},
            "BTCUSDT FILLED -0.023 at 42000 fee 0, dust 9.88e-06 left",
        ),
        (
            {"status": OrderStatus.REJECTED, "last_qty": Decimal(0), "last_px": None, "reason": Reason.DUST},
            "BTCUSDT REJECTED DUST, dust 9.88e-06 left",
        ),
    ],
)
def test_what_cannot_be_sold_is_said_with_the_execution_that_left_it(changes: dict[str, Any], human: str) -> None:
    fields: dict[str, Any] = {
        "n": 1, "sym": "BTCUSDT", "ts_event": 1, "tr": "t", "tick_n": 1, "order_n": 1, "client_order_id": "0" * 32,
        "leg": Leg.CLOSE, "commission": Decimal(0), "dust": Decimal("0.00000988"), **changes,
    }  # fmt: skip
    assert ExecutionReport(**fields).human() == human
