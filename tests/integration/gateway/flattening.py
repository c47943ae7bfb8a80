"""An account that is to be flattened: its settings, what it holds, and its venue and journal, open."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

from services.simulator.simulator import Simulator
from shared.config import Settings, load_settings
from shared.control.latches import AtWork
from shared.exchanges.trading.ccxt_venue import make_venue
from shared.exchanges.trading.venue import Venue
from shared.journal.journal import Journal
from shared.messages import ExecutionReport, Leg, OrderStatus
from tests.integration.gateway.conftest import SYM


def settings_of(folder: Path, fake: Simulator, syms: Sequence[str] = (SYM,), **own: object) -> Settings:
    return load_settings(
        symbols=tuple(syms), state_dir=folder,
        gateway={
            "mode": "testnet", "venue": "fake", "fake_url": fake.url, "account": "main", "request_validity_ms": 1_000,
            "markets": {SYM: "BTC/USDT:USDT"}, "grace_ms": 300, **own,
        },
    )  # fmt: skip


async def at_work(journal: Journal) -> AtWork:
    return AtWork(journal, await journal.raise_epoch("halt"), "test")


def stranger(fake: Simulator, qty: str, sym: str = SYM) -> None:
    """Somebody's order: the account's position before the halt."""
    fake.server.admin["order"](_Content({"sym": sym, "qty": qty}))  # type: ignore[arg-type]


def bought(sym: str, qty: str) -> ExecutionReport:
    """The first report of a book, which holds so much."""
    return ExecutionReport(
        n=1, sym=sym, ts_event=1, tr="t", tick_n=1, order_n=1, client_order_id=f"bought{sym}", leg=Leg.OPEN,
        status=OrderStatus.FILLED, last_qty=Decimal(qty), last_px=Decimal(42_000), commission=Decimal(0), reason=None,
    )  # fmt: skip


class _Content:
    def __init__(self, content: dict[str, str]) -> None:
        self.content = content


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Venue]:
    """Opens its venue, as on the way out."""
    venue = make_venue(settings)
    await venue.open(only_out=True)
    try:
        yield venue
    finally:
        await venue.close()


@asynccontextmanager
async def account(settings: Settings) -> AsyncIterator[tuple[Venue, Journal]]:
    """Opens its venue, and its journal."""
    async with opened(settings) as venue, await Journal.open(settings.journal_url, "main", durable=False) as journal:
        yield venue, journal
