"""What `tickline doctor` finds at real servers, of a real journal, and of an account on each dialect."""

import os
from pathlib import Path
from uuid import uuid4

import pytest

from services.simulator.simulator import Simulator, serving
from shared.bus.api import Commit, Outcome
from shared.bus.entry import Outgoing
from shared.bus.names import PartitionId
from shared.bus.server import Layout
from shared.bus.users import ADMIN, READER, acl
from shared.config import Settings
from shared.config.protect import ProtectSettings
from shared.doctor.account import account_findings, journal_findings, market_data_findings
from shared.doctor.bus import bus_findings
from shared.doctor.finding import Finding, Grade
from shared.journal.journal import Journal
from shared.journal.rows import SetBusId
from shared.messages import Stream
from shared.runner.service import check_bus, make_bus
from tests.contract.conftest import NO_REDIS
from tests.servers import REDIS, VALKEY, Server
from tests.simulator_venues import BINANCE, BINANCE_SPOT, BYBIT, HYPERLIQUID, OKX, OWNER_KEYS, SWAPS, SYM, Place, named
from tests.stepped_clock import NO_FAKETIME, SteppedClock, library
from tests.until import until


def wrong(found: list[Finding]) -> list[tuple[str, Grade]]:
    assert all(bool(one.remedy) == (one.grade is not Grade.OK) for one in found), found
    return [(one.check, one.grade) for one in found if one.grade is not Grade.OK]


