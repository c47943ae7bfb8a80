"""For how long a position had no stop, and why: by the exchange's own book, and by the journal's stamps."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from services.simulator.engine.events import EngineFill
from services.simulator.engine.stops import EngineStop, StopState
from tests.chaos.adversary import FAILING

ZERO = Decimal(0)
# Why a position is without a stop, by what was there just before.
FOLLOWS = "follows"  # a trade has opened, turned or changed it, and its order has carried no stop that fits
ATTACHED = "attached"  # a trade has opened it, and the order that carries its stop is over
FILLING = "filling"  # likewise, and that order is not over yet: until then OKX has placed nothing
REFUSED = "refused"  # a trade has opened it, and the exchange has not placed what the order carried
FAILED = "failed"  # its stop was triggered, and has not closed it
CANCELED = "canceled"  # its stop was cancelled
CAUSES = (FOLLOWS, ATTACHED, FILLING, REFUSED, FAILED, CANCELED)


class Span(NamedTuple):
    """A span of time, ms. cause: one of CAUSES, of a span without a stop."""

    from_ms: int
    until_ms: int
    cause: str = ""

    @property
    def ms(self) -> int:
        """Returns how long it is."""
        return self.until_ms - self.from_ms

    def meets(self, others: Iterable["Span"], within_ms: int = 0) -> bool:
        """Says whether one of the others lies in it, or so near."""
        return any(
            one.from_ms - within_ms <= self.until_ms and self.from_ms <= one.until_ms + within_ms for one in others
        )


class Exposed(NamedTuple):
    """Of one market: when it was held, and when nothing that lay there would have closed it; each in order."""

    held: tuple[Span, ...]
    naked: tuple[Span, ...]


def closes(stop: EngineStop, held: Decimal) -> bool:
    """Says whether a stop, as it stands, closes all of a position when its price comes.

    >>> stop = EngineStop(1, "", "B", "STOP", -1, ZERO, Decimal(9), False, 0, 0)
    >>> closes(stop, Decimal(2)), closes(stop, Decimal(-2)), closes(stop._replace(qty=Decimal(1)), Decimal(2))
    (True, False, False)
    """
    lies = stop.state == StopState.WAITING or (stop.state == StopState.TRIGGERING and stop.at_trigger not in FAILING)
    return lies and held * stop.side < 0 and (stop.whole or stop.qty == abs(held))


class _Carried:
    """What the orders of one market have carried; versions: of their stops, as they came."""

    def __init__(self, fills: Sequence[EngineFill], versions: Sequence[EngineStop], over_ms: Mapping[int, int]) -> None:
        self._first, self._over_ms, self._filled = dict[int, EngineFill](), dict[int, int](), dict[int, Decimal]()
        for fill in fills:
            self._first.setdefault(fill.order_id, fill)
            self._over_ms[fill.order_id] = over_ms.get(fill.order_id, fill.at_ms)
            self._filled[fill.order_id] = self._filled.get(fill.order_id, ZERO) + fill.qty
        self._newest = {stop.parent: stop for stop in versions if stop.parent}
        self._awake: set[int] = set()

    def at_ms(self, stop: EngineStop) -> int:
        """Returns when a version came to be: one that wakes does so at its order's first trade, or end."""
        if stop.parent and stop.state == StopState.WAITING and stop.id not in self._awake:
            self._awake.add(stop.id)
            first, over_ms = self._first.get(stop.parent), self._over_ms.get(stop.parent, stop.updated_ms)
            return min(first.at_ms if first is not None and stop.at_first_fill else over_ms, stop.updated_ms)
        return stop.updated_ms

    def cause(self, fill: EngineFill, before: Decimal) -> str:
        """Returns why a trade leaves the position without a stop; before: what was there, dust too.

        What an order goes on to fill after its stop has closed the first part, has no stop of its own.
        """
        stop = self._newest.get(fill.order_id)
        if (
            before
            or self._first[fill.order_id] is not fill
            or stop is None
            or stop.state in (StopState.DISCARDED, StopState.DORMANT)
        ):
            return FOLLOWS
        return REFUSED if stop.unattached or (stop.state == StopState.FAILED and not stop.fired_ms) else ATTACHED

    def fits_its_order(self, stop: EngineStop) -> bool:
        """Says whether a stop is of what the order that has carried it has filled."""
        return stop.qty == abs(self._filled.get(stop.parent, ZERO))

    def parted(self, span: Span, order_id: int) -> list[Span]:
        """Returns the part of a span in which the order that carries the stop was being filled, and the rest."""
        over_ms = min(self._over_ms.get(order_id, span.from_ms), span.until_ms)
        if span.cause != ATTACHED or over_ms <= span.from_ms:
            return [span]
        parts = [Span(span.from_ms, over_ms, FILLING), span._replace(from_ms=over_ms)]
        return [part for part in parts if part.ms]


