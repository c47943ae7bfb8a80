"""A book goes on only where it traded: its position is nowhere else, and a halt is to find it."""

import pytest

from services.gateway.control.capital import books_in, check_books
from services.gateway.desk.whereabouts import Whereabouts
from shared.config import Mode
from shared.errors import ConfigError
from shared.journal.journal import Journal
from tests.integration.gateway.conftest import SYM, Gateway

MARKET = r"gateway.markets: BTCUSDT is ETH/USDT:USDT, but its book traded BTC/USDT:USDT: put that back"
CHANGED = [
    ({"markets": {SYM: "ETH/USDT:USDT"}}, MARKET),
    ({"exchange": "okx"}, r"gateway.exchange is okx, but this account's books traded at binance: put that back"),
    ({"mode": Mode.LIVE}, r"gateway.mode is live, but this account's books traded at testnet: put that back"),
]


async def stopped(trading: Gateway, changed: dict[str, object]) -> None:
    """A book that holds something, and then another config."""
    await trading.write(trading.intent("0.010"))
    await trading.reported(1)
    await trading.stop()
    gateway = trading.settings.gateway.model_copy(update=changed)
    trading.settings = trading.settings.model_copy(update={"gateway": gateway})


async def whereabouts(trading: Gateway) -> bytes:
    async with await Journal.open(trading.settings.journal_url, "main", durable=False) as journal:
        return (await journal.limits())["whereabouts"]


@pytest.mark.parametrize(("changed", "why"), CHANGED, ids=["market", "exchange", "mode"])
async def test_no_arming_elsewhere(trading: Gateway, changed: dict[str, object], why: str) -> None:
    await stopped(trading, changed)
    async with await Journal.open(trading.settings.journal_url, "main", durable=False) as journal:
        with pytest.raises(ConfigError, match=why):
            await check_books(trading.settings, journal, await books_in(trading.settings, journal))


async def test_no_trading_elsewhere(trading: Gateway) -> None:
    await stopped(trading, {})
    where = Whereabouts.known({"whereabouts": await whereabouts(trading)})
    row = where.model_copy(update={"markets": {SYM: "XBT/USDT:USDT"}}).row()
    async with await Journal.open(trading.settings.journal_url, "main", durable=False) as journal:
        await journal.write([row], await journal.raise_epoch("test"))
    trading.start()
    assert trading.task is not None
    with pytest.raises(ConfigError, match="BTCUSDT is BTC/USDT:USDT, but its book traded XBT/USDT:USDT"):
        await trading.task
    assert await whereabouts(trading) == row.value, "a halt still finds the way out"
    assert await trading.externals() == []
