"""The codec turns messages into msgpack and back. Any bytes at all give a message or a DecodeError, never a crash.

A message is a msgpack map of its fields. Beyond msgpack's own types: extension 1 is a Decimal (its digits as ASCII),
so that money is exact. The type and the wire that wrote it stand beside the bytes, in the entry's field `t`.
"""

from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, InvalidOperation
from hashlib import blake2b
from typing import Any, TypeVar

import msgpack
from msgpack import ExtType

from shared.messages.base import Message
from shared.messages.decisions import Decision
from shared.messages.market import Gap, MarketTick
from shared.messages.monitor import DriftReading, LateBars, RangeReading
from shared.messages.orders import ExecutionReport, OrderIntent
from shared.messages.signals import Features, Prediction
from shared.record import FIRST, WIRE, WIRE_FIELD, NewerWire, Record, at_wire, checked_wire, read_fields, read_kept
from shared.tick import State

DECIMAL_EXT = 1
MAX_DECIMAL_BYTES = 80
MAX_DECIMAL_EXPONENT = 1000  # beyond it no price or quantity lies, and further out Decimal's own arithmetic overflows
MAX_MESSAGE_BYTES = 1_000_000

_MARKET = (MarketTick, Gap, Features, Prediction)
_TRADING = (Decision, OrderIntent, ExecutionReport)
_MONITOR = (DriftReading, RangeReading, LateBars)
TYPES: dict[str, type[Message]] = {kind.__name__: kind for kind in (*_MARKET, *_TRADING, *_MONITOR)}
_KNOWN: dict[str | bytes, tuple[type[Message], int]] = {
    tag: (kind, wire)
    for kind in TYPES.values()
    for wire in range(FIRST, WIRE + 1)
    for tag in (kind.tag(wire), kind.tag(wire).encode())
}
CONTENT_BYTES = 8
_HASH = blake2b(digest_size=CONTENT_BYTES)

R = TypeVar("R", bound=Record)


class DecodeError(ValueError):
    """The bytes are no message; the text says why in one line."""


_new = tuple.__new__  # of an ExtType, a named tuple, without its constructor, which only checks what is right here


def _pack_other(value: object) -> ExtType | dict[str, Any]:
    """Returns what msgpack can pack in place of a Decimal or a record."""
    if value.__class__ is Decimal:
        return _new(ExtType, (DECIMAL_EXT, str(value).encode()))
    if isinstance(value, Record):
        return value.written()
    raise TypeError(f"{type(value).__name__} has no wire form")


_pack = msgpack.Packer(default=_pack_other).pack  # kept, since making one costs as much as packing; one thread packs


def _unpack_ext(code: int, data: bytes) -> Decimal:
    if code != DECIMAL_EXT or len(data) > MAX_DECIMAL_BYTES:
        raise DecodeError(f"extension {code} of {len(data)} bytes is unknown")
    text = data.decode("ascii")
    number = Decimal(text)
    if ("E" in text or "e" in text) and not -MAX_DECIMAL_EXPONENT < number.adjusted() < MAX_DECIMAL_EXPONENT:
        raise DecodeError(f"number {number:.3e} is out of range")
    return number


def pack(value: State | dict[str, Any] | tuple[object, ...], wire: int = WIRE) -> bytes:
    """Returns any state or field map as msgpack, with the records in it as `wire` writes them."""
    packed: bytes = _pack(value if wire == WIRE else at_wire(value, wire))
    return packed


def unpack(data: bytes) -> Any:
    """Reads what `pack` gave; raises DecodeError for any other bytes."""
    try:
        return msgpack.unpackb(data, ext_hook=_unpack_ext)
    except DecodeError:
        raise
    except (ValueError, TypeError, ArithmeticError, RecursionError, msgpack.UnpackException) as error:
        raise DecodeError(f"not msgpack: {type(error).__name__} {error}".rstrip()) from error


def encode(message: Message, wire: int = WIRE) -> bytes:
    """Returns the message's fields as msgpack, as `wire` writes them.

    >>> tick = MarketTick(n=1, sym="BTCUSDT", ts_event=1, tr="t", venue="replay", price=Decimal("71440.10"))
    >>> decode("MarketTick/5", encode(tick)) == tick
    True
    """
    packed: bytes = _pack(message.__dict__ if wire == WIRE else at_wire(message, wire))
    return packed


def keep(record: Record) -> bytes:
    """Returns the record with its wire among the fields, for a place without a tag, e.g. a journal."""
    return pack({WIRE_FIELD: WIRE, **record.written()})


