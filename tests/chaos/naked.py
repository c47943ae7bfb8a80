"""For how long a position had no stop: by the exchange's own book, and by the journal's stamps."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from services.simulator.engine.events import EngineFill
from services.simulator.engine.stops import EngineStop, StopState
from tests.chaos.adversary import FAILING

ZERO = Decimal(0)


class Span(NamedTuple):
    """A span of time, ms."""

    from_ms: int
    until_ms: int

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


def exposed(fills: Iterable[EngineFill], versions: Iterable[EngineStop], until_ms: int) -> Exposed:
    """Returns the spans of one market, from its fills and all versions of its stops.

    >>> fill = EngineFill(1, 1, "", "B", Decimal(2), Decimal(10), ZERO, "", ZERO, 100)
    >>> stop = EngineStop(2, "", "B", "STOP", -1, ZERO, Decimal(9), False, 130, 130)
    >>> exposed([fill], [stop], 200)
    Exposed(held=(Span(from_ms=100, until_ms=200),), naked=(Span(from_ms=100, until_ms=130),))
    """
    happened: list[tuple[int, int, EngineFill | EngineStop]] = []
    happened += [(fill.at_ms, 0, fill) for fill in fills]
    happened += [(stop.updated_ms, 1, stop) for stop in versions]
    happened.sort(key=lambda one: one[:2])
    position, stops = ZERO, dict[int, EngineStop]()
    held, naked = list[Span](), list[Span]()
    held_ms = naked_ms = -1
    for at_ms, _, what in [*happened, (until_ms, 2, None)]:
        if isinstance(what, EngineFill):
            position += what.qty
        elif what is not None:
            stops[what.id] = what
        bare = bool(position) and not any(closes(stop, position) for stop in stops.values())
        over = what is None
        held_ms = _goes_on(held, held_ms, at_ms, goes_on=bool(position) and not over)
        naked_ms = _goes_on(naked, naked_ms, at_ms, goes_on=bare and not over)
    return Exposed(tuple(held), tuple(naked))


def _goes_on(spans: list[Span], since_ms: int, at_ms: int, *, goes_on: bool) -> int:
    """Begins a span, or ends one; returns when the one that goes on began, -1: none does."""
    if goes_on:
        return at_ms if since_ms < 0 else since_ms
    if 0 <= since_ms < at_ms:
        spans.append(Span(since_ms, at_ms))
    return -1


class Share(NamedTuple):
    """Of all time with a position: the share of it without a stop; of its spans p99 and the longest, ms."""

    share: float
    p99_ms: int
    most_ms: int
    spans: int

    @classmethod
    def of(cls, held: Sequence[Span], naked: Sequence[Span]) -> "Share":
        """Returns what these spans make.

        >>> Share.of([Span(0, 1000)], [Span(0, 10), Span(500, 530)])
        Share(share=0.04, p99_ms=30, most_ms=30, spans=2)
        """
        lengths = sorted(span.ms for span in naked)
        all_ms = sum(span.ms for span in held)
        p99 = lengths[min(len(lengths) * 99 // 100, len(lengths) - 1)] if lengths else 0
        return cls(sum(lengths) / all_ms if all_ms else 0.0, p99, lengths[-1] if lengths else 0, len(lengths))

    def __str__(self) -> str:
        return f"{self.share:.2%} of the time with a position, p99 {self.p99_ms} ms, most {self.most_ms} ms"