@pytest.mark.parametrize(("server", "tears"), [("valkey_url", False), ("redis_url", True)])
async def test_a_bus_that_is_up_and_the_log_that_it_may_tear(
    server: str, tears: bool, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(server)
    settings = Settings(bus={"url": url, "namespace": f"test-{uuid4().hex[:12]}", "timeout_s": 30})
    found, layout = await bus_findings(settings)
    assert wrong(found) == [("bus", Grade.WARNING)] * tears
    assert layout == Layout("", "", None)  # asked, and not laid out
    await check_bus(make_bus(settings), settings)
    _, layout = await bus_findings(settings)
    assert layout is not None
    assert layout.partitions == "8"


@pytest.mark.parametrize("binary", [pytest.param(REDIS, id="redis"), pytest.param(VALKEY, id="valkey")])
async def test_a_bus_whose_clock_was_set_back_since_an_entry_was_written(binary: str | None, tmp_path: Path) -> None:
    if binary is None:
        pytest.skip(NO_REDIS)
    if library() is None:
        pytest.skip(NO_FAKETIME)
    clock = SteppedClock(tmp_path)
    server = Server(binary, tmp_path, variables=clock.variables).start()
    try:
        settings = Settings(bus={"url": server.url, "timeout_s": 30})
        session = await make_bus(settings).connect()
        lease = await session.acquire(PartitionId("ingestor", 3), "me")
        assert lease is not None
        entry = Outgoing(Stream.TICKS, "MarketTick/4", "A", 1, "A 1", "t", b"d")
        assert await session.commit([Commit(lease, 0, {}, [entry])]) == [Outcome.OK]
        assert [one.what for one in (await bus_findings(settings))[0] if one.check == "clock"] == []
        clock.step(-3_600)

        async def told() -> bool:
            return any("was set back" in one.what for one in (await bus_findings(settings))[0])

        await until(told)
        await session.close()
    finally:
        server.kill()


async def test_a_bus_that_is_down_names_no_password() -> None:
    (found,), layout = await bus_findings(Settings(bus={"url": "redis://me:hush@127.0.0.1:1/0"}))
    assert (found.check, found.grade, layout) == ("bus", Grade.FAULT, None)
    assert found.remedy == "start it, or correct bus.url"
    assert "hush" not in str(found)


def account(fake: Simulator, place: Place, **more: object) -> Settings:
    own = {"mode": "live", "venue": "fake", "exchange": place.exchange, "fake_url": fake.url, "account": "main"}
    return Settings(
        symbols=(SYM,), interval="12h", gateway={**own, "markets": {SYM: place.market}, "leverage": 3, **more}
    )


async def of_account(settings: Settings) -> list[Finding]:
    return [found async for found in account_findings(settings)]


@pytest.mark.parametrize("place", SWAPS, ids=named)
async def test_an_account_that_fits_and_nothing_is_set_there(place: Place) -> None:
    async with serving(place.exchange) as fake:
        before = dict(fake.engine.settings)
        found = await of_account(account(fake, place))
        assert [one.check for one in found if one.grade is Grade.OK] == ["exchange", "clock", "keys"]
        assert {check for check, _ in wrong(found)} <= {"exchange"}  # modes that only a start sets
        assert fake.engine.settings == before
        assert fake.server.count("/order", "POST") == 0


@pytest.mark.parametrize("place", SWAPS, ids=named)
async def test_a_key_that_may_withdraw_or_only_read(place: Place) -> None:
    async with serving(place.exchange) as fake:
        fake.state.keys.withdraws = True
        own = {}
        if place is HYPERLIQUID:  # the account's own key, not that of an API wallet
            own = {"api_key": OWNER_KEYS.api_key, "api_secret": OWNER_KEYS.secret}
        assert ("keys", Grade.FAULT) in wrong(await of_account(account(fake, place, **own)))
        fake.state.keys.withdraws, fake.state.keys.reads_only = False, True
        (found,) = [one for one in await of_account(account(fake, place)) if one.check == "keys"]
        assert "may not trade" in found.what


async def test_an_exchange_that_does_not_answer_and_one_without_the_market() -> None:
    async with serving("binance") as fake:
        settings = account(fake, BINANCE)
        lacking = account(fake, BINANCE, markets={SYM: "NOT/USDT:USDT"})
        assert wrong(await of_account(lacking)) == [("exchange", Grade.FAULT)]
    (found,) = await of_account(settings)
    assert (found.check, found.grade) == ("exchange", Grade.FAULT)
    assert "does not answer" in found.what and found.remedy == "see that this machine reaches it, and that it is up"


async def test_no_key(tmp_path: Path) -> None:
    async with serving("okx") as fake:
        assert wrong(await of_account(account(fake, OKX, keys_dir=tmp_path))) == [("keys", Grade.FAULT)]


async def test_the_exchanges_of_prices() -> None:
    async with serving("bybit") as fake:
        own = {"exchange": "bybit", "markets": {SYM: BYBIT.market}, "base_url": fake.url, "timeout_s": 60}
        settings = Settings(symbols=(SYM,), interval="1m", ingestor={"source": "ccxt", **own})
        found = await market_data_findings(settings)
        assert wrong(found) == [], found
        lacking = settings.model_copy(
            update={"ingestor": settings.ingestor.model_copy(update={"markets": {SYM: "NOT/USDT:USDT"}})}
        )
        assert wrong(await market_data_findings(lacking)) == [("prices", Grade.FAULT)]
    assert wrong(await market_data_findings(settings)) == [("prices", Grade.FAULT)]


async def test_a_journal_is_looked_at_and_neither_made_nor_changed(journal_url: str, tmp_path: Path) -> None:
    settings = Settings(
        symbols=(SYM,),
        gateway={
            "mode": "testnet",
            "venue": "fake",
            "account": "main",
            "markets": {SYM: OKX.market},
            "journal": journal_url,
        },
    )
    layout = Layout("8", "this-bus", None)
    assert wrong(list(journal_findings(settings, layout))) == []
    assert os.listdir(tmp_path) == []
    async with await Journal.open(journal_url, "main", durable=False) as journal:
        epoch = await journal.raise_epoch("gateway")
        await journal.write([SetBusId("this-bus")], epoch)
        assert wrong(list(journal_findings(settings, layout))) == []
        assert wrong(list(journal_findings(settings, layout._replace(bus_id="other")))) == [("journal", Grade.FAULT)]
        assert (await journal.epoch()).epoch == epoch


def test_a_journal_that_is_damaged(tmp_path: Path) -> None:
    file = tmp_path / "journal-main.db"
    file.write_bytes(b"no database at all" * 100)
    assert wrong(list(journal_findings(of_main(journal=f"sqlite:///{file}"), None))) == [("journal", Grade.FAULT)]


def of_main(**more: object) -> Settings:
    own = {"mode": "testnet", "venue": "fake", "account": "main", "markets": {SYM: OKX.market}}
    return Settings(symbols=(SYM,), gateway={**own, **more})


async def test_a_user_of_the_bus_that_may_only_read(tmp_path: Path) -> None:
    words = {user: f"word-of-{user}" for user in (READER, ADMIN)}
    (tmp_path / "users.acl").write_text(acl("tickline", words, {}))
    (tmp_path / "password").write_text(words[READER])
    server = Server(VALKEY, tmp_path, "--aclfile", str(tmp_path / "users.acl")).start()
    try:
        url = server.url.replace("//", f"//{READER}@")
        settings = Settings(bus={"url": url, "password_file": tmp_path / "password", "timeout_s": 30})
        found, layout = await bus_findings(settings)
        assert (wrong(found), layout) == ([], Layout("", "", None))
        nobody = Settings(bus={"url": server.url, "timeout_s": 30})
        ((refused,), _) = await bus_findings(nobody)
        assert "bus.password_file" in refused.remedy
    finally:
        server.kill()


@pytest.mark.parametrize("place", [*SWAPS, BINANCE_SPOT], ids=named)
async def test_stops_that_the_config_wants_and_the_exchange_may_not_have(place: Place) -> None:
    async with serving(place.fake or place.exchange) as fake:
        settings = account(fake, place)
        own = settings.strategy.model_copy(update={"protect": ProtectSettings(stop_bps=250)})
        found = await of_account(settings.model_copy(update={"strategy": own}))
        (said,) = [one for one in found if one.check == "stops"]
        expected = {BINANCE: "it follows the fill", OKX: "an entry carries it", BYBIT: "an entry carries it"}
        expected[HYPERLIQUID] = "an entry carries it"
        assert expected.get(place, "nothing would close the position there") in said.what
        assert said.grade is (Grade.OK if place in expected else Grade.FAULT)
