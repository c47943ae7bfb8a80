"""A book goes on only where it traded: its position is nowhere else, and a halt is to find it."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from services.console.halt import stop
from shared.config import Mode
from shared.control import accounts
from shared.control.accounts import write_key
from shared.control.capital import books_in, check_books
from shared.control.whereabouts import Whereabouts
from shared.errors import ConfigError, SafetyRefusal
from shared.exchanges.trading.ccxt_venue import make_venue
from shared.journal.journal import Journal
from tests.integration.gateway.conftest import SYM, Gateway, gateway
from tests.until import until

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


async def until_taken_over(trading: Gateway) -> None:
    trading.start()
    await until(lambda: trading.engine is not None and trading.engine._account is not None)


async def test_a_key_of_another_account_is_refused_and_nothing_is_closed_there(
    trading: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--account OTHER` with the keys of this config: that journal knows whose it is."""
    await stopped(trading, {})
    trading.fake.engine.set("uid", "another")
    trading.start()
    assert trading.task is not None
    with pytest.raises(SafetyRefusal, match=r"of main is of one account at binance, and this key is of an") as no:
        await trading.task
    assert no.value.exit_code == 5
    settings = trading.settings
    monkeypatch.setattr(accounts, "load_settings", lambda: settings)
    with pytest.raises(SafetyRefusal, match="this key is of another account"):
        await stop(cancel=True, flatten=True, within_s=5)
    assert len(trading.fake.engine.accepted) == 1, "the buy, and no sale"
    assert "fake-key" not in repr(await whereabouts(trading))
    trading.fake.engine.set("uid", "FzFzXquXXqoC")
    await until_taken_over(trading)


async def test_a_new_key_needs_a_word_where_the_exchange_does_not_tell_whose_it_is(tmp_path: Path) -> None:
    """Bybit's demo."""
    async with gateway(tmp_path, fake_venue="bybit", exchange="bybit") as trading:
        await stopped(trading, {"api_key": SecretStr("a-new-key"), "api_secret": SecretStr("fake-secret")})
        trading.fake.state.keys.key = "a-new-key"
        trading.start()
        assert trading.task is not None
        with pytest.raises(SafetyRefusal, match="say so: `tickline adopt --key`"):
            await trading.task
        async with await Journal.open(trading.settings.journal_url, "main", durable=False) as journal:
            before = Whereabouts.known(await journal.limits())
            venue = make_venue(trading.settings)
            await venue.open(only_out=True)
            await venue.close()
            now = Whereabouts.of(trading.settings).of_account(venue, Whereabouts(), "main")
            await write_key(journal, before.model_copy(update={"identity": now.identity}), "test", 1)
        await until_taken_over(trading)
