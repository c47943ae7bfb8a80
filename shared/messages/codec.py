"""Messages to msgpack and back. Any bytes at all give a message or a DecodeError, never a crash.

A message is a msgpack map of its fields. Beyond msgpack's own types: extension 1 is a Decimal (its digits as ASCII),
so that money is exact. The type and version stand beside the bytes, in the entry's field `t`.
"""

from decimal import Decimal
from typing import Any, cast

import msgpack
from pydantic import ValidationError

from shared.messages.base import Message, Wire
from shared.messages.market import Gap, MarketTick
from shared.messages.orders import Decision, ExecutionReport, OrderIntent
from shared.messages.signals import Features, Prediction
from shared.tick import State

DECIMAL_EXT = 1
MAX_DECIMAL_BYTES = 80
MAX_DECIMAL_EXPONENT = 1000  # beyond it no price or quantity lies, and further out Decimal's own arithmetic overflows
MAX_MESSAGE_BYTES = 1_000_000

TYPES: dict[str, type[Message]] = {
    kind.TAG: kind for kind in (MarketTick, Gap, Features, Prediction, Decision, OrderIntent, ExecutionReport)
}
TYPES["ExecutionReport/1"] = ExecutionReport  # older recordings, and what an older gateway wrote to the bus
_BY_BYTES = {tag.encode(): kind for tag, kind in TYPES.items()}


class DecodeError(ValueError):
    """These bytes are no message; the text says why in one line."""


def _pack_other(value: object) -> msgpack.ExtType | dict[str, Any]:
    if isinstance(value, Decimal):
        return _new(msgpack.ExtType, (DECIMAL_EXT, str(value).encode()))
    if isinstance(value, Wire):
        return value.__dict__
    raise TypeError(f"{type(value).__name__} has no wire form")


_new = tuple.__new__  # an ExtType is a named tuple; its constructor only checks what is right here
_packer = msgpack.Packer(default=_pack_other)  # kept, since making one costs as much as packing; one thread packs


def _unpack_ext(code: int, data: bytes) -> Decimal:
    if code != DECIMAL_EXT or len(data) > MAX_DECIMAL_BYTES:
        raise DecodeError(f"extension {code} of {len(data)} bytes is unknown")
    number = Decimal(data.decode("ascii"))
    if b"E" in data.upper() and not -MAX_DECIMAL_EXPONENT < number.adjusted() < MAX_DECIMAL_EXPONENT:
        raise DecodeError(f"number {number:.3e} is out of range")
    return number


def pack(value: State | dict[str, Any] | tuple[object, ...]) -> bytes:
    """Any state or field map as msgpack."""
    packed: bytes = _packer.pack(value)
    return packed


def unpack(data: bytes) -> Any:
    """What `pack` gave; raises DecodeError for any other bytes."""
    try:
        return msgpack.unpackb(data, ext_hook=_unpack_ext)
    except DecodeError:
        raise
    except (ValueError, TypeError, ArithmeticError, RecursionError, msgpack.UnpackException) as error:
        raise DecodeError(f"not msgpack: {type(error).__name__} {error}".rstrip()) from error


def encode(message: Message) -> bytes:
    """The message's fields as msgpack bytes.

    >>> tick = MarketTick(n=1, sym="BTCUSDT", ts_event=1, tr="t", venue="replay", price=Decimal("71440.10"))
    >>> decode("MarketTick/2", encode(tick)) == tick
    True
    """
    return pack(message.content())


def decode(tag: str | bytes, data: bytes) -> Message:
    """The message of type `tag` in `data`; raises DecodeError."""
    kind = _BY_BYTES.get(tag) if isinstance(tag, bytes) else TYPES.get(tag)
    if kind is None:
        shown = tag.decode(errors="replace") if isinstance(tag, bytes) else tag
        raise DecodeError(f"message type {shown[:60]!r} is unknown here: another version wrote it")
    if len(data) > MAX_MESSAGE_BYTES:
        raise DecodeError(f"{len(data)} bytes are more than the {MAX_MESSAGE_BYTES} a message may have")
    fields = unpack(data)
    if not isinstance(fields, dict):
        raise DecodeError(f"a {kind.__name__} is a map, not {type(fields).__name__}")
    try:
        return cast(Message, kind.__pydantic_validator__.validate_python(fields))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:60] or "message"
        shown = where if where.isprintable() else ascii(where)  # an unknown field's name is as foreign as its value
        raise DecodeError(f"{kind.__name__}.{shown}: {first['msg']}") from error
    except RecursionError as error:
        raise DecodeError(f"{kind.__name__}: nested too deep") from error
