"""Coins of books that this config does not trade: its symbol was taken out, or it is another instance's."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from services.console.halt import stop
from services.simulator.binance.dialect import swap
from services.simulator.binance.spot import spot as binance_spot
from services.simulator.engine.events import NewOrder
from shared.control import accounts
from shared.control.books import retired
from shared.control.capital import books_in
from shared.control.whereabouts import Whereabouts
from shared.errors import ConfigError
from shared.journal.journal import Journal
from shared.journal.rows import DropLatch, EventRow, ExecutionRow, FillRow
from shared.messages import Leg, OrderPhase, OrderStatus, Reason
from shared.messages.codec import keep
from shared.messages.orders import ExecutionReport
from tests.integration.gateway.conftest import SYM, Gateway, gateway
from tests.integration.gateway.test_equity import RISK, last_equity, observed
from tests.journal_rows import order
from tests.until import until

D, NOTHING = Decimal, Decimal(0)
ETH, OTHER = "ETHUSDT", f"another:{SYM}"
ID = {f"strategy:{ETH}": "a" * 32, OTHER: "b" * 32, "strategy:XYZ": "c" * 32}


def bought(book: str, qty: Decimal, price: Decimal, commission: Decimal = NOTHING) -> ExecutionRow:
    report = ExecutionReport(
        n=1, sym=book.partition(":")[2], ts_event=1, tr="t", tick_n=1, order_n=1, client_order_id=ID[book],
        leg=Leg.OPEN, status=OrderStatus.FILLED, last_qty=qty, last_px=price, commission=commission, reason=None,
    )  # fmt: skip
    return ExecutionRow(book, 1, report.client_order_id, keep(report), 1)


@pytest.fixture
async def spot(tmp_path: Path) -> AsyncIterator[Gateway]:
    """A gateway of BTC, stopped before it begins; ETH is listed, too."""
    own = {"markets": {SYM: "BTC/USDT"}, "risk": RISK, "reconcile_s": 0.1, "markets_pause_s": 0.05}
    listings = (binance_spot("BTC"), binance_spot("ETH", D(2_000)))
    async with gateway(tmp_path, fake_venue="binance-spot", listings=listings, **own) as made:
        await until(lambda: last_equity(made) == 10_000 and "balance_without_profit" in made.limits())
        await made.stop()
        yield made


async def another(trading: Gateway, book: str, qty: str) -> None:
    """Another book of this journal has bought these coins."""
    sym, market = book.partition(":")[2], f"{book.partition(':')[2].removesuffix('USDT')}/USDT"
    placed = trading.fake.engine.place(NewOrder(sym, D(qty)), trading.fake.state.now_ms())
    (fill,) = trading.fake.engine.fills_of(placed)
    where = Whereabouts.of(trading.settings)
    async with await Journal.open(trading.settings.journal_url, "main", durable=False) as journal:
        before = Whereabouts.known(await journal.limits())
        known = where.model_copy(update={"markets": {sym: market, **where.markets}}).after(before).row()
        trade = FillRow(
            sym, str(fill.id), str(placed.id), ID[book], D(qty), fill.price, fill.fee, fill.fee_currency, fill.at_ms
        )
        rows = [bought(book, D(qty) - fill.fee, fill.price, fill.fee * fill.price), trade, known]
        await journal.write(rows, await journal.raise_epoch("test"))


async def alarms(trading: Gateway) -> list[EventRow]:
    return [event for event in await trading.events() if event.kind == "ALARM"]


@pytest.mark.parametrize("book", [f"strategy:{ETH}", OTHER])
async def test_coins_that_any_book_holds_count(spot: Gateway, book: str) -> None:
    """4000 of 10,000: without them the drawdown's limit of a tenth would latch at once."""
    await another(spot, book, "2" if ETH in book else "0.1")
    spot.start()
    await observed(spot, 4)
    await until(lambda: 9_980 < last_equity(spot) < 10_000)
    assert (spot.latches(), await spot.externals()) == ([], [])
    await spot.write(spot.intent("0.01"))
    assert (await spot.reported(1))[0].status is OrderStatus.FILLED
    async with await Journal.open(spot.settings.journal_url, "main", durable=False) as journal:
        assert (await books_in(spot.settings, journal)).others().keys() == {book.partition(":")[2]}, "arming knows them"


@pytest.mark.parametrize("left", [OrderPhase.UNKNOWN, OrderPhase.SENT, OrderPhase.INTENT])
async def test_an_order_in_flight_of_a_book_that_is_traded_no_more_counts(tmp_path: Path, left: OrderPhase) -> None:
    """It may be filled, and the comparison allows for that: 8,000 beside 4,200, where 10,000 are armed."""
    async with gateway(tmp_path, listings=(swap("BTC"), swap("ETH"))) as trading:
        await trading.agreed()
        await trading.stop()
        row = order(book=f"strategy:{ETH}", sym=ETH, state=left, signed_qty=D(4), intended_qty=D(4), price=D(2_000))
        async with await Journal.open(trading.settings.journal_url, "main", durable=False) as journal:
            await journal.write([row], await journal.raise_epoch("test"))
        trading.start()
        await trading.agreed()
        await trading.write(trading.intent("0.1"))
        (report,) = await trading.reported(1)
        assert report.reason is (None if left is OrderPhase.INTENT else Reason.ARMED_NOTIONAL)


