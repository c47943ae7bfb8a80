"""The pool joins the bars of several symbols: policy looks at one number for one model."""

from typing import Annotated, NamedTuple

from pydantic import Field

from shared.drift.twin import TwinBar
from shared.later_fields import Since
from shared.record import BY_VALUE, Record, Snapshot
from shared.tick import State, Tick

MAX_BEHIND = 1_024  # bars that a symbol may be behind the others before they go on without it


class PooledBar(NamedTuple):
    """A bar ended through which at least one symbol was held.

    - tr, model: of the symbol that moved it most.
    - net: the mean of the symbols held. syms, nets: these symbols, and the return of each.
    """

    ts_event: int
    tr: str
    model: str
    net: float
    syms: tuple[str, ...]
    nets: tuple[float, ...]


class HeldBar(Record):
    """A held bar is a symbol's, and waits for the other symbols."""

    sym: str
    ts_event: int
    tr: str
    model: str
    net: float


class MissedSpan(Record):
    """In this span of time nobody waited for a symbol: behind `since`, up to and with `upto`."""

    sym: str
    since: int
    upto: int


class PoolSnapshot(Snapshot):
    """The saved form of a SymbolPool.

    - reached: how far each symbol has come.
    - missed: in order, those that count yet.
    """

    reached: dict[str, int]
    closed: int
    waiting: list[HeldBar] = Field(default_factory=list)
    ends: list[int] = Field(default_factory=list)
    missed: Annotated[tuple[MissedSpan, ...], BY_VALUE, Since(5)] = ()


class Behind(NamedTuple):
    """The symbols that hold the pool up. upto: the bar's end to which all others have come, and beyond.

    - reached: symbol -> the end of its last bar; 0 before its first.
    """

    upto: int
    reached: dict[str, int]


class SymbolPool(Tick[TwinBar, list[PooledBar]]):
    """A SymbolPool takes the bars of all symbols, each symbol's in order; returns those that closed, in order of time.

    A bar is closed when every symbol has come to its end, by a bar or a gap. What comes later does not count. `miss`
    lets the others go on without a symbol: its bars that overlap with that time do not count, whenever they come. So
    the result is of the bars and of these spans alone, and a replay that knows the spans from the start has the same.

    >>> pool = SymbolPool(["A", "B"])
    >>> pool.on_tick(TwinBar("A", 60, "t", "", 0.01))
    []
    >>> [(bar.ts_event, bar.net) for bar in pool.on_tick(TwinBar("B", 60, "u", "", 0.03))]
    [(60, 0.02)]
    """

    def __init__(self, symbols: "list[str] | tuple[str, ...]") -> None:
        self._reached = dict.fromkeys(symbols, 0)
        self._missed: dict[str, list[MissedSpan]] = {}
        self._closed = 0
        self._waiting: dict[int, dict[str, TwinBar]] = {}  # a bar's end -> what was held through it, by symbol

    def on_tick(self, val: TwinBar) -> list[PooledBar]:
        """Takes a symbol's next bar."""
        sym, ts_event = val.sym, val.ts_event
        before = self._reached[sym]
        if ts_event <= before:
            return []
        self._reached[sym] = ts_event
        spans = self._missed.get(sym, ())
        counts = not any(before < span.upto and span.since < ts_event for span in spans)
        if spans:
            self._missed[sym] = [span for span in spans if span.upto > ts_event]
        if ts_event > self._closed:
            held = self._waiting.setdefault(ts_event, {})
            if val.net is not None and counts:
                held[sym] = val
        return self._close()

    def miss(self, sym: str, since: int, upto: int) -> list[PooledBar]:
        """Lets the others go on up to and with the bar's end `upto` without a symbol whose last bar ended at `since`.

        Returns the bars that this closes.
        """
        if sym not in self._reached or upto <= self._reached[sym]:
            return []
        spans = self._missed.setdefault(sym, [])
        if spans and spans[-1].upto >= since:
            since, upto = min(spans[-1].since, since), max(spans.pop().upto, upto)
        spans.append(MissedSpan(sym=sym, since=since, upto=upto))
        return self._close()

    def behind(self) -> Behind | None:
        """Returns who is waited for though another symbol is a whole bar further; None where nobody is."""
        if len(self._waiting) < 2:
            return None
        upto = sorted(self._waiting)[-2]
        late = {sym: reached for sym, reached in self._reached.items() if self._come_to(sym) < upto}
        return Behind(upto, late) if late else None

    def _come_to(self, sym: str) -> int:
        """Returns the end up to which a symbol is waited for no more."""
        reached = self._reached[sym]
        for span in self._missed.get(sym, ()):
            if reached >= span.since:
                reached = max(reached, span.upto)
        return reached

    def _close(self) -> list[PooledBar]:
        """Returns the bars to whose end every symbol has come, and what nobody waits for any longer."""
        waiting, upto, closed = self._waiting, min(map(self._come_to, self._reached)), []
        for end in sorted(waiting):
            if end > upto and len(waiting) <= MAX_BEHIND:
                break
            bars = waiting.pop(end)
            self._closed = end
            if bars:
                closed.append(_pooled(end, [bars[sym] for sym in sorted(bars)]))
        return closed

    def state(self) -> State:
        """Returns how far each symbol has come, and what waits."""
        bars = [
            HeldBar(sym=bar.sym, ts_event=bar.ts_event, tr=bar.tr, model=bar.model, net=bar.net or 0.0)
            for held in self._waiting.values()
            for bar in held.values()
        ]
        missed = tuple(span for spans in self._missed.values() for span in spans)
        return PoolSnapshot(
            reached=dict(self._reached), closed=self._closed, waiting=bars, ends=list(self._waiting), missed=missed
        )

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave; symbols that are no more are left out, new ones begin."""
        saved = PoolSnapshot.of(state)
        self._reached = {sym: saved.reached.get(sym, 0) for sym in self._reached}
        self._missed = {}
        for span in saved.missed:
            if span.sym in self._reached:
                self._missed.setdefault(span.sym, []).append(span)
        self._closed = saved.closed
        self._waiting = {end: {} for end in saved.ends}
        for bar in saved.waiting:
            if bar.sym in self._reached:
                self._waiting[bar.ts_event][bar.sym] = TwinBar(bar.sym, bar.ts_event, bar.tr, bar.model, bar.net)


def _pooled(end: int, bars: list[TwinBar]) -> PooledBar:
    nets = tuple(bar.net or 0.0 for bar in bars)
    total = 0.0  # `sum` rounds otherwise in some versions of Python, and a replay must give the same
    for net in nets:
        total += net
    most = max(bars, key=lambda bar: abs(bar.net or 0.0))
    return PooledBar(end, most.tr, most.model, total / len(nets), tuple(bar.sym for bar in bars), nets)
