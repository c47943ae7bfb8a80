"""What exchange, journal, stream and strategy know of the same orders, and where they contradict one another."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Self, TypeVar

from services.simulator.engine.events import EngineFill, EngineOrder
from services.simulator.simulator import Simulator
from shared.config import Settings
from shared.journal.journal import Journal
from shared.journal.rows import OrderRow
from shared.messages import ExecutionReport, Leg
from shared.messages.codec import kept
from shared.messages.reasons import OrderPhase, Reason, TimeInForce
from tests.chaos.account import listed
from tests.chaos.asker import Asker
from tests.chaos.sent import Sent
from tests.simulator_venues import Place

ZERO = Decimal(0)
NAMELESS = "the order"
UNSENT = (OrderPhase.REJECTED, OrderPhase.EXPIRED)


@dataclass(frozen=True)
class Evidence:
    """The evidence is taken when nothing is on its way any more.

    - asked: our ids of what the strategy asked for; contradictions: what it was told twice, with other content.
    - sent: how often a request went out, by our id; accepted: likewise what the exchange took.
    - traded, held: by the exchange: what it traded for each id, what it holds of each symbol.
    - rows: the journal's orders; journaled: its reports by symbol; streamed: those on the bus.
    """

    asked: frozenset[str]
    contradictions: tuple[str, ...]
    sent: Mapping[str, int]
    accepted: Mapping[str, int]
    traded: Mapping[str, Decimal]
    held: Mapping[str, Decimal]
    rows: Mapping[str, OrderRow]
    journaled: Mapping[str, tuple[ExecutionReport, ...]]
    streamed: Mapping[str, tuple[ExecutionReport, ...]]

    @classmethod
    async def of(cls, settings: Settings, fake: Simulator, sent: Sent, asker: Asker, place: Place) -> Self:
        """Takes it, from a simulator on which nothing is due any more."""
        engine = fake.engine
        async with await Journal.open(settings.journal_url, "main", durable=True) as journal:
            journaled = {
                sym: tuple(
                    kept(ExecutionReport, row.report)
                    for row in await journal.executions(f"strategy:{sym}", limit=100_000)
                )
                for sym in asker.books
            }
            rows = {row.client_order_id: row for row in await journal.orders(open_only=False)}
        became = {row.became: name for name, row in rows.items() if row.became}

        def name_of(order: EngineOrder | EngineFill) -> str:
            """Returns our id of an order, or of a trade's; also where a stop has become that order."""
            id_ = order.id if isinstance(order, EngineOrder) else order.order_id
            if engine.stops.of_order(id_) is None:
                return order.client_id
            return became.get(place.order_id(id_), f"{NAMELESS} {id_}, which a stop became,")

        traded: dict[str, Decimal] = {}
        for fill in engine.fills:
            traded[name_of(fill)] = traded.get(name_of(fill), ZERO) + fill.qty
        return cls(
            asked=frozenset(intent.client_order_id for book in asker.books.values() for intent in book.asked),
            contradictions=tuple(asker.contradictions),
            sent=Counter(sent.counts),
            accepted=Counter(map(name_of, engine.accepted)),
            traded={name: qty for name, qty in traded.items() if qty},
            held={sym: engine.wallet.holding(listed(place, sym)).qty for sym in asker.books},
            rows=rows,
            journaled=journaled,
            streamed={sym: tuple(book.answered[n] for n in sorted(book.answered)) for sym, book in asker.books.items()},
        )

    def faults(self) -> list[str]:
        """Returns what must not be, a line each."""
        found = list(self.contradictions)
        found += [f"{name} was sent {count} times" for name, count in self.sent.items() if count > 1]
        found += [f"{name} is on the venue {count} times" for name, count in self.accepted.items() if count > 1]
        found += [f"{name} is on the venue, and was not sent" for name in self.accepted if not self._was_sent(name)]
        found += [f"{name} was asked for, and the journal lacks it" for name in self.asked - self.rows.keys()]
        found += [f"{name} was not asked for" for name in self.rows.keys() - self.asked - self._our_own()]
        for name in self.traded.keys() | self.rows.keys():
            booked = self.rows[name].filled_qty if name in self.rows else ZERO
            if booked != self.traded.get(name, ZERO):
                found.append(f"{name}: {self.traded.get(name, ZERO)} on the venue, {booked} in the journal")
        for name, row in self.rows.items():
            if row.state in (OrderPhase.INTENT, OrderPhase.SENT, OrderPhase.UNKNOWN):
                found.append(f"{name} never ended: {row.state}")
            if name not in self.accepted and row.state not in UNSENT:
                found.append(f"{name} is {row.state}, and the venue never had it")
        for sym, reports in self.journaled.items():
            if [report.n for report in reports] != list(range(1, len(reports) + 1)):
                found.append(f"{sym}: the journal's reports are not numbered from 1")
            if reports != self.streamed[sym]:
                found.append(f"{sym}: {len(reports)} reports in the journal, others on the stream")
            position = sum((report.last_qty for report in reports), ZERO)
            if position != self.held[sym]:
                found.append(f"{sym}: {position} in the books, {self.held[sym]} on the venue")
        return found

    def _was_sent(self, name: str) -> bool:
        """Says whether an order went out, or came of a stop."""
        of_stop = name not in self.rows or bool(self.rows[name].stop_id)  # one that ended without a trade is in no row
        return name in self.sent or (of_stop and (name in self.rows or name.startswith(NAMELESS)))

    def _our_own(self) -> set[str]:
        """Returns what nobody asks for: what a stop became, and what the gateway closes where one has failed."""
        return {name for name, row in self.rows.items() if row.leg is Leg.STOP}

    @property
    def iocs(self) -> Counter[str]:
        """Returns how the IOC orders ended that the venue took: `missed`, `partial`, `full`."""
        ended: Counter[str] = Counter()
        for name, row in self.rows.items():
            if row.time_in_force is TimeInForce.IOC and name in self.accepted:
                full = abs(row.filled_qty) == abs(row.signed_qty)
                ended["full" if full else "partial" if row.filled_qty else "missed"] += 1
        return ended

    def human(self) -> str:
        """Returns a line of figures."""
        never = sum(row.reason is Reason.NOT_ON_VENUE for row in self.rows.values())
        states = dict(Counter(str(row.state) for row in self.rows.values()))
        return f"{len(self.rows)} orders: {len(self.accepted)} on the venue, {never} never there, {states}"


