"""The signal service answers a tick with its features and with the model's prediction."""

import math
from collections.abc import Callable
from functools import cache
from struct import Struct
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from shared.later_fields import Since
from shared.messages.base import Message, Stream
from shared.messages.market import BarGroup, FundingGroup, Price, QuoteGroup, groups_at
from shared.record import Record, unvalidated

if TYPE_CHECKING:
    import numpy.typing as npt

Dtype = Literal["float32", "float64"]

_ON_WIRE: dict[Dtype, str] = {"float32": "<f4", "float64": "<f8"}  # numpy's names for them
_OF_NUMPY: dict[str, tuple[Dtype, str]] = {"f": ("float32", "<f4"), "d": ("float64", "<f8")}  # by numpy's character
_SIZES: dict[Dtype, tuple[str, int]] = {"float32": ("f", 4), "float64": ("d", 8)}
_SHOWN = 8


class Tensor(Record):
    """A tensor goes over the wire as dtype, shape and bytes, little-endian and row by row.

    >>> import numpy as np
    >>> t = Tensor.of(np.array([0.5, -1.0], dtype=np.float32))
    >>> t.shape, t.numpy().tolist()
    ((2,), [0.5, -1.0])
    """

    dtype: Dtype
    shape: Annotated[tuple[int, ...], Field(max_length=8, strict=False)]
    data: bytes

    @model_validator(mode="after")
    def _bytes_match_shape(self) -> "Tensor":
        size = 1
        for length in self.shape:
            if length < 1:
                raise ValueError(f"shape {self.shape} has a length below 1")
            size *= length
        if size * _SIZES[self.dtype][1] != len(self.data):
            raise ValueError(f"{len(self.data)} bytes do not make a {self.dtype} of shape {self.shape}")
        return self

    @classmethod
    def of(cls, array: "npt.NDArray[Any]") -> "Tensor":
        """Returns the wire form of a numpy array (float32 or float64); raises ValueError for another dtype."""
        wire = _OF_NUMPY.get(array.dtype.char)
        if wire is None:
            raise ValueError(f"a Tensor is float32 or float64, not {array.dtype}")
        name, dtype = wire
        data = (array if array.dtype.str == dtype else array.astype(dtype)).tobytes()
        return _tensor(dtype=name, shape=array.shape, data=data)

    def numpy(self) -> "npt.NDArray[Any]":
        """Returns a read-only numpy array over the same bytes."""
        import numpy as np  # most processes only hand tensors on, and it takes a while to load

        array: npt.NDArray[Any] = np.frombuffer(self.data, dtype=_ON_WIRE[self.dtype])
        return array.reshape(self.shape)


_tensor = unvalidated(Tensor)


@cache
def _shown(dtype: Dtype, size: int) -> tuple[Callable[[bytes], tuple[Any, ...]], str]:
    """Returns what reads the first values out of so many bytes, and their format."""
    code, width = _SIZES[dtype]
    count = min(size // width, _SHOWN)
    return Struct(f"<{count}{code}").unpack_from, " ".join(["%.4g"] * count)


class Features(Message):
    """The features of one tick, as the model sees them."""

    STREAM: ClassVar[Stream] = Stream.FEATURES

    spec: str
    values: Tensor

    def human(self) -> str:
        """Returns e.g. `BTCUSDT log_return_lags(3) [0.1542 -0.2007 0.0953]`."""
        values = self.values
        unpack, form = _shown(values.dtype, len(values.data))
        return f"{self.sym} {self.spec} [{form % unpack(values.data)}]"


class Prediction(Message):
    """A prediction answers one tick; signal answers every tick with exactly one.

    - price: the tick's.
    - y_hat: predicted log return until the model's next bar; None where there is none (the window is not full, no bar
      of the model's interval ended, no model). NaN stays NaN; neither trades.
    - model: 16 hex digits of what predicts; empty without a model.
    - history: as in its tick.
    - bar, quote, funding: of the tick's groups those that the strategy needs.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=True)
    STREAM: ClassVar[Stream] = Stream.PREDICTIONS
    NOT_DECIDING: ClassVar[frozenset[str]] = Message.NOT_DECIDING | {"history"}  # the clock's word

    tick_n: int
    price: Price
    y_hat: float | None
    model: str
    history: bool = False
    bar: Annotated[BarGroup | None, Since(4)] = None
    quote: Annotated[QuoteGroup | None, Since(4)] = None
    funding: Annotated[FundingGroup | None, Since(4)] = None

    @classmethod
    def downgrade(cls, fields: dict[str, Any], wire: int) -> dict[str, Any]:
        """Returns the fields as `wire` names them: before 4 a y_hat was always there, and NaN trades nothing."""
        fields = groups_at(super().downgrade(fields, wire), wire)
        return {**fields, "y_hat": math.nan} if wire < 4 and fields["y_hat"] is None else fields

    def human(self) -> str:
        """Returns e.g. `BTCUSDT y_hat=+0.000813 at 71440.1`."""
        y_hat = "none" if self.y_hat is None else f"{self.y_hat:+.6f}"
        return f"{self.sym} y_hat={y_hat} at {self.price!s}"