def exposed(
    fills: Iterable[EngineFill],
    versions: Iterable[EngineStop],
    until_ms: int,
    over_ms: Mapping[int, int] = MappingProxyType({}),
    dust: Decimal = ZERO,
) -> Exposed:
    """Returns the spans of one market, from its fills and all versions of its stops.

    - over_ms: when an order was over, by its id; one that is not there was so with its last trade.
    - dust: a position that is worth less counts as none.

    >>> fill = EngineFill(1, 1, "", "B", Decimal(2), Decimal(10), ZERO, "", ZERO, 100)
    >>> stop = EngineStop(2, "", "B", "STOP", -1, ZERO, Decimal(9), False, 130, 130)
    >>> exposed([fill], [stop], 200).naked
    (Span(from_ms=100, until_ms=130, cause='follows'),)
    >>> exposed([fill], [stop._replace(parent=1)], 200)
    Exposed(held=(Span(from_ms=100, until_ms=200, cause=''),), naked=())
    """
    traded, known = list(fills), list(versions)
    carried = _Carried(traded, known, over_ms)
    happened: list[tuple[int, int, EngineFill | EngineStop]] = [(fill.at_ms, 0, fill) for fill in traded]
    happened += [(carried.at_ms(stop), 1, stop) for stop in known if stop.state != StopState.DORMANT]
    happened.sort(key=lambda one: one[:2])
    book = _Book(carried, dust)
    for at_ms, _, what in happened:
        book.take(at_ms, what)
    book.close(until_ms)
    return Exposed(tuple(book.held), tuple(book.naked))


class _Book:
    """The book of one market: its position without dust, its stops, and the spans so far."""

    def __init__(self, carried: _Carried, dust: Decimal) -> None:
        self.held, self.naked = list[Span](), list[Span]()
        self._carried, self._dust = carried, dust
        self._all = self._position = ZERO
        self._stops = dict[int, EngineStop]()
        self._held_ms = self._naked_ms = -1
        self._cause, self._order_id = "", 0
        self._unfit = False  # the stop that the order has carried lies there, and something else has closed a part

    def take(self, at_ms: int, what: EngineFill | EngineStop) -> None:
        """Takes what has happened."""
        before, there = self._position, self._all
        if isinstance(what, EngineFill):
            self._all += what.qty
            self._position = self._all if abs(self._all) * what.price >= self._dust else ZERO
            if self._position * before <= 0:
                self.close(at_ms)  # it is gone, or turned: another one begins
        else:
            self._stops[what.id] = what
        if self._position and self._held_ms < 0:
            self._held_ms = at_ms
        bare = bool(self._position) and not any(closes(stop, self._position) for stop in self._stops.values())
        if bare and self._naked_ms < 0:
            self._naked_ms = at_ms
            self._cause, self._order_id = self._why(what, there)
        elif not bare:
            self._dress(at_ms)
        if bare and isinstance(what, EngineStop) and what.parent == self._order_id and what.state == StopState.WAITING:
            self._unfit = self._position * what.side < 0 and self._carried.fits_its_order(what)

    def close(self, at_ms: int) -> None:
        """Ends what goes on."""
        if 0 <= self._held_ms < at_ms:
            self.held.append(Span(self._held_ms, at_ms))
        self._held_ms = -1
        self._dress(at_ms)

    def _dress(self, at_ms: int) -> None:
        if 0 <= self._naked_ms < at_ms:
            parts = self._carried.parted(Span(self._naked_ms, at_ms, self._cause), self._order_id)
            late = FOLLOWS if self._unfit else ATTACHED
            self.naked += [part._replace(cause=late) if part.cause == ATTACHED else part for part in parts]
        self._naked_ms, self._unfit = -1, False

    def _why(self, what: EngineFill | EngineStop, there: Decimal) -> tuple[str, int]:
        if isinstance(what, EngineFill):
            return self._carried.cause(what, there), what.order_id
        return CANCELED if what.state == StopState.CANCELED else FAILED, 0


class Share(NamedTuple):
    """Of all time with a position: the share of it without a stop; of its spans p99 and the longest, ms."""

    share: float
    p99_ms: int
    most_ms: int
    spans: int

    @classmethod
    def of(cls, held_ms: int, naked_ms: Iterable[int]) -> "Share":
        """Returns what these spans make, each as long as it is.

        >>> Share.of(1000, [30, 10])
        Share(share=0.04, p99_ms=30, most_ms=30, spans=2)
        """
        lengths = sorted(naked_ms)
        p99 = lengths[min(len(lengths) * 99 // 100, len(lengths) - 1)] if lengths else 0
        share = sum(lengths) / held_ms if held_ms else 0.0
        return cls(share, p99, lengths[-1] if lengths else 0, len(lengths))
