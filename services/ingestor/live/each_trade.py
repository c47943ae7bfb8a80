"""`interval = "trade"`: every trade is a tick."""

from services.ingestor.live.bar_join import Close, Cut
from services.ingestor.live.sampler import Priced
from shared.exchanges.market_data.events import MissingTrades, Watermark
from shared.messages.reasons import GapCause
from shared.record import Snapshot, unvalidated
from shared.tick import State, Tick


class EachTradeSnapshot(Snapshot):
    """What an EachTrade remembers."""

    last_ns: int


_snapshot = unvalidated(EachTradeSnapshot)


class EachTrade(Tick[Priced | Watermark | MissingTrades, list[Close | Cut]]):
    """Prices in order in; each of them out, and a Cut at MissingTrades. A price is known when its turn comes.

    >>> from decimal import Decimal
    >>> from shared.exchanges.market_data.events import Trade
    >>> each = EachTrade()
    >>> [each.on_tick(Trade(i, ts, Decimal(ts), Decimal(1))) for i, ts in enumerate((5, 4))]
    [[Close(ts_event=5, price=Decimal('5'))], [Close(ts_event=5, price=Decimal('4'))]]
    """

    def __init__(self) -> None:
        self._last_ns = 0

    def on_tick(self, val: Priced | Watermark | MissingTrades) -> list[Close | Cut] | None:
        """Take one value; None for a Watermark."""
        if isinstance(val, Watermark):
            return None
        self._last_ns = max(self._last_ns, val.ts_event)
        if isinstance(val, MissingTrades):
            return [Cut(self._last_ns, GapCause.UNFILLED)]
        return [Close(self._last_ns, val.price)]

    def state(self) -> State:
        """The last time."""
        return _snapshot(last_ns=self._last_ns)

    def restore(self, state: State) -> None:
        """Take back what `state()` gave."""
        self._last_ns = EachTradeSnapshot.of(state).last_ns
