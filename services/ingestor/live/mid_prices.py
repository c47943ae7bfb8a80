"""The mid price as it changes. Quotes cannot be fetched afterwards: what was not heard stays missing."""

from decimal import Decimal
from typing import NamedTuple, TypeAlias

from shared.exchanges.market_data.events import (
    Clock,
    Connected,
    Disconnected,
    Event,
    FeedSilent,
    MissingTrades,
    TopOfBook,
    Watermark,
)
from shared.record import Snapshot, fields_of
from shared.tick import State, Tick


class Mid(NamedTuple):
    """A mid is the middle of bid and ask since `ts_event`."""

    ts_event: int
    price: Decimal


Quoted: TypeAlias = Mid | Watermark | MissingTrades | FeedSilent


class MidPricesSnapshot(Snapshot):
    """The saved form of a MidPrices."""

    old: int
    ahead: int
    deaf: int
    now: int
    heard_ns: int
    last_ns: int
    connected: bool
    begun: bool
    broken: bool
    told: bool


_snapshot = fields_of(MidPricesSnapshot)


class MidPrices(Tick[Event, list[Quoted]]):
    """The stage turns best bids and asks into mids in order, with MissingTrades and Watermark as Continuity gives them.

    A quote that is older than the last one is superseded (counted in `old`), one that is more than `ahead_ns` ahead of
    the clock is not believed (`ahead`). After a lost connection, or a silence of more than `silence_ns`, which gives
    FeedSilent (`deaf`), the next quote comes with MissingTrades before it.

    >>> mids = MidPrices(silence_ns=100, ahead_ns=10)
    >>> _ = [mids.on_tick(val) for val in (Clock(10), Connected())]
    >>> mids.on_tick(TopOfBook(11, Decimal(99), Decimal(100))), mids.on_tick(TopOfBook(9, Decimal(1), Decimal(2)))
    ([Mid(ts_event=11, price=Decimal('99.5'))], None)
    >>> mids.on_tick(Clock(20)), mids.on_tick(Clock(200))
    ([Watermark(ts_event=20)], [FeedSilent()])
    """

    def __init__(self, silence_ns: int, ahead_ns: int) -> None:
        self.old = self.ahead = self.deaf = 0
        self._silence_ns, self._ahead_ns = silence_ns, ahead_ns
        self._now = self._heard_ns = self._last_ns = 0
        self._connected = self._begun = self._broken = self._told = False

    def on_tick(self, val: Event) -> list[Quoted] | None:
        """Takes one event; None when nothing follows from it."""
        match val:
            case TopOfBook():
                return self._quote(val)
            case Clock(now):
                return self._clock(now)
            case Connected():
                self._connected, self._told, self._heard_ns = True, False, self._now
            case Disconnected():
                self._connected, self._broken = False, self._begun
            case _:
                pass
        return None

    def _quote(self, quote: TopOfBook) -> list[Quoted] | None:
        if quote.ts_event < self._last_ns:
            self.old += 1
            return None
        if quote.ts_event > self._now + self._ahead_ns:
            self.ahead += 1
            return None
        mid, broken = Mid(quote.ts_event, (quote.bid + quote.ask) / 2), self._broken
        since, self._last_ns, self._heard_ns = self._last_ns, quote.ts_event, self._now
        self._begun, self._broken, self._told = True, False, False
        return [MissingTrades(quote.ts_event, since), mid] if broken else [mid]

    def _clock(self, now: int) -> list[Quoted] | None:
        self._now = now = max(self._now, now)
        if not self._connected or self._broken:
            return self._silent(now)
        if now - self._heard_ns > self._silence_ns:
            self._broken = self._begun
            return self._silent(now)
        return [Watermark(now)] if self._begun else None

    def _silent(self, now: int) -> list[Quoted] | None:
        if not self._connected or self._told or now - self._heard_ns <= self._silence_ns:
            return None
        self.deaf += 1
        self._told = True
        return [FeedSilent()]

    def state(self) -> State:
        """Returns times, flags and counts."""
        return _snapshot(
            old=self.old,
            ahead=self.ahead,
            deaf=self.deaf,
            now=self._now,
            heard_ns=self._heard_ns,
            last_ns=self._last_ns,
            connected=self._connected,
            begun=self._begun,
            broken=self._broken,
            told=self._told,
        )

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = MidPricesSnapshot.of(state)
        self.old, self.ahead, self.deaf = saved.old, saved.ahead, saved.deaf
        self._now, self._heard_ns, self._last_ns = saved.now, saved.heard_ns, saved.last_ns
        self._connected, self._begun = saved.connected, saved.begun
        self._broken, self._told = saved.broken, saved.told
