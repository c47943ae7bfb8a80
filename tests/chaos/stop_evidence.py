"""What exchange and journal know of the same stops when all has come to rest, and for how long positions had none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Self

from services.simulator.engine.events import OPEN
from services.simulator.engine.stops import EngineStop
from services.simulator.simulator import Simulator
from shared.config import Settings
from shared.journal.journal import Journal
from shared.journal.rows import NakedRow
from shared.messages import ExecutionReport
from shared.messages.codec import kept
from shared.orders.stop_life import StopLife
from tests.chaos.account import listed
from tests.chaos.adversary import Adversary
from tests.chaos.naked import ATTACHED, CAUSES, FOLLOWS, Exposed, Span, closes, exposed
from tests.simulator_venues import HYPERLIQUID, Place

MOST_DUST = Decimal(30)  # USDC: any order at Hyperliquid is of 10 at least, and prices move
LOSS = frozenset({"STOP_MARKET", "sl", "StopLoss"})  # the exchanges' words for a stop that limits the loss
JOURNAL, BOOK = "by the journal", "by the exchange's book"
NOTED, AT_WORK = "noted, a gateway at work", "follows, a gateway at work"
NEW = "it has none yet"  # the journal's word for a position whose stop follows the trade
NOTICED_MS = 13_000  # so long a stop may be gone, or stuck as it was triggered (`trigger_s`), before anybody can know


@dataclass(frozen=True)
class StopEvidence:
    """The evidence, by symbol.

    - held: what the exchange holds. waiting: the stops that wait there.
    - exposed: by the exchange's book, when the position was held, and when no stop would have closed it.
    - naked: the journal's own account of that. lives: its stops that may be there.
    - ids: the exchange's, of the stops that wait.
    - away: when no gateway was at work, or one had just begun.
    - dusty: symbols of which so little is held that the exchange lets nobody close it (Hyperliquid: 10 USDC), as the
      journal's last report says.
    """

    held: Mapping[str, Decimal]
    waiting: Mapping[str, tuple[EngineStop, ...]]
    ids: Mapping[str, frozenset[str]]
    exposed: Mapping[str, Exposed]
    naked: Mapping[str, tuple[NakedRow, ...]]
    lives: Mapping[str, tuple[StopLife, ...]]
    away: tuple[Span, ...] = ()
    dusty: frozenset[str] = frozenset()

    @classmethod
    async def of(
        cls, settings: Settings, fake: Simulator, adversary: Adversary, place: Place, away: Sequence[Span] = ()
    ) -> Self:
        """Takes it, from a simulator on which nothing is due any more."""
        engine, now_ms = fake.engine, fake.state.now_ms()
        ids = {sym: listed(place, sym) for sym in settings.symbols}
        waiting = {sym: tuple(engine.stops.waiting(id_)) for sym, id_ in ids.items()}
        async with await Journal.open(settings.journal_url, "main", durable=True) as journal:
            naked, lives = await journal.naked(), await journal.stops()
            dust = {sym: await _dust(journal, sym) for sym in ids}
        held = {sym: engine.wallet.holding(id_).qty for sym, id_ in ids.items()}
        over_ms = {order.id: order.updated_ms for order in engine.orders() if order.state not in OPEN}
        worth = {sym: abs(qty) * engine.prices.quote(ids[sym], now_ms).mid for sym, qty in held.items()}
        return cls(
            held=held,
            dusty=frozenset(
                sym for sym in ids if place is HYPERLIQUID and held[sym] == dust[sym] and 0 < worth[sym] < MOST_DUST
            ),
            waiting=waiting,
            ids={sym: frozenset(place.order_id(stop.id) for stop in own) for sym, own in waiting.items()},
            exposed={
                sym: exposed(
                    (fill for fill in engine.fills if fill.sym == id_),
                    (stop for stop in adversary.versions if stop.sym == id_ and stop.kind in LOSS),
                    now_ms,
                    over_ms,
                    MOST_DUST if place is HYPERLIQUID else Decimal(0),
                )
                for sym, id_ in ids.items()
            },
            naked={sym: tuple(row for row in naked if row.book == f"strategy:{sym}") for sym in ids},
            lives={sym: tuple(life for life in lives if life.sym == sym) for sym in ids},
            away=tuple(away),
        )

    def faults(self) -> list[str]:
        """Returns what must not be, a line each."""
        found = list[str]()
        for sym, held in self.held.items():
            own, ids = self.waiting[sym], self.ids[sym]
            losses = [stop for stop in own if stop.kind in LOSS]
            if held and sym not in self.dusty and not any(closes(stop, held) for stop in losses):
                found.append(f"{sym}: {held} is held without a stop")
            found += [f"{sym}: stop {stop.id} is left over beside {held}" for stop in own if not closes(stop, held)]
            if len(losses) > 1:
                found.append(f"{sym}: {len(losses)} stops wait for one position")
            known = {life.venue_id for life in self.lives[sym]}
            found += [f"{sym}: the journal knows nothing of stop {id_}" for id_ in ids - known]
            found += [f"{sym}: stop {id_} is in the journal only" for id_ in known - ids]
            found += [
                f"{sym}: without a stop since {row.from_ms}" for row in self.naked[sym] if self._goes_on(sym, row)
            ]
            found += [f"{sym}: nobody noted that it had no stop for {span.ms} ms" for span in self.unnoted(sym)]
            found += [
                f"{sym}: held for {span.ms} ms, since {span.from_ms}, without the stop that its order had carried"
                for span in self.exposed[sym].naked
                if span.cause == ATTACHED
            ]
        return found

    def _goes_on(self, sym: str, row: NakedRow) -> bool:
        return not row.until_ms and sym not in self.dusty

    def unnoted(self, sym: str) -> list[Span]:
        """Returns when a position had no stop, for longer than it takes to notice, and the journal lacks it."""
        noted = [Span(row.from_ms, row.until_ms or 1 << 62) for row in self.naked[sym]]
        return [
            span
            for span in self.exposed[sym].naked
            if span.ms > NOTICED_MS and not span.meets(noted, NOTICED_MS) and not span.meets(self.away)
        ]

    @property
    def held_ms(self) -> int:
        """Returns for how long positions were held, all together."""
        return sum(span.ms for own in self.exposed.values() for span in own.held)

    @property
    def naked_spans(self) -> list[Span]:
        """Returns when positions had no stop, by the exchange's book."""
        return [span for own in self.exposed.values() for span in own.naked]

    def naked_ms(self) -> dict[str, list[int]]:
        """Returns how long positions had no stop each time.

        By the journal's stamps and by the exchange's book over the whole run, and then by cause; of both those that
        follow a trade while a gateway was at work.
        """
        spans, found = self.naked_spans, dict[str, list[int]]()
        noted = [Span(row.from_ms, row.until_ms, row.why) for own in self.naked.values() for row in own if row.until_ms]
        found[JOURNAL] = [span.ms for span in noted]
        found[NOTED] = [span.ms for span in noted if span.cause == NEW and not span.meets(self.away)]
        found[BOOK] = [span.ms for span in spans]
        for cause in CAUSES:
            found[cause] = [span.ms for span in spans if span.cause == cause]
        found[AT_WORK] = [span.ms for span in spans if span.cause == FOLLOWS and not span.meets(self.away)]
        return found


