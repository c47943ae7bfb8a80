"""What stops an account works with a config that cannot be loaded: from what is right in it and in the journal."""

from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from services.console.arm import disarm_account
from services.console.halt import stop
from services.simulator.simulator import Simulator, serving
from shared.config import load_settings
from shared.control.accounts import account_to_stop
from shared.control.whereabouts import Whereabouts
from shared.errors import ConfigError
from shared.journal.journal import Journal
from shared.journal.rows import ArmingRow, Change, ExecutionRow
from shared.messages import ExecutionReport, Leg, OrderStatus
from shared.messages.codec import keep
from tests.integration.gateway.flattening import stranger

D = Decimal
CONFIG = """\
symbols = ["BTCUSDT"]
[strategy]
balance = 1000
[gateway]
mode = "testnet"
venue = "fake"
account = "main"
fake_url = "URL"
request_validity_ms = 1000
grace_ms = 300
markets = {BTCUSDT = "BTC/USDT:USDT"}
"""
BROKEN = {
    "wrong type": ("balance = 1000", 'balance = "much"'),
    "no toml": ("balance = 1000", "balance = = 1000"),
    "missing market": ('symbols = ["BTCUSDT"]', 'symbols = ["BTCUSDT", "ETHUSDT"]'),
    "no venue": ('venue = "fake"', 'venue = "fak"'),
    "no exchange": ('venue = "fake"', 'venue = "ccxt"'),  # each right by itself
    "no account": ('account = "main"', 'account = "main'),
    "nothing": (CONFIG, "[gateway\n\x00"),
}
UNREAD = {
    "no toml": ["tickline.toml: line 3"], "no venue": ["gateway.venue: Input sho"],
    "no account": ["tickline.toml: line 7"], "nothing": ["tickline.toml: line 1", "tickline.toml: line 2"],
}  # fmt: skip


def booked(qty: str, sym: str = "BTCUSDT") -> ExecutionRow:
    report = ExecutionReport(
        n=1, sym=sym, ts_event=1, tr="t", tick_n=1, order_n=1, client_order_id=f"booked{sym}", leg=Leg.OPEN,
        status=OrderStatus.FILLED, last_qty=D(qty), last_px=D(42_000), commission=D(0), reason=None,
    )  # fmt: skip
    return ExecutionRow(f"strategy:{sym}", 1, report.client_order_id, keep(report), 1)


class Folder:
    """A line's folder: its config, which `breaks`, and the journal that its gateway left."""

    def __init__(self, folder: Path, fake: Simulator) -> None:
        self.fake = fake
        self.config = folder / "tickline.toml"
        self.text = CONFIG.replace("URL", fake.url)
        self.config.write_text(self.text)
        self.url = f"sqlite:///{folder / '.tickline' / 'journal-main.db'}"

    def breaks(self, old: str, new: str) -> None:
        old = self.text if old == CONFIG else old
        assert old in self.text
        self.config.write_text(self.text.replace(old, new))

    async def traded(self, known: bool = True) -> None:
        """As a gateway leaves it. known: whether it has noted where the account is."""
        where = Whereabouts.of(load_settings())
        rows: list[Change] = [booked("0.020"), *([where.row()] if known else [])]
        async with await Journal.open(self.url, "main", durable=False) as journal:
            await journal.write_by_person([ArmingRow(D(100), 1, 2**50, "hash", "test")])
            await journal.write(rows, await journal.raise_epoch("gateway"))

    async def holds(self, what: Callable[[Journal], object]) -> object:
        async with await Journal.open(self.url, "main", durable=False, create=False) as journal:
            return await what(journal)  # type: ignore[misc]


@pytest.fixture
async def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Folder]:
    monkeypatch.chdir(tmp_path)
    async with serving("binance") as fake:
        stranger(fake, "0.020")
        yield Folder(tmp_path, fake)