def kept(kind: type[R], data: bytes) -> R:
    """Reads what `keep` gave, at any wire; raises DecodeError. It drops fields that only a newer Tickline knows."""
    try:
        return read_kept(kind, unpack(data), gains_only=True)
    except DecodeError:
        raise
    except ValueError as error:
        raise DecodeError(str(error)) from error


def is_kept(record: Record, data: bytes | None) -> bool:
    """Says whether the data hold the record already; writing it again would lose what a newer Tickline added."""
    return data is not None and kept(type(record), data) == record


_EXACT = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[InvalidOperation])  # normalizes, never rounds
_ZERO = Decimal(0)


def _deciding(value: object) -> ExtType | dict[str, Any]:
    """Returns the same for `content`: equal numbers in one form, and of a record only what decides."""
    if isinstance(value, Decimal):
        return _new(ExtType, (DECIMAL_EXT, str(_EXACT.normalize(value) or _ZERO).encode()))
    if isinstance(value, Record):
        return type(value).deciding(value.__dict__)
    raise TypeError(f"{type(value).__name__} has no wire form")


_pack_deciding = msgpack.Packer(default=_deciding).pack


def content(message: Message) -> bytes:
    """Returns all that decides, as equal bytes at every wire and for every way to write a number.

    >>> tick = MarketTick(n=1, sym="BTCUSDT", ts_event=1, tr="t", venue="replay", price=Decimal("71440.10"))
    >>> content(tick) == content(tick.model_copy(update={"n": 2, "price": Decimal("71440.1")}))
    True
    """
    packed: bytes = _pack_deciding(type(message).deciding(message.__dict__))
    return packed


def content_hash(message: Message) -> bytes:
    """Returns 8 bytes of hash of `content`, which tell two messages of one number apart."""
    hashed = _HASH.copy()  # a third cheaper than a new one
    hashed.update(_pack_deciding(type(message).deciding(message.__dict__)))
    return hashed.digest()


def decode(tag: str | bytes, data: bytes) -> Message:
    """Returns the message in `data`, whose type and wire `tag` names; raises DecodeError, or NewerWire."""
    kind, wire = _KNOWN.get(tag) or _kind(tag)
    if len(data) > MAX_MESSAGE_BYTES:
        raise DecodeError(f"{len(data)} bytes are more than the {MAX_MESSAGE_BYTES} a message may have")
    fields = unpack(data)
    if not isinstance(fields, dict):
        raise DecodeError(f"a {kind.__name__} is a map, not {type(fields).__name__}")
    try:
        return read_fields(kind, fields, wire)
    except ValueError as error:
        raise DecodeError(str(error)) from error


def is_said(message: Message, tag: str | bytes, data: bytes) -> bool:
    """Says whether the data are this message, bit for bit, as the wire in `tag` writes it.

    >>> tick = MarketTick(n=1, sym="BTCUSDT", ts_event=1, tr="t", venue="replay", price=Decimal("71440.10"))
    >>> is_said(tick, MarketTick.TAG, encode(tick)), is_said(tick, Gap.TAG, encode(tick))
    (True, False)
    """
    kind, wire = _KNOWN.get(tag, (None, WIRE))
    return kind is type(message) and data == encode(message, wire)


def newer(tag: str | bytes) -> NewerWire | None:
    """Returns the error for a tag that a newer Tickline wrote; None for any other tag.

    >>> str(newer("MarketTick/99"))
    'a MarketTick was written by a newer Tickline (wire 99; this one knows 6)'
    >>> newer(MarketTick.TAG), newer("Foreign/1")
    (None, None)
    """
    try:
        _kind(tag)
    except NewerWire as found:
        return found
    except DecodeError:
        return None
    return None


def _kind(tag: str | bytes) -> tuple[type[Message], int]:
    """Returns the type and the wire that a tag names; raises NewerWire, or DecodeError."""
    found = _KNOWN.get(tag)
    if found is not None:
        return found
    shown = tag.decode(errors="replace") if isinstance(tag, bytes) else tag
    name, _, wire = shown.partition("/")
    if wire.isascii() and wire.isdigit() and len(wire) < 10 and name.isidentifier() and len(name) <= 60:
        try:
            checked_wire(int(wire), f"a {name}")
        except ValueError as error:
            raise DecodeError(str(error)) from error
    raise DecodeError(f"message type {shown[:60]!r} is unknown here")