# What a fault would look like: each is put into good evidence, and must be found there.

Thing = TypeVar("Thing")
Plant = Callable[[Evidence, str, str], Evidence]


def _plus_one(counts: Mapping[str, int], name: str) -> Mapping[str, int]:
    return {**counts, name: counts[name] + 1}


def _without(things: Mapping[str, Thing], name: str) -> Mapping[str, Thing]:
    return {key: thing for key, thing in things.items() if key != name}


PLANTS: dict[str, Plant] = {
    "was sent 2 times": lambda it, name, sym: replace(it, sent=_plus_one(it.sent, name)),
    "was not sent": lambda it, name, sym: replace(it, sent=_without(it.sent, name)),
    "is on the venue 2 times": lambda it, name, sym: replace(it, accepted=_plus_one(it.accepted, name)),
    "the journal lacks it": lambda it, name, sym: replace(it, rows=_without(it.rows, name)),
    "was not asked for": lambda it, name, sym: replace(it, asked=it.asked - {name}),
    "in the journal": lambda it, name, sym: replace(it, traded={**it.traded, name: it.traded[name] * 2}),
    "never ended": lambda it, name, sym: replace(
        it, rows={**it.rows, name: it.rows[name]._replace(state=OrderPhase.UNKNOWN)}
    ),
    "the venue never had it": lambda it, name, sym: replace(it, accepted=_without(it.accepted, name)),
    "are not numbered from 1": lambda it, name, sym: replace(
        it, journaled={**it.journaled, sym: it.journaled[sym][1:]}
    ),
    "others on the stream": lambda it, name, sym: replace(it, streamed={**it.streamed, sym: it.streamed[sym][:-1]}),
    "in the books": lambda it, name, sym: replace(it, held={**it.held, sym: it.held[sym] + 1}),
}


def missed_plants(evidence: Evidence) -> list[str]:
    """Returns the faults that are not found when they are put into good evidence."""
    name = next(name for name, qty in evidence.traded.items() if qty and evidence.sent.get(name))
    sym = evidence.rows[name].sym
    return [
        words
        for words, plant in PLANTS.items()
        if not any(words in fault for fault in plant(evidence, name, sym).faults())
    ]