@pytest.mark.parametrize("fault", BROKEN)
async def test_halt_flattens(line: Folder, fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    await line.traded()
    line.breaks(*BROKEN[fault])
    with pytest.raises(ConfigError):
        load_settings()
    named = "main" if fault in ("no account", "nothing") else None
    await stop(cancel=True, flatten=True, within_s=30, named=named)
    shown = capsys.readouterr()
    assert line.fake.engine.wallet.holding("BTCUSDT").qty == 0, shown
    assert shown.out.startswith("main is halted: nothing is sent until `tickline resume HALT`\n")
    assert ": going on with what can be read\n" in shown.err
    said = [line for line in shown.err.splitlines() if line.startswith("not read: ")]
    assert [line.partition("not read: ")[2].partition(" cannot")[0][:24] for line in said] == UNREAD.get(fault, [])
    assert "HALT" in await line.holds(lambda journal: journal.latches())  # type: ignore[operator]


async def test_disarm_ends_the_arming(line: Folder) -> None:
    await line.traded()
    line.breaks(*BROKEN["nothing"])
    assert list(await disarm_account("main")) == ["main is disarmed"]
    assert await line.holds(lambda journal: journal.arming()) is None


@pytest.mark.parametrize(("fault", "known"), [("nothing", True), ("no toml", False)])
async def test_the_books_are_those_of_its_own_strategy(line: Folder, fault: str, known: bool) -> None:
    """Of another instance there may be other books, and on spot only one's own are closed. Journal or config tells."""
    line.text = line.text.replace("[gateway]", 'instance = "second"\n[gateway]')
    line.config.write_text(line.text)
    await line.traded(known)
    line.breaks(*BROKEN[fault])
    async with account_to_stop("main", print) as stopped:
        settings, *_ = await stopped.way_out(print)
    assert settings.strategy.instance == "second"


async def test_a_journal_that_is_somewhere_else_is_found(line: Folder, tmp_path: Path) -> None:
    line.url = f"sqlite:///{tmp_path / 'own.db'}"
    line.text = line.text.replace("[gateway]", f'[gateway]\njournal = "{line.url}"')
    line.config.write_text(line.text)
    await line.traded()
    line.breaks(*BROKEN["no toml"])
    assert list(await disarm_account()) == ["main is disarmed"]
    assert await line.holds(lambda journal: journal.arming()) is None


async def test_an_account_that_nothing_tells_is_asked_for(line: Folder) -> None:
    await line.traded()
    line.breaks(*BROKEN["nothing"])
    with pytest.raises(ConfigError, match=r"add --account NAME; .tickline has the journals of main"):
        await stop(cancel=False, flatten=True, within_s=30)
    with pytest.raises(ConfigError, match=r"journal-other.db: there is none"):
        await stop(cancel=False, flatten=True, within_s=30, named="other")
    line.breaks(*BROKEN["wrong type"])
    with pytest.raises(ConfigError, match="--account other: the config's account is main"):
        await stop(cancel=False, flatten=True, within_s=30, named="other")
    assert line.fake.engine.wallet.holding("BTCUSDT").qty == D("0.020")


async def test_only_what_the_books_traded_is_closed(line: Folder) -> None:
    """The account's other positions are not asked for, whatever the broken config names."""
    await line.traded()
    line.fake.server.admin["order"](_Order({"sym": "ETHUSDT", "qty": "1"}))  # type: ignore[arg-type]
    line.breaks(
        'markets = {BTCUSDT = "BTC/USDT:USDT"}', 'markets = {BTCUSDT = "BTC/USDT:USDT", ETHUSDT = "ETH/USDT:USDT"}'
    )
    await stop(cancel=False, flatten=True, within_s=30)
    wallet = line.fake.engine.wallet
    assert (wallet.holding("BTCUSDT").qty, wallet.holding("ETHUSDT").qty) == (D(0), D(1))


async def test_the_account_is_halted_also_where_it_cannot_be_closed(line: Folder) -> None:
    """With a journal that an earlier version left: it does not know where the account is, nor does the config."""
    await line.traded(known=False)
    line.breaks(*BROKEN["no venue"])
    with pytest.raises(
        ConfigError, match=r"where main is cannot be told .*: correct .gateway. mode, venue and exchange"
    ):
        await stop(cancel=False, flatten=True, within_s=30)
    assert "HALT" in await line.holds(lambda journal: journal.latches())  # type: ignore[operator]


async def test_a_symbol_that_the_config_names_no_more_is_closed_too(line: Folder) -> None:
    await line.traded()
    line.breaks('symbols = ["BTCUSDT"]', 'symbols = ["ETHUSDT"]')
    line.config.write_text(line.config.read_text().replace('BTCUSDT = "BTC/USDT:USDT"', 'ETHUSDT = "ETH/USDT:USDT"'))
    load_settings()
    await stop(cancel=False, flatten=True, within_s=30)
    assert line.fake.engine.wallet.holding("BTCUSDT").qty == 0


async def test_what_an_account_of_another_kind_left_in_the_journal_holds_up_no_position(line: Folder) -> None:
    """Dust of a spot time stays in its books for ever; the account, and the config, are of swaps by now."""
    await line.traded()
    where = Whereabouts.of(load_settings())
    where = where.model_copy(update={"markets": {"OLDUSDT": "OLD/USDT", **where.markets}})
    async with await Journal.open(line.url, "main", durable=False) as journal:
        await journal.write([booked("0.00001", "OLDUSDT"), where.row()], await journal.raise_epoch("gateway"))
    with pytest.raises(ConfigError, match="OLDUSDT: its market cannot be told"):
        await stop(cancel=False, flatten=True, within_s=30)
    assert line.fake.engine.wallet.holding("BTCUSDT").qty == 0
    stranger(line.fake, "0.020")
    line.breaks(*BROKEN["nothing"])
    with pytest.raises(ConfigError, match="OLDUSDT: its market cannot be told"):
        await stop(cancel=False, flatten=True, within_s=30, named="main")
    assert line.fake.engine.wallet.holding("BTCUSDT").qty == 0


async def test_markets_of_another_exchange_are_not_taken_for_those_of_this_one(line: Folder) -> None:
    """The account's name was another exchange's before: what its books held there is nobody's to close here."""
    async with await Journal.open(line.url, "main", durable=False) as journal:
        place = {"mode": "live", "venue": "ccxt", "exchange": "okx"}
        before = Whereabouts(gateway=place, markets={"ETHUSDT": "ETH/USDT:USDT"})
        assert Whereabouts.of(load_settings()).after(before).markets.keys() == {"BTCUSDT"}
        await journal.write([booked("1", "ETHUSDT"), before.row()], await journal.raise_epoch("gateway"))
    line.fake.server.admin["order"](_Order({"sym": "ETHUSDT", "qty": "1"}))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="ETHUSDT: its market cannot be told"):
        await stop(cancel=False, flatten=True, within_s=30)
    wallet = line.fake.engine.wallet
    assert (wallet.holding("BTCUSDT").qty, wallet.holding("ETHUSDT").qty) == (D(0), D(1))