async def _dust(journal: Journal, sym: str) -> Decimal:
    """Returns what the last report of a symbol says that nobody can sell."""
    book = f"strategy:{sym}"
    rows = await journal.executions(book, after_seq=await journal.last_seq(book) - 1, limit=1)
    return kept(ExecutionReport, rows[0].report).dust if rows else Decimal(0)


# What a fault would look like: each is put into good evidence, and must be found there.

StopPlant = Callable[[StopEvidence, str, EngineStop], StopEvidence]
OPEN_MS = 10_000


def _waiting(it: StopEvidence, sym: str, own: Sequence[EngineStop]) -> StopEvidence:
    return replace(it, waiting={**it.waiting, sym: tuple(own)})


def _bare(it: StopEvidence, sym: str) -> StopEvidence:
    """Returns it with a position that had no stop, of which the journal says nothing."""
    span = Span(1, 1 + 10 * NOTICED_MS)
    return replace(it, exposed={**it.exposed, sym: Exposed((span,), (span,))}, naked={**it.naked, sym: ()}, away=())


STOP_PLANTS: dict[str, StopPlant] = {
    "is held without a stop": lambda it, sym, stop: _waiting(it, sym, ()),
    "is left over": lambda it, sym, stop: replace(it, held={**it.held, sym: Decimal(0)}),
    "stops wait for one position": lambda it, sym, stop: _waiting(it, sym, (*it.waiting[sym], stop)),
    "knows nothing of stop": lambda it, sym, stop: replace(it, lives={**it.lives, sym: ()}),
    "is in the journal only": lambda it, sym, stop: replace(it, ids={**it.ids, sym: frozenset()}),
    "without a stop since": lambda it, sym, stop: replace(
        it, naked={**it.naked, sym: (NakedRow(f"strategy:{sym}", OPEN_MS, 0, "", ""),)}
    ),
    "nobody noted": lambda it, sym, stop: _bare(it, sym),
    "its order had carried": lambda it, sym, stop: replace(
        it, exposed={**it.exposed, sym: Exposed((), (Span(1, 2, ATTACHED),))}
    ),
}


def missed_stop_plants(evidence: StopEvidence) -> list[str]:
    """Returns the faults that are not found when they are put into good evidence; none where no stop waits there."""
    found = [(sym, stop) for sym, own in evidence.waiting.items() for stop in own if stop.kind in LOSS]
    if not found:
        return []
    sym, stop = found[0]
    return [
        words
        for words, plant in STOP_PLANTS.items()
        if not any(words in fault for fault in plant(evidence, sym, stop).faults())
    ]
