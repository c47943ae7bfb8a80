"""A card is the JSON file beside a model's weights that says what they are."""

import hashlib
import json
from codecs import BOM_UTF8
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from shared.drift.reference import DriftReference
from shared.errors import SafetyRefusal
from shared.intervals import TRADE, interval_ns
from shared.messages.base import Symbol
from shared.messages.market import Group
from shared.models.runtime import Runtime
from shared.models.training import Training

ANY_SYMBOL = "*"
Format = Literal["torch", "onnx"]
SUFFIXES: Final[Mapping[Format, str]] = {"torch": ".pth", "onnx": ".onnx"}
MODEL_FILES = (".json", *SUFFIXES.values())  # a card and weights of one name make a model
DECIDING = (
    "format", "model", "params", "standardised", "features", "no_features", "needs", "window", "batched", "interval",
    "sha256",
)  # fmt: skip


OptionalField = Annotated[str, Field(pattern="^(quote_volume|trades|taker_volume)$")]


class ModelRefused(SafetyRefusal, ValueError):
    """The model may not be used; the text says in one line what is wrong, where, and what to do."""


def _known_interval(text: str) -> str:
    if text != TRADE:
        interval_ns(text)
    return text


def _as_list(value: object) -> object:
    return (value,) if isinstance(value, str) else value  # a card of before there were several


FeatureSpec = Annotated[str, Field(min_length=1, max_length=200)]
FeatureSpecs = Annotated[
    tuple[FeatureSpec, ...], Field(min_length=1, max_length=1_000, strict=False), BeforeValidator(_as_list)
]
Param = int | float | bool | Annotated[str, Field(max_length=1_000)]
Params = dict[Annotated[str, Field(min_length=1, max_length=100)], Param]


class Card(BaseModel):
    """A card says what a weights file is and what it is for. It is frozen and strict and refuses unknown fields.

    - name: the stem of both files.
    - format: torch, whose weights are a state_dict in NAME.pth, or onnx, a whole model in NAME.onnx.
    - model, params: of torch, a name in `shared.models.registry` or the user's `file.py:Class` or
      `package.module:Class`, and its constructor's arguments; `no_features` is given to it where it asks for it.
    - standardised: the weights are those of a `Standardised` around it.
    - features, no_features: feature specs, and how many numbers they give together, in this order.
    - needs: the groups of market data without which the features cannot work. fields: those of the bar group that not
      every source tells.
    - window: how many feature vectors the model is shown, oldest first: an array (window, no_features) where it is
      above 1, else (no_features,).
    - batched: the model is given a batch of one, so an array with a further first axis.
    - symbols: those it was made for, ["*"] for any.
    - interval: time from tick to tick.
    - sha256: of the weights file.
    - fits: the `predicting_hash`, without code, of the card with which the weights were written; empty where an earlier
      version, or a person, wrote it.
    - origin: where the weights come from, for a person.
    - training: how the model was fitted, how good it was, and the distributions of its features and predictions; None
      where nobody knows.
    - runtime: the versions and the CPU on which the distributions were computed.
    - references: what the paper twin of a strategy earned out of sample, one for each; drift is measured against it.

    >>> Card(name="a", model="LinearModel", features=("log_return_lags(3)",), no_features=3, symbols=("BTCUSDT",),
    ...      interval="12h", sha256="0" * 64, origin="an example").covers("ETHUSDT")
    False
    """

    model_config = ConfigDict(defer_build=True, frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    name: Annotated[str, Field(min_length=1, max_length=100)]
    format: Format = "torch"
    model: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    params: Params = {}
    standardised: bool = False
    features: FeatureSpecs
    no_features: Annotated[int, Field(ge=1, le=100_000)]
    needs: Annotated[tuple[Annotated[Group, Field(strict=False)], ...], Field(strict=False)] = ()
    fields: Annotated[tuple[OptionalField, ...], Field(strict=False)] = ()
    window: Annotated[int, Field(ge=1, le=10_000)] = 1
    batched: bool = False
    symbols: Annotated[tuple[Symbol, ...], Field(min_length=1, strict=False)]
    interval: Annotated[str, AfterValidator(_known_interval)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    fits: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    origin: Annotated[str, Field(min_length=1)]
    training: Training | None = None
    runtime: Runtime | None = None
    references: Annotated[tuple[DriftReference, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _class_of_its_format(self) -> Self:
        if (self.model is None) == (self.format == "torch"):
            needs = "needs a class in `model`" if self.format == "torch" else "has no class: leave `model` out"
            raise ValueError(f"a model of format {self.format} {needs}")
        if self.format == "onnx" and (self.params or self.standardised):
            raise ValueError("a model of format onnx takes no params and is not standardised: leave both out")
        return self

    def covers(self, sym: str) -> bool:
        """Says whether the model was made for `sym`."""
        return sym in self.symbols or ANY_SYMBOL in self.symbols

    def ticks_every(self, interval: str) -> bool:
        """Says whether the model was made for ticks at `interval`; 60s equals 1m."""
        return self.ticks_in(interval) == 1

    def ticks_in(self, interval: str) -> int | None:
        """Returns how many ticks at `interval` make one of the model's; None where they do not fill it.

        >>> card = Card(name="a", model="LinearModel", features=("log_return_lags(3)",), no_features=3, symbols=("*",),
        ...             interval="1h", sha256="0" * 64, origin="an example")
        >>> card.ticks_in("60m"), card.ticks_in("1m"), card.ticks_in("7m"), card.ticks_in("2h")
        (1, 60, None, None)
        """
        if TRADE in (interval, self.interval):
            return 1 if interval == self.interval else None
        own, fine = interval_ns(self.interval), interval_ns(interval)
        return own // fine if own % fine == 0 else None

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Returns the shape of what the model is shown, without a batch."""
        return sample_shape(self.no_features, self.window)

    @property
    def weights_suffix(self) -> str:
        """Returns `.pth` or `.onnx`."""
        return SUFFIXES[self.format]

    def predicting_hash(self, code: Mapping[str, str] | None = None) -> str:
        """Returns the sha256, in hex, of everything that predicts: weights, the card's deciding fields, user code.

        - code: the spec of each class and feature of the user's, and the hash of the files behind it; see
          `shared.models.code`.
        """
        told = self.model_dump(mode="json", include=set(DECIDING)) | {"code": dict(code or {})}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    @property
    def is_as_written(self) -> bool:
        """Says whether nothing that decides was changed since the card was written beside its weights."""
        return self.fits == self.predicting_hash()

    def fitting(self) -> Self:
        """Returns the card as it is written beside weights that fit it."""
        return self.model_copy(update={"fits": self.predicting_hash()})

    @property
    def short_hash(self) -> str:
        """Returns the first 16 hex digits of `predicting_hash`, which every Prediction carries, without user code."""
        return self.predicting_hash()[:16]


def sample_shape(no_features: int, window: int) -> tuple[int, ...]:
    """Returns the shape of one sample: oldest vector first, where there are several.

    >>> sample_shape(3, 1), sample_shape(3, 48)
    ((3,), (48, 3))
    """
    return (window, no_features) if window > 1 else (no_features,)


def card_of(path: Path, data: bytes) -> Card:
    """Returns the card in a file's bytes; raises ModelRefused with the first fault."""
    try:
        return Card.model_validate_json(data.removeprefix(BOM_UTF8))  # editors on Windows begin a file with one
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise ModelRefused(f"card {path}, {where}: {first['msg'].removeprefix('Value error, ')}") from error