@pytest.mark.parametrize("market", ["NOPE/USDT:USDT", "BNB/USDT:USDT"])
async def test_what_a_book_holds_is_closed_where_it_was_traded(
    line: Folder, market: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the config that was changed since names a market that there is not, or another one."""
    await line.traded()
    line.breaks("BTC/USDT:USDT", market)
    load_settings()
    await stop(cancel=False, flatten=True, within_s=30)
    assert line.fake.engine.wallet.holding("BTCUSDT").qty == 0
    shown = f"BTCUSDT: its book traded BTC/USDT:USDT, the config names {market}: taken is the first\n"
    assert shown in capsys.readouterr().out


async def test_a_market_that_has_another_name_now_is_found_by_it(line: Folder) -> None:
    line.breaks("BTC/USDT:USDT", "XBT/USDT:USDT")  # as it was called when the book traded it
    await line.traded()
    line.config.write_text(line.text)
    await stop(cancel=False, flatten=True, within_s=30)
    assert line.fake.engine.wallet.holding("BTCUSDT").qty == 0


async def test_what_cannot_be_looked_at_is_not_called_flat(line: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    await line.traded()
    line.breaks('{BTCUSDT = "BTC/USDT:USDT"}', '{BTCUSDT = "BTC/USDT:USDT", GONE = "GONE/USDT:USDT"}')
    line.config.write_text(line.config.read_text().replace('["BTCUSDT"]', '["BTCUSDT", "GONE"]'))
    with pytest.raises(ConfigError, match="no such market"):
        await stop(cancel=False, flatten=True, within_s=30)
    assert line.fake.engine.wallet.holding("BTCUSDT").qty == 0
    assert "\nflat, but for GONE: not looked at" in capsys.readouterr().out


class _Order:
    def __init__(self, content: dict[str, str]) -> None:
        self.content = content
