"""Real gateway processes, killed and stopped while they send orders through unmodified ccxt, every fault on."""

import asyncio
import json
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from services.gateway.risk.check import RiskRules
from services.simulator.dialects import LISTED_AS
from services.simulator.http.request import HttpRequest
from services.simulator.simulator import Simulator, serving
from shared.bus.names import Names
from shared.bus.redis_bus import RedisBus
from shared.config import Settings, load_settings
from shared.journal.journal import Journal
from shared.journal.rows import ArmingRow
from shared.messages import ExecutionReport
from shared.messages.codec import kept
from shared.messages.reasons import OrderPhase, Reason
from tests.chaos.asker import BY, Asker
from tests.chaos.line import Line
from tests.chaos.server import Server
from tests.simulator_venues import BINANCE, HYPERLIQUID, Place, named
from tests.until import until

Say = Callable[[str], None]
SYMBOLS = [f"S{number:02d}USDT" for number in range(24)]
P = 8
LEASE_S = 1.5
PRICE = Decimal(42_000)
TROUBLES = {
    "limit": 0.01, "status_before": 0.02, "status_after": 0.02, "drop_before": 0.02, "drop_after": 0.02, "late": 0.01,
    "slow": 0.05, "html": 0.01, "reject": 0.02, "partial": 0.05, "expire": 0.02, "stale": 0.02,
    "miss": 0.05, "short": 0.1, "late_row": 0.1, "late_trades": 0.1,
}  # fmt: skip


def given(folder: Path, url: str, place: Place = BINANCE) -> dict[str, object]:
    """The settings of the gateway, as load_settings takes them and as variables say them."""
    return {
        "symbols": SYMBOLS, "interval": "1s", "state_dir": str(folder / "state"),
        "bus": {"partitions": P, "lease_s": LEASE_S, "timeout_s": 2.0}, "signal": {"model": "simulated_linear"},
        "strategy": {"max_slippage_bps": "none"},  # market orders go, too
        "gateway": {
            "mode": "testnet", "venue": "fake", "fake_url": url, "exchange": place.exchange, "account": "main",
            "markets": {sym: place.market_of(sym.removesuffix("USDT")) for sym in SYMBOLS}, "leverage": 5,
            "journal": f"sqlite:///{folder / 'journal.db'}",
            "request_validity_ms": 1_500, "grace_ms": 500, "reconcile_s": 5.0, "timeout_s": 2.0,
            "risk": {
                "max_order_notional": "1e9", "max_position_notional": "1e9", "max_leverage": "1e9",
                "daily_loss": "1e12",
                "max_drawdown": "1", "orders_per_minute": 10**9, "max_tick_age_s": 1e9, "max_prediction_age_s": 1e9,
                "quote_max_age_s": 1e9, "collar_bps": "9999",
            },
        },
    }  # fmt: skip


def as_variables(values: dict[str, object], prefix: str = "TICKLINE_") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, dict) and name != "markets":
            flat |= as_variables(value, f"{prefix}{name.upper()}__")
        else:
            flat[f"{prefix}{name.upper()}"] = value if isinstance(value, str) else json.dumps(value)
    return flat


async def arm(settings: Settings, by: str = BY) -> None:
    now = time.time_ns() // 1_000_000
    rules = RiskRules.of(settings)
    async with await Journal.open(settings.journal_url, "main", durable=True) as journal:
        await journal.write_by_person([ArmingRow(Decimal("1e12"), now, now + 10**8, rules.config_hash, "test", by)])


