"""What a gateway knows after a restart: all that it knew before, out of its journal alone."""

import sqlite3
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from shared.bus.names import PartitionId
from shared.errors import SafetyRefusal
from shared.exchanges.bybit.profile import BybitProfile
from shared.exchanges.trading.paging import Row
from shared.exchanges.trading.profile import TradingProfile
from shared.journal.journal import Journal
from tests.integration.gateway.conftest import SYM, Gateway, gateway
from tests.until import until

BOOK = f"strategy:{SYM}"
TAX = Decimal("0.006403779")  # P: BYBIT_DOCS/order/execution has this one, of a trade's extraFees


def taxed(profile: BybitProfile, trade: Row) -> list[tuple[str, Decimal]]:
    return [*TradingProfile.fees(profile, trade), ("USDT", TAX)]


def forget_capital(trading: Gateway) -> None:
    """As a journal is that an early version has written; the gateway is stopped."""
    with sqlite3.connect(trading.settings.journal_url.removeprefix("sqlite:///")) as journal:
        journal.execute("DELETE FROM limits WHERE name = ?", (f"capital:{BOOK}",))
    journal.close()


async def limits(trading: Gateway) -> dict[str, bytes]:
    async with await Journal.open(trading.settings.journal_url, "main", durable=False) as journal:
        return await journal.limits()


async def test_a_second_fee_is_kept_and_booked_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A coin was bought, the exchange's fee is taken out of it, and a tax in the quote currency."""
    monkeypatch.setattr(BybitProfile, "fees", taxed)
    own = {"exchange": "bybit", "markets": {SYM: "BTC/USDT"}, "reconcile_s": 0.2}
    async with gateway(tmp_path, fake_venue="bybit-spot", **own) as trading:
        await trading.write(trading.intent("0.01000"))
        (bought,) = await trading.reported(1)
        trading.fake.engine.wallet.cash["USDT"] -= TAX
        before = (await trading.books()).position(SYM), (await trading.books()).balance()
        assert bought.last_px is not None
        assert before[1] == trading.settings.strategy.balance - bought.commission
        assert bought.commission >= TAX
        await trading.stop()
        trading.start()
        await until(lambda: trading.engine is not None and trading.engine._account is not None)
        assert ((await trading.books()).position(SYM), (await trading.books()).balance()) == before
        (row,) = await trading.fills()
        assert (row.fee_currency, row.extra_fees) == ("BTC", f"{TAX} USDT")
        asked = trading.fake.server.count("/wallet-balance")
        await trading.fake.server.wait_for("/wallet-balance", asked + 5)
        assert await trading.externals() == []


async def test_a_book_whose_capital_nobody_has_written_down_is_not_given_the_configs(trading: Gateway) -> None:
    """An early version has not: what it was begun with is for a person to say."""
    await trading.write(trading.intent("0.010"))
    await trading.reported(1)
    await trading.stop()
    forget_capital(trading)
    trading.start()
    assert trading.task is not None
    with pytest.raises(SafetyRefusal, match=r"tickline capital --sym BTCUSDT --set 100`") as refused:
        await trading.task
    assert (refused.value.exit_code, f"capital:{BOOK}" in await limits(trading)) == (5, False)
    assert await trading.set_capital(to="800") == 800
    settings = trading.settings
    trading.settings = settings.model_copy(
        update={"strategy": settings.strategy.model_copy(update={"balance": Decimal(800)})}
    )
    trading.start()
    await until(lambda: trading.engine is not None and trading.engine._account is not None)
    assert ((await trading.books()).capital(SYM), len(trading.reports())) == (800, 1), "said, not changed"


class SetClock:
    """The clock of the bus server, as somebody sets it."""

    ahead_s = 0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


async def test_no_order_goes_out_twice_whatever_the_bus_servers_clock_does(trading: Gateway) -> None:
    """Another gateway takes over while this one still trusts its lease, and back: the journal's epoch decides."""
    clock = trading.bus.clock = SetClock()
    other = Gateway(trading.settings, trading.bus, trading.fake)
    other.start()
    written: list[str] = []
    for step_s in (-3_600, 3_600, -3_600, 3_600, 3_600, -3_600):
        orders = [trading.intent("0.005") for _ in range(3)]
        written += [order.client_order_id for order in orders]
        await trading.write(*orders)
        clock.ahead_s += step_s
        await trading.reported(len(written))
    await other.kill()
    sent = Counter(order.client_id for order in trading.fake.engine.accepted)
    assert set(sent.values()) == {1}
    assert sent.keys() <= set(written)
    assert sorted(report.client_order_id for report in trading.reports()) == sorted(written)
    assert trading.bus.partition(PartitionId("gateway", 0)).epoch > 3, "it has changed hands"
