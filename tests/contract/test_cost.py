"""What asking costs, from 1 to 100 markets, with ccxt's own throttle on; and that nothing gets too old for it."""

import asyncio
import re
import time
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.gateway.execution.protector import Protector
from services.gateway.execution.reconciler import Reconciler
from services.gateway.execution.session_context import SessionConfig
from services.gateway.execution.stop_watch import StopWatch
from services.gateway.execution.watches import EquityWatch, MarketWatch, QuoteWatch
from services.gateway.risk import RiskCheck, RiskRules
from services.gateway.risk.context import RiskContext
from services.simulator.engine.events import NewOrder
from shared.config import Mode
from shared.config.gateway import GatewaySettings
from shared.config.risk import RiskSettings
from shared.control.books import Books
from tests.bench.gateway.cost import COUNTS, PLACES, costs
from tests.simulator_venues import SPOTS, SWAPS, Place, in_process, named, throttle_in_virtual_time
from tests.virtual_time import run_seeded, virtually

DOCS = Path("docs/gateway.md")
SHOWN = re.compile(r"\((\d+), ([\d.]+)\)")


@pytest.mark.parametrize("place", PLACES, ids=named)
@pytest.mark.parametrize("count", COUNTS)
def test_the_docs_say_what_asking_costs(place: Place, count: int) -> None:
    """Requests and weights; `python -m tests.bench.gateway.cost` makes the table."""
    (row,) = (line for line in DOCS.read_text().splitlines() if line.startswith(f"| {named(place)} | {count} |"))
    assert SHOWN.findall(row) == [(str(cost.requests), f"{cost.weight:g}") for cost in costs(place, count)]


@pytest.mark.parametrize("place", SWAPS, ids=named)
def test_funding_of_many_markets_costs_what_that_of_one_does(place: Place) -> None:
    async def asked(count: int) -> int:
        made = in_process(place, count, throttled=False)
        await made.venue.open()
        made.requests.clear()
        await made.venue.funding(made.venue.now_ms() - 1_000)
        return len(made.requests)

    assert [run_seeded(lambda count=count: asked(count), seed=1) for count in (1, 2, 30, 100)] == [1] * 4  # type: ignore[misc]


@pytest.mark.parametrize("place", SWAPS + SPOTS, ids=named)
@pytest.mark.parametrize("count", [1, 2, 30, 100])
@virtually()
async def test_the_lists_of_all_markets_are_whole(place: Place, count: int) -> None:
    made = in_process(place, count, throttled=False)
    venue, book = made.venue, made.engine
    await venue.open()
    now_ms = venue.now_ms()
    for number, listing in enumerate(made.listings):
        book.place(NewOrder(listing.id, Decimal(1), f"{number:032x}"), now_ms - 60_000 + number)
        for price in (50, 60):
            book.place(NewOrder(listing.id, Decimal(2), f"{price}{number:030x}", limit=Decimal(price)), now_ms)
        if place in SWAPS:
            book.pay("FUNDING_FEE", listing.id, place.quote, Decimal(number + 1), now_ms)
    orders = await venue.all_open_orders()
    assert sorted(order.client_order_id for order in orders) == sorted(
        f"{price}{number:030x}" for number in range(count) for price in (50, 60)
    )
    assert {order.sym for order in orders} == set(made.syms)
    assert len(await venue.all_open_orders(made.syms[:1])) == 2
    fills = await venue.all_fills(made.syms, now_ms - 3_600_000)
    assert sorted(fill.sym for fill in fills) == sorted(made.syms)
    quotes = await venue.quotes(made.syms)
    assert {sym: quote.sym for sym, quote in quotes.items()} == {sym: sym for sym in made.syms}
    assert all(0 < quote.bid < 100 < quote.ask for quote in quotes.values())
    paid = await venue.funding(now_ms - 3_600_000)
    assert sorted(((row.sym, row.amount) for row in paid), key=lambda row: row[1]) == [
        (sym, Decimal(number + 1)) for number, sym in enumerate(made.syms) if place in SWAPS
    ]


class Journal:
    """With nothing in it."""

    def __getattr__(self, name: str) -> Any:
        async def nothing(*given: Any, **named: Any) -> list[Any]:
            return []

        return nothing


@pytest.mark.parametrize("place", SWAPS + SPOTS, ids=named)
@virtually()
async def test_with_100_markets_and_the_throttle_on_nothing_gets_too_old(place: Place) -> None:
    with throttle_in_virtual_time():
        made = in_process(place, 100)
        await made.venue.open()
        own = GatewaySettings()
        config = SessionConfig(
            tuple(made.syms), str, Decimal(10), 1, own.request_validity_ms, own.grace_ms, own.reconcile_s,
            max_clock_skew_ms=10_000,
        )  # fmt: skip
        books = Books(made.syms, Decimal(10))
        check = RiskCheck(RiskRules(Mode.LIVE, RiskSettings(), frozenset(made.syms), "hash"))
        risk = RiskContext(check, books, {}, config.equity_max_age_s)
        journal = cast(Any, Journal())
        managers: Any = {sym: SimpleNamespace(sym=sym, open_orders={}) for sym in made.syms}
        context: Any = SimpleNamespace(
            config=config,
            venue=made.venue,
            books=books,
            risk=risk,
            fenced=journal,
            journal=journal,
            recent=None,
            markets_in_doubt=asyncio.Event(),
            protector=Protector(),
        )
        comparing = Reconciler(managers, context, 0, StopWatch(context.protector, context))
        equity = EquityWatch(managers, context)
        quotes = QuoteWatch(made.syms, context)
        watch = MarketWatch(config.symbols, context)
        await comparing.once()
        await quotes.once()
        await equity.once()
        forever = (
            comparing.run(), equity.run(), quotes.run(), watch.run_modes(), watch.run_markets(),
        )  # fmt: skip
        at_work = [asyncio.create_task(work) for work in forever]
        oldest_s = stalest_s = 0.0
        for _ in range(1_000):
            await asyncio.sleep(0.1)
            assert risk._equity is not None
            oldest_s = max(oldest_s, time.monotonic() - risk._equity[1])
            newest_ms = min(quote.at_ms for quote in risk.quotes.values())
            stalest_s = max(stalest_s, time.time() - newest_ms / 1_000)
        assert not any(task.done() for task in at_work), "all were at work the whole time"
        for task in at_work:
            task.cancel()
        assert risk.reconciled
        assert oldest_s < config.equity_max_age_s / 2
        assert stalest_s < config.quote_max_age_s