async def disturb(
    line: Line, rng: random.Random, asker: Asker, asking: "asyncio.Task[None]", kills: int, server: Server | None
) -> Counter[str]:
    """Kill and stop the two gateways, at random moments while orders are on their way; and the bus, if there is one."""
    done: Counter[str] = Counter()
    while sum_of(done) < kills and not asker.done:
        answered = asker.answered
        more = rng.randint(1, 2 * sum(book.left for book in asker.books.values()) // (kills - sum_of(done)) + 1)

        def moved(aim: int = answered + more) -> bool:
            line.tend()
            if asking.done():
                asking.result()
            return asker.done or asker.answered >= aim

        await until(moved, within_s=90)
        await asyncio.sleep(rng.uniform(0, 0.05))
        name = rng.choice(("gateway-a", "gateway-b"))
        if server is not None and rng.random() < 0.5:
            server.kill()
            done["bytes of the bus's log cut off"] += server.cut_log(rng, 100_000)
            server.start()
            done["bus killed"] += 1
        elif rng.random() < 0.7:
            line.kill(name)
            line.tend()
            done["killed"] += 1
        else:
            line.send(name, signal.SIGSTOP)
            await asyncio.sleep(LEASE_S * rng.uniform(0.5, 2.0))
            line.send(name, signal.SIGCONT)
            done["stopped"] += 1
    return done


def sum_of(done: Counter[str]) -> int:
    return done["killed"] + done["stopped"] + done["bus killed"]


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("place", [BINANCE, HYPERLIQUID], ids=named)
async def test_every_order_is_sent_once_and_known(
    folder: Path, rng: random.Random, short: bool, say: Say, place: Place
) -> None:
    await trade(folder, rng, (25, 10) if short else (420, 110), say, place, bus_too=False)


@pytest.mark.timeout(3000)
async def test_a_bus_that_loses_writes_too(folder: Path, rng: random.Random, short: bool, say: Say) -> None:
    """Books, stream and position come out of the journal again."""
    await trade(folder, rng, (10, 8) if short else (60, 40), say, BINANCE, bus_too=True)


async def trade(
    folder: Path, rng: random.Random, size: tuple[int, int], say: Say, place: Place, *, bus_too: bool
) -> None:
    """size: orders of each symbol, and kills at most. bus_too: the bus is killed as well, and loses its last writes."""
    each, kills = size
    server = Server(folder)
    server.start()
    try:
        async with serving(
            place.exchange,
            seed=rng.randint(1, 10**6),
            cash=Decimal(10**8),
            listings=tuple(LISTED_AS[place.exchange](sym.removesuffix("USDT"), PRICE) for sym in SYMBOLS),
        ) as fake:
            values = given(folder, fake.url, place)
            settings = load_settings(**values)
            await arm(settings)
            bus = RedisBus(server.url, Names(settings.namespace), lease_s=60, timeout_s=5, maxlens={})
            asker = Asker(bus, SYMBOLS, each, P, rng)
            with Line(folder, server.url, as_variables(values)) as line:
                line.start("gateway-a", "gateway-b")
                fake.state.random_faults.chances = TROUBLES
                began = time.monotonic()
                asking = asyncio.create_task(asker.run())
                done = await disturb(line, rng, asker, asking, kills, server if bus_too else None)
                async with asyncio.timeout(900):
                    await asking
                took = time.monotonic() - began
                fake.state.random_faults.chances = {}
                await asyncio.to_thread(line.stop)  # the venue lives on this loop: a gateway that starts asks it
                assert not line.unexpected
            await hold_together(settings, fake, asker, say, place)
            say(f"{asker.answered} orders in {took:.0f} s, {dict(done)}")
    finally:
        server.stop()


def client_id(asked: HttpRequest) -> str:
    """Returns our id of an order that was sent."""
    if "/exchange/" not in asked.target:
        return asked.form["newClientOrderId"]
    (order,) = asked.content["action"]["orders"]
    return str(order["c"]).removeprefix("0x")


async def hold_together(settings: Settings, fake: Simulator, asker: Asker, say: Say, place: Place) -> None:
    """Venue, journal, stream and position agree to the last digit."""
    assert asker.contradictions == []
    sent = Counter(
        client_id(asked)
        for asked in fake.server.requests
        if asked.method == "POST" and asked.target.endswith(place.orders)
    )
    assert set(sent.values()) <= {1}, "an order was sent twice"
    accepted = Counter(order.client_id for order in fake.engine.accepted)
    assert set(accepted.values()) <= {1}, "an order is on the venue twice"
    filled: dict[str, Decimal] = {}
    for fill in fake.engine.fills:
        filled[fill.client_id] = filled.get(fill.client_id, Decimal(0)) + fill.qty
    async with await Journal.open(settings.journal_url, "main", durable=True) as journal:
        rows = {row.client_order_id: row for row in await journal.orders(open_only=False)}
        asked = {intent.client_order_id for book in asker.books.values() for intent in book.asked}
        assert rows.keys() == asked
        assert {name: row.filled_qty for name, row in rows.items() if row.filled_qty} == {
            n: q for n, q in filled.items() if q
        }
        for row in rows.values():
            if row.client_order_id not in accepted:
                assert row.state in (OrderPhase.REJECTED, OrderPhase.EXPIRED), row
        for sym, book in asker.books.items():
            stored = await journal.executions(f"strategy:{sym}", limit=100_000)
            assert [kept(ExecutionReport, row.report) for row in stored] == [
                book.answered[n] for n in range(1, len(book.asked) + 1)
            ]
            position = sum((report.last_qty for report in book.answered.values()), Decimal(0))
            listed = sym.removesuffix("USDT") if place is HYPERLIQUID else sym
            assert position == fake.engine.wallet.holding(listed).qty
    say(
        f"{len(rows)} orders: {len(accepted)} on the venue, "
        f"{sum(row.reason is Reason.NOT_ON_VENUE for row in rows.values())} never there, "
        f"{dict(Counter(str(row.state) for row in rows.values()))}"
    )
