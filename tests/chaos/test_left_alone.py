"""The gateway is killed for good as entries go out, and the price runs away: what lies at the exchange closes them."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from services.simulator.engine.stops import EngineStop
from services.simulator.simulator import Simulator
from shared.bus.names import Names
from shared.bus.redis_bus import RedisBus
from shared.config import Settings, load_settings
from shared.messages import Leg
from tests.chaos.account import PARTITIONS, TROUBLES, arm, as_variables, exchange, given, listed
from tests.chaos.asker import PRICE, STEP, Asker, Book
from tests.chaos.counts import Counts, CountsFile
from tests.chaos.evidence import Evidence, missed_plants
from tests.chaos.line import Line
from tests.chaos.sent import Sent
from tests.chaos.server import Server
from tests.chaos.sums import ALONE
from tests.simulator_venues import BINANCE, HYPERLIQUID, OKX, SWAPS, Place, named
from tests.until import until

Say = Callable[[str], None]
GATEWAY = "gateway"
RECOVERS_S = 60.0
AT_ONCE = 3  # entries in each round
LATEST_S = (0.06, 0.6)  # the kill comes at most so long behind the first entry's request
PROTECT = {"stop_bps": "100"}
STEPS, AWAY = 12, Decimal("0.003")  # the price runs so far, in all well beyond the stop
WITHOUT = (BINANCE, HYPERLIQUID)  # where the stop follows the fill, or comes with a whole fill only
CLOSED, OPEN, TURNED = "closed by its stop", "filled, and no stop yet", "turned by the stop that it carried"
KILLS, KILLS_SHORT = 50, 1  # on each exchange


class Entries(Asker):
    """It asks for entries only, one of each symbol that it is told."""

    def enter(self, syms: Sequence[str]) -> None:
        """Has an entry asked for in each."""
        for sym in syms:
            self.books[sym].left += 1

    def _add(self, book: Book, legs: int) -> None:
        qty = STEP * self._rng.randint(3, 30) * self._rng.choice((1, -1))
        self._append(book, self._intent(book, qty, Leg.OPEN, None))


def filled(fake: Simulator, name: str) -> Decimal:
    """Returns what the exchange has filled of an order of ours."""
    return sum((fill.qty for fill in fake.engine.fills if fill.client_id == name), Decimal(0))


def closed_by_stops(fake: Simulator, id_: str, since: int) -> Decimal:
    """Returns what the orders that stops became have traded in a market; since: so many fills come before."""
    stops, fills = fake.engine.stops, (fill for fill in fake.engine.fills[since:] if fill.sym == id_)
    return sum((fill.qty for fill in fills if stops.of_order(fill.order_id)), Decimal(0))


def stops_of(fake: Simulator, id_: str, since_ms: int) -> list[EngineStop]:
    """Returns the stops of a market that the exchange has taken since then."""
    return [stop for stop in fake.engine.stops.all() if stop.sym == id_ and stop.created_ms >= since_ms]


async def run_away(fake: Simulator, ids: Sequence[str], sides: Sequence[int]) -> None:
    """Moves the prices against the sides, step by step, once no order is open, until nothing is on its way any more."""

    def over() -> bool:
        fake.engine.advance(fake.state.now_ms())
        return not fake.engine.open_orders()

    await until(over)
    for _ in range(STEPS):
        for id_, side in zip(ids, sides, strict=True):
            mid, tick = fake.engine.prices.quote(id_, fake.state.now_ms()).mid, fake.engine.listings[id_].tick
            fake.engine.prices.set(id_, mid * (1 - side * AWAY) // tick * tick)
        fake.engine.advance(fake.state.now_ms())
        await asyncio.sleep(0.03)
    await until(lambda: not fake.server.late, within_s=10)
    await asyncio.sleep(fake.state.stop_faults.late_ms / 1000)
    fake.engine.advance(fake.state.now_ms())


class Rounds:
    """Each round kills the gateway once, and counts what became of the entries."""

    def __init__(
        self, fake: Simulator, sent: Sent, place: Place, entries: Entries, line: Line, rng: random.Random
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._fake, self._sent, self._place = fake, sent, place
        self._entries, self._line, self._rng = entries, line, rng

    async def once(self) -> None:
        """Enters, kills, lets the price run away, looks, starts the gateway again, and waits until it knows."""
        fake, rng, entries = self._fake, self._rng, self._entries
        syms = rng.sample(list(entries.books), AT_ONCE)
        ids = [listed(self._place, sym) for sym in syms]
        sent, fills, began_ms = self._sent.all, len(fake.engine.fills), fake.state.now_ms()
        entries.enter(syms)
        await until(lambda: self._sent.all > sent or entries.settled)
        if self._sent.all == sent:
            self.counts["refused"] += 1  # by the gateway, which has just begun: it does not know the equity yet
            return
        await asyncio.sleep(rng.uniform(0, rng.choice(LATEST_S)))
        self._line.kill(GATEWAY)
        self.counts["kills"] += 1
        asked = [entries.books[sym].asked[-1] for sym in syms]
        await run_away(fake, ids, [1 if intent.signed_qty > 0 else -1 for intent in asked])
        for intent, id_ in zip(asked, ids, strict=True):
            by_stops = closed_by_stops(fake, id_, fills)
            self._look(filled(fake, intent.client_order_id), by_stops, id_, stops_of(fake, id_, began_ms))
        self._line.tend()

        def known() -> bool:
            self._line.tend()
            return entries.settled and all(
                not fake.engine.wallet.holding(id_).qty
                and not entries.books[sym].held
                and not fake.engine.stops.waiting(id_)
                for sym, id_ in zip(syms, ids, strict=True)
            )

        await until(known, within_s=RECOVERS_S, every_s=0.02)

    def _look(self, qty: Decimal, by_stops: Decimal, id_: str, stops: Sequence[EngineStop]) -> None:
        """Counts one entry, as it stands with the gateway dead; by_stops: what its stops have traded."""
        held = self._fake.engine.wallet.holding(id_).qty
        if not qty:
            self.counts["nothing filled"] += 1
            assert not held
        elif not held:
            assert by_stops == -qty, f"{id_}: {qty} was filled, and {by_stops} of it closed by stops"
            self.counts[CLOSED] += 1
        elif held * qty < 0:
            # OKX: one that an entry carries does not only reduce, and lay beside the one that was to take its place.
            self.counts[TURNED] += 1
            assert self._place is OKX and len(stops) > 1, f"{id_}: {held} is open instead of {qty}, {stops}"
        else:
            self.counts[OPEN] += 1
            assert not stops, f"{id_}: {held} is open beside {stops}"
            assert self._place in WITHOUT, f"{id_}: {held} was filled without its stop"

    def told(self, counts: Counts) -> None:
        """Tells what there was."""
        counts.kills, counts.left_closed = self.counts["kills"], self.counts[CLOSED]
        counts.left_turned = self.counts[TURNED]
        counts.left_filled = counts.left_closed + counts.left_turned + self.counts[OPEN]


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("place", SWAPS, ids=named)
async def test_what_was_filled_is_closed_without_us(
    folder: Path, rng: random.Random, short: bool, say: Say, counts_file: CountsFile, place: Place
) -> None:
    kills, server = KILLS_SHORT if short else KILLS, Server(folder)
    server.start()
    try:
        with counts_file.form(ALONE, place.exchange) as counts:
            async with exchange(place, rng) as (fake, sent):
                fake.state.stop_faults.chances = {"late": 0.3}
                fake.state.random_faults.chances = {**TROUBLES, "miss": 0.05}
                values = given(folder, fake.url, place, protect=PROTECT)
                settings: Settings = load_settings(**values)
                await arm(settings)
                bus = RedisBus(server.url, Names(settings.namespace), lease_s=60, timeout_s=5, maxlens={})

                def price(sym: str) -> Decimal:
                    return fake.engine.prices.quote(listed(place, sym), fake.state.now_ms()).mid

                entries = Entries(bus, list(settings.symbols), 0, PARTITIONS, rng, price=price)
                asking = asyncio.create_task(entries.run())
                with Line(folder, server.url, as_variables(values)) as line:
                    line.start(GATEWAY)
                    rounds = Rounds(fake, sent, place, entries, line, rng)
                    while rounds.counts["kills"] < kills or not rounds.counts[CLOSED]:
                        await rounds.once()
                        assert not asking.done(), asking.result()
                        for sym in settings.symbols:
                            fake.engine.prices.set(listed(place, sym), PRICE)
                    fake.state.random_faults.chances = {}
                    await asyncio.to_thread(line.stop)
                    assert not line.unexpected
                asking.cancel()
                evidence = await Evidence.of(settings, fake, sent, entries, place)
            say(f"{evidence.human()}; {dict(rounds.counts)}")
            assert evidence.faults() == []
            assert missed_plants(evidence) == []
            rounds.told(counts)
    finally:
        server.stop()
