"""A trailing stop follows the best price of a position and closes it where the price falls back."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field, model_validator

from shared.messages import Gap
from shared.strategies.exit import Exit, PriceRange

_ZERO = Decimal(0)


class TrailingStop(Exit):
    """A TrailingStop closes a long when the price falls by its distance from the highest price since entry.

    A short is the mirror image. The level begins at the entry price less the distance, and only ever moves with the
    position. In a bar it is the level of the bars before that the low has to reach: nobody knows whether the low came
    before the high. Then high and close move the level, and a close beyond it is a hit, too: it came last.

    - distance: as a share of the best price; or
    - atr: as a multiple of the average true range (Wilder's, seeded by the mean of its first `window` ranges), without
      which nothing is hit. window: in ticks. A gap leaves out the range across it.
    - bars: see Exit.

    >>> from decimal import Decimal
    >>> from tickline import Account, Bar, BasicTaker
    >>> account = Account(100.0)
    >>> strategy = TrailingStop(distance=0.1).around(BasicTaker()).bind("BTCUSDT", account)
    >>> account.open_position("BTCUSDT", Decimal(1), Decimal(100))
    >>> [strategy.on_tick(Bar.of("BTCUSDT", n, Decimal(price))) for n, price in enumerate((100, 120, 109, 108))]
    [None, None, None, [Order(sym='BTCUSDT', signed_qty=Decimal('-1'))]]
    """

    distance: Annotated[Decimal, Field(gt=0, lt=1)] | None = None
    atr: Annotated[Decimal, Field(gt=0)] | None = None
    window: Annotated[int, Field(ge=1)] = 14

    _best: Decimal = _ZERO
    _level: Decimal | None = None
    _last: Decimal | None = None  # the close of the tick before
    _ranges: int = 0  # how many are in the average
    _average: Decimal = _ZERO

    @model_validator(mode="after")
    def _one_distance(self) -> "TrailingStop":
        if (self.distance is None) == (self.atr is None):
            raise ValueError("it takes either distance (a share of the price) or atr (a multiple of the true range)")
        return self

    def on_gap(self, gap: Gap) -> None:
        """Forgets the last close: the next true range is that of its own bar."""
        super().on_gap(gap)
        self._last = None

    def begin(self, entry: Decimal) -> None:
        """Begins at the entry price."""
        self._best = entry
        self._level = self._moved(self._side)

    def is_hit(self, seen: PriceRange, side: int, entry: Decimal) -> bool:
        """Says whether the bar reached the level."""
        level = self._level
        against, along = (seen.low, seen.high) if side > 0 else (seen.high, seen.low)
        hit = level is not None and side * against <= side * level
        self._best = side * max(side * self._best, side * along)
        moved = self._moved(side)
        if moved is not None:
            level = moved if level is None else side * max(side * level, side * moved)
        self._level = level
        return hit or (level is not None and side * seen.close <= side * level)

    def watch(self, seen: PriceRange) -> None:
        """Averages the true range."""
        if self.atr is None:
            return
        last = seen.close if self._last is None else self._last
        true_range = max(seen.high, last) - min(seen.low, last)
        no_range = self._last is None and seen.high == seen.low  # a price alone has none before the second
        self._last = seen.close
        if no_range:
            return
        self._ranges = min(self._ranges + 1, self.window)
        self._average += (true_range - self._average) / self._ranges

    def _moved(self, side: int) -> Decimal | None:
        """Returns the level that the best price leads to."""
        if self.distance is not None:
            return self._best * (1 - side * self.distance)
        if self.atr is None or self._ranges < self.window:
            return None
        return self._best - side * self.atr * self._average
