"""A card is the JSON file beside a model's weights that says what they are."""

from codecs import BOM_UTF8
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from shared.errors import SafetyRefusal
from shared.intervals import TRADE, interval_ns
from shared.messages.base import Symbol
from shared.models.training import Training

ANY_SYMBOL = "*"


class ModelRefused(SafetyRefusal, ValueError):
    """The model may not be used; the text says in one line what is wrong, where, and what to do."""


def _known_interval(text: str) -> str:
    if text != TRADE:
        interval_ns(text)
    return text


class Card(BaseModel):
    """A card says what a weights file is and what it is for. It is frozen and strict and refuses unknown fields.

    - name: the stem of both files.
    - model, params: a name in `shared.models.registry`, and its constructor's further arguments.
    - features, no_features: a feature spec, and how many numbers it gives.
    - symbols: those it was made for, ["*"] for any.
    - interval: time from tick to tick.
    - sha256: of the weights file.
    - origin: where the weights come from, for a person.
    - training: how the model was fitted, how good it was, and the distributions of its features and predictions; None
      where nobody knows.

    >>> Card(name="a", model="LinearModel", features="log_return_lags(3)", no_features=3, symbols=("BTCUSDT",),
    ...      interval="12h", sha256="0" * 64, origin="an example").covers("ETHUSDT")
    False
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    name: Annotated[str, Field(min_length=1, max_length=100)]
    model: Annotated[str, Field(min_length=1, max_length=100)]
    params: dict[str, Annotated[int, Field(ge=1, le=100_000)]] = {}
    features: Annotated[str, Field(min_length=1, max_length=200)]
    no_features: Annotated[int, Field(ge=1, le=100_000)]
    symbols: Annotated[tuple[Symbol, ...], Field(min_length=1, strict=False)]
    interval: Annotated[str, AfterValidator(_known_interval)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    origin: Annotated[str, Field(min_length=1)]
    training: Training | None = None

    def covers(self, sym: str) -> bool:
        """Says whether the model was made for `sym`."""
        return sym in self.symbols or ANY_SYMBOL in self.symbols

    def ticks_every(self, interval: str) -> bool:
        """Says whether the model was made for ticks at `interval`; 60s equals 1m."""
        if TRADE in (interval, self.interval):
            return interval == self.interval
        return interval == self.interval or interval_ns(interval) == interval_ns(self.interval)

    @property
    def short_hash(self) -> str:
        """Returns the first 16 hex digits of sha256, which every Prediction carries."""
        return self.sha256[:16]


def card_of(path: Path, data: bytes) -> Card:
    """Returns the card in a file's bytes; raises ModelRefused with the first fault."""
    try:
        return Card.model_validate_json(data.removeprefix(BOM_UTF8))  # editors on Windows begin a file with one
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise ModelRefused(f"card {path}, {where}: {first['msg'].removeprefix('Value error, ')}") from error
