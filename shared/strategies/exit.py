"""An exit closes the position of the strategy within, where the market says so."""

from abc import abstractmethod
from decimal import Decimal
from typing import NamedTuple

from shared.account import Position
from shared.bar import Bar
from shared.messages.market import Group
from shared.messages.reasons import Reason
from shared.strategies.decider import Prediction
from shared.strategies.stateful import Made
from shared.strategies.wrapper import Wrapper


class PriceRange(NamedTuple):
    """A price range is what a tick tells of the prices since the one before: of a bar high and low, else the price.

    They are Decimals of the digits that the exchange wrote, so that 110 is 10 % above 100.
    """

    high: Decimal
    low: Decimal
    close: Decimal

    @classmethod
    def of(cls, bar: Bar) -> "PriceRange":
        """Returns the bar's."""
        if bar.high is None or bar.low is None:
            return cls(bar.price, bar.price, bar.price)
        return cls(Decimal(repr(bar.high)), Decimal(repr(bar.low)), bar.price)


class Exit(Wrapper):
    """An exit asks `is_hit` in every tick while there is a position, and closes all of it where that is so.

    - The close is an order of the tick. It replaces what the strategy within wanted in that tick.
    - A prediction of the very tick at which it fired, or of one before, is answered with STOPPED, so that nobody enters
      again at a price of then. The next prediction, or tick, may enter again; a CoolDown around it lets more pass.
    - What fired fires again in every tick until the position is gone: an order may be refused, or fill in part.
    - A position begins where the symbol was flat, or held the other side, when the strategy was last asked. Orders that
      close and open the same side at once go on with it.

    - bars: asks for the bar group, so that each bar's high and low count. Without it, and where a tick lacks the group,
      its price counts.
    """

    bars: bool = False

    _side: int = 0
    _fired: bool = False
    _fired_ns: int = -1  # ts_event of the tick at which it fired last

    @abstractmethod
    def begin(self, entry: Decimal) -> None:
        """Learns that a position begins. entry: its average price."""

    @abstractmethod
    def is_hit(self, seen: PriceRange, side: int, entry: Decimal) -> bool:
        """Says whether the position is to be closed. side: 1 long, -1 short."""

    def watch(self, seen: PriceRange) -> None:
        """Learns the market at every tick, also while the symbol is flat; after `begin`, before `is_hit`."""

    def on_tick(self, bar: Bar) -> Made:
        """Returns the close where it fires, else what the strategy within makes of the tick."""
        made, seen = self.ask_tick(bar), PriceRange.of(bar)
        position = self._look()
        self.watch(seen)
        if position is None or not (self.is_hit(seen, self._side, position.price) or self._fired):
            return made
        self._fired, self._fired_ns = True, bar.ts_event
        return [position.close()]

    def on_prediction(self, prediction: Prediction) -> Made:
        """Returns STOPPED up to the tick at which it fired, else what the strategy within makes of it."""
        position = self._look()
        if position is not None and self._fired:
            return [position.close()]
        return Reason.STOPPED if prediction.ts_event <= self._fired_ns else self.ask_prediction(prediction)

    def needed(self) -> frozenset[Group]:
        """Returns the bar group if `bars`, and what the strategy within needs."""
        return super().needed() | (frozenset({Group.BAR}) if self.bars else frozenset())

    def _look(self) -> Position | None:
        position = self.account.position(self.sym)
        side = 0 if position is None else -1 if position.signed_qty < _ZERO else 1
        if side != self._side:
            self._side, self._fired = side, False
            if position is not None:
                self.begin(position.price)
        return position


_ZERO = Decimal(0)
