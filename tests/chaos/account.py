"""The gateways' account in chaos: its config, its markets on a simulator, and a person who arms and disarms it."""

import json
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from services.gateway.risk.check import RiskRules
from services.simulator.dialects import LISTED_AS
from services.simulator.simulator import Simulator, serving
from shared.config import Settings
from shared.journal.journal import Journal
from shared.journal.rows import ArmingRow, DropArming
from tests.chaos.asker import BY, PRICE
from tests.chaos.sent import Sent
from tests.simulator_venues import BINANCE, Place

SYMBOLS = [f"S{number:02d}USDT" for number in range(24)]
PARTITIONS = 8
LEASE_S = 1.5
TROUBLES = {
    "limit": 0.01, "status_before": 0.02, "status_after": 0.02, "drop_before": 0.02, "drop_after": 0.02, "late": 0.01,
    "slow": 0.05, "html": 0.01, "reject": 0.02, "partial": 0.1, "expire": 0.02, "stale": 0.02,
    "miss": 0.15, "short": 0.2, "late_row": 0.1, "late_trades": 0.1,
}  # fmt: skip
APART_MS = 1_500  # between two parts of an order: some rest long enough to be cancelled
APART_PROTECTED_MS = 600  # likewise, and all four are filled within less than a position may be without its stop


def given(
    folder: Path, url: str, place: Place = BINANCE, protect: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """Returns the settings of the gateway, as load_settings takes them. protect: of its positions."""
    return {
        "symbols": SYMBOLS, "interval": "1s", "state_dir": str(folder / "state"),
        "bus": {"partitions": PARTITIONS, "lease_s": LEASE_S, "timeout_s": 2.0},
        "signal": {"model": "simulated_linear"},
        # The asker gives its orders limits of its own, or none.
        "strategy": {"max_slippage_bps": "none", **({"protect": dict(protect)} if protect else {})},
        "gateway": {
            "mode": "testnet", "venue": "fake", "fake_url": url, "exchange": place.exchange, "account": "main",
            "markets": {sym: place.market_of(base_of(sym)) for sym in SYMBOLS}, "leverage": 5,
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
    """Returns settings as the variables that say them."""
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, dict) and name != "markets":
            flat |= as_variables(value, f"{prefix}{name.upper()}__")
        else:
            flat[f"{prefix}{name.upper()}"] = value if isinstance(value, str) else json.dumps(value)
    return flat


def base_of(sym: str) -> str:
    """Returns the coin of one of SYMBOLS."""
    return sym.removesuffix("USDT")


def listed(place: Place, sym: str) -> str:
    """Returns the exchange's id of the market of one of SYMBOLS."""
    return LISTED_AS[place.exchange](base_of(sym), PRICE).id


@asynccontextmanager
async def exchange(place: Place, rng: random.Random) -> AsyncIterator[tuple[Simulator, Sent]]:
    """Serves a simulator with a market for each of SYMBOLS, in its usual weather; yields what it is sent, too."""
    listings = tuple(LISTED_AS[place.exchange](base_of(sym), PRICE) for sym in SYMBOLS)
    async with serving(place.exchange, seed=rng.randint(1, 10**6), cash=Decimal(10**8), listings=listings) as fake:
        yield fake, Sent(fake, place)


async def arm(settings: Settings, by: str = BY) -> None:
    """Arms the account, for whoever decides as `by`."""
    now = time.time_ns() // 1_000_000
    rules = RiskRules.of(settings)
    async with await Journal.open(settings.journal_url, "main", durable=True) as journal:
        await journal.write_by_person([ArmingRow(Decimal("1e12"), now, now + 10**8, rules.config_hash, "test", by)])


async def disarm(settings: Settings) -> None:
    """Ends the arming, with no new epoch: the gateway sees it by itself, and cancels what rests and adds."""
    async with await Journal.open(settings.journal_url, "main", durable=True) as journal:
        await journal.write_by_person([DropArming()])