async def test_what_they_cost_is_no_difference_of_the_balance(spot: Gateway) -> None:
    await another(spot, f"strategy:{ETH}", "2")
    spot.start()
    asked = spot.fake.server.count("/openOrders")
    await spot.fake.server.wait_for("/openOrders", asked + 5)  # the last question of a comparison but for the balance
    assert [row for row in await spot.externals() if row.kind == "BALANCE"] == []


async def test_coins_whose_market_nobody_can_tell_are_a_refusal_that_names_them(spot: Gateway) -> None:
    async with await Journal.open(spot.settings.journal_url, "main", durable=False) as journal:
        await journal.write([bought("strategy:XYZ", D(1), D(5))], await journal.raise_epoch("test"))
    spot.start()
    assert spot.task is not None
    with pytest.raises(ConfigError, match=r"holds XYZ, whose market nobody can tell: put XYZ back into symbols"):
        await spot.task


async def test_coins_of_a_market_that_is_gone_count_at_the_last_price_and_others_go_on(spot: Gateway) -> None:
    await another(spot, f"strategy:{ETH}", "2")
    spot.start()
    await until(lambda: 9_980 < last_equity(spot) < 10_000)
    spot.fake.engine.prices.set(ETH, D(1_800))
    await until(lambda: 9_580 < last_equity(spot) < 9_600)
    await spot.stop()
    gone = spot.fake.engine.listings.pop(ETH)
    spot.start()
    await until(lambda: bool(spot.engine and spot.engine._account and spot.engine._account.context.risk.ready))
    await observed(spot)
    (alarm,) = await alarms(spot)
    assert (alarm.sym, "count at 1799" in alarm.text, spot.latches()) == (ETH, True, [])
    assert 9_580 < last_equity(spot) < 9_600
    await spot.write(spot.intent("0.01"))
    assert (await spot.reported(1))[0].status is OrderStatus.FILLED
    spot.fake.engine.listings[ETH] = gone


@pytest.mark.parametrize("again", [False, True], ids=["at once", "after a restart"])
async def test_a_market_that_closes_keeps_its_last_price(spot: Gateway, again: bool) -> None:
    spot.start()
    await spot.write(spot.intent("0.10000"))
    await spot.reported(1)
    spot.fake.engine.prices.set(SYM, D("41000.00"))
    await until(lambda: 9_880 < last_equity(spot) < 9_900)
    gone = spot.fake.engine.listings.pop(SYM)
    (await spot.session()).context.markets_in_doubt.set()

    async def told() -> bool:
        return bool([alarm for alarm in await alarms(spot) if "count at 409" in alarm.text])

    await until(told)
    if again:
        await spot.stop()
        spot.fake.engine.listings[SYM] = gone
        spot.fake.engine.set(f"status:{SYM}", "BREAK")
        spot.start()
    await observed(spot, 4)
    assert (9_880 < last_equity(spot) < 9_900, spot.latches()) == (True, [])
    spot.fake.engine.listings[SYM] = gone


async def test_a_flatten_closes_the_books_of_all_and_settles_those_that_no_gateway_trades(
    spot: Gateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await another(spot, f"strategy:{ETH}", "2")
    await another(spot, OTHER, "0.02")
    spot.start()
    await spot.write(spot.intent("0.01000"))
    await spot.reported(1)
    await spot.stop()
    settings = spot.settings
    monkeypatch.setattr(accounts, "load_settings", lambda: settings)
    await stop(cancel=True, flatten=True, within_s=30)
    assert max(spot.fake.engine.wallet.cash[coin] for coin in ("BTC", "ETH")) < D("0.00002"), "dust of each"
    said = capsys.readouterr().out
    assert all(f"ours: {book}" in said for book in (f"strategy:{SYM}", OTHER, f"strategy:{ETH}"))
    async with await Journal.open(settings.journal_url, "main", durable=False) as journal:
        assert [row.book for row in await journal.orders()] == [f"strategy:{SYM}"], "its gateway settles that"
        held = {book: (await retired(journal, book)).qty for book in (OTHER, f"strategy:{ETH}")}
        assert max(held.values()) < D("0.00001")
        await journal.write_by_person([DropLatch("HALT")])
    spot.start()
    assert (await spot.reported(2))[1].leg is Leg.CLOSE
    await observed(spot, 4)
    assert (await spot.externals(), spot.latches()) == ([], [])
