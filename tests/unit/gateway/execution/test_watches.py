"""When the equity is observed, and which observation is none."""

import asyncio
import time
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from services.gateway.execution.session_context import SessionConfig
from services.gateway.execution.watches import EquityWatch
from shared.errors import VenueError
from shared.orders import VenueQuote
from shared.orders.answers import VenueBalance
from tests.virtual_time import virtually

SYM = "BTCUSDT"


class Account:
    """A venue, and what the session knows; `seen`: each equity with its time. One below `loss` is doubted, once."""

    doubtful = False
    loss = Decimal(0)

    def __init__(self, coins: dict[str, Decimal]) -> None:
        self.coins = coins
        self.quotes: dict[str, VenueQuote] = {}
        self.asked = 0
        self.limits: dict[str, bytes] = {}
        self.untraded: set[str] = set()
        self.broken = False
        self.seen: list[tuple[float, Decimal]] = []

    async def balance(self) -> VenueBalance:
        self.asked += 1
        if self.broken:
            raise VenueError("it does not answer")
        return VenueBalance(Decimal(500), self.coins)

    def see_equity(self, equity: Decimal) -> tuple[()]:
        self.seen.append((time.monotonic(), equity))
        self.doubtful = equity < self.loss and not self.doubtful
        return ()

    def held(self) -> dict[str, Decimal]:
        return self.coins

    def paid(self) -> dict[str, Decimal]:
        return {}


def watching(account: Account) -> EquityWatch:
    config = SimpleNamespace(equity_s=30.0, again_s=1.0, quote_max_age_s=5.0)
    context: Any = SimpleNamespace(config=config, venue=account, risk=account, books=account, fenced=None)
    return EquityWatch({}, context)


@virtually()
async def test_a_coin_is_worth_what_a_fresh_quote_says_and_nothing_is_known_without() -> None:
    account = Account({SYM: Decimal(2)})
    watch, asked_ms = watching(account), time.time_ns() // 1_000_000
    assert not await watch.once()
    account.quotes[SYM] = VenueQuote(SYM, Decimal(99), Decimal(101), asked_ms)
    assert await watch.once()
    await asyncio.sleep(5.1)
    assert not await watch.once(), "the quote is too old"
    assert [equity for _, equity in account.seen] == [Decimal(698)]


@pytest.mark.parametrize("why", ["it may be a loss", "no answer"])
@virtually()
async def test_what_is_not_certain_is_observed_again_soon(why: str) -> None:
    account = Account({})
    at_work = asyncio.create_task(watching(account).run())
    await asyncio.sleep(29.0)
    assert account.asked == 0
    account.broken, account.loss = why == "no answer", Decimal(1_000)
    await asyncio.sleep(1.5)
    assert account.asked == 1
    account.broken, account.loss = False, Decimal(0)
    await asyncio.sleep(1.0)
    assert account.asked == 2, "in a second"
    await asyncio.sleep(29.0)
    assert account.asked == 2, "and then as ever"
    at_work.cancel()


@pytest.mark.parametrize(("reconcile_s", "every_s"), [(10.0, 10.0), (600.0, 30.0)])
def test_the_equity_has_a_pace_of_its_own(reconcile_s: float, every_s: float) -> None:
    """However rarely the rest is compared: it would be unknown in between."""
    assert SessionConfig((SYM,), str, Decimal(1), 1, 5_000, 3_000, reconcile_s).equity_s == every_s
