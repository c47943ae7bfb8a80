"""What real accounts show besides one position at one margin: as each dialect tells it, through unmodified ccxt."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from services.simulator.engine.events import CROSS, LONG, SHORT, EngineOrder, NewOrder
from services.simulator.simulator import Simulator, serving
from shared.exchanges.client import load_ccxt, redirect

ccxt = load_ccxt()
D = Decimal
QTY = D("0.010")


class At(NamedTuple):
    """A venue's two swaps: ccxt's names and its own."""

    fake: str
    symbols: tuple[str, str]
    ids: tuple[str, str]


BINANCE = At("binance", ("BTC/USDT:USDT", "ETH/USDT:USDT"), ("BTCUSDT", "ETHUSDT"))
OKX = At("okx", ("BTC/USDT:USDT", "ETH/USDT:USDT"), ("BTC-USDT-SWAP", "ETH-USDT-SWAP"))
BYBIT = At("bybit", ("BTC/USDT:USDT", "ETH/USDT:USDT"), ("BTCUSDT", "ETHUSDT"))
SWAPS = [BINANCE, OKX, BYBIT]


@pytest.fixture(params=SWAPS, ids=lambda at: at.fake)
def at(request: pytest.FixtureRequest) -> At:
    found: At = request.param
    return found


@asynccontextmanager
async def account(at: At, name: str = "", **options: Any) -> AsyncIterator[tuple[Simulator, Any]]:
    """The simulator and a ccxt instance with its keys."""
    exchange = (name or at.fake).partition("-")[0]
    kinds = {"binance": ["linear"], "okx": ["swap", "spot"], "bybit": ["linear", "spot"]}[exchange]
    spot = (name or at.fake).endswith("-spot")
    async with serving(name or at.fake, chances={}) as fake:
        made = getattr(ccxt, exchange)(
            {
                "apiKey": "fake-key", "secret": "fake-secret", "password": "fake-password", "enableRateLimit": False,
                "options": {
                    "fetchMarkets": {"types": ["spot"] if spot else kinds}, "fetchMargins": False,
                    "defaultType": "spot" if spot else "swap", **options,
                },
            }
        )  # fmt: skip
        redirect(made, fake.url)
        made.number = str
        made.has["fetchCurrencies"] = False
        try:
            await made.load_markets()
            yield fake, made
        finally:
            await made.close()


def put(fake: Simulator, sym: str, qty: Decimal, **rest: Any) -> EngineOrder:
    return fake.engine.place(NewOrder(sym, qty, **rest), fake.state.now_ms())


async def rows(client: Any, at: At) -> list[tuple[str, str, Decimal]]:
    """Symbol, side and contracts of each row that a settle coin's question gives."""
    found = await client.fetch_positions(None if at is BYBIT else list(at.symbols))
    return [(row["symbol"], row["side"], D(row["contracts"])) for row in found if D(row["contracts"])]


async def test_two_positions_of_one_account_are_two_rows(at: At) -> None:
    async with account(at) as (fake, client):
        put(fake, at.ids[0], QTY)
        put(fake, at.ids[1], -10 * QTY)
        size = [fake.engine.listings[id_].contract_size for id_ in at.ids]
        assert sorted(await rows(client, at)) == [
            (at.symbols[0], "long", QTY / size[0]),
            (at.symbols[1], "short", 10 * QTY / size[1]),
        ]


async def test_a_hedge_is_a_row_for_each_side(at: At) -> None:
    async with account(at) as (fake, client):
        fake.engine.set("mode" if at is OKX else "dual", "long_short_mode" if at is OKX else "true")
        put(fake, at.ids[0], 2 * QTY, leg=LONG)
        put(fake, at.ids[0], -QTY, leg=SHORT)
        size = fake.engine.listings[at.ids[0]].contract_size
        assert sorted(await rows(client, at)) == [
            (at.symbols[0], "long", 2 * QTY / size),
            (at.symbols[0], "short", QTY / size),
        ]


SIDES: dict[str, dict[str, dict[str, Any]]] = {
    "binance": {"long": {"positionSide": "LONG"}, "short": {"positionSide": "SHORT"}},
    "okx": {
        "long": {"posSide": "long", "tdMode": "isolated"},
        "short": {"posSide": "short", "tdMode": "isolated"},
    },
    "bybit": {"long": {"positionIdx": 1}, "short": {"positionIdx": 2}},
}


async def test_each_side_of_a_hedge_is_closed_as_what_it_is_and_the_net_cannot_be(at: At) -> None:
    async with account(at) as (fake, client):
        fake.engine.set("mode" if at is OKX else "dual", "long_short_mode" if at is OKX else "true")
        put(fake, at.ids[0], 2 * QTY, leg=LONG)
        put(fake, at.ids[0], -QTY, leg=SHORT)
        size = fake.engine.listings[at.ids[0]].contract_size
        with pytest.raises(ccxt.ExchangeError):
            await client.create_order(at.symbols[0], "market", "sell", str(QTY / size), None, {"clientOrderId": "net"})
        for number, (side, qty) in enumerate((("long", 2 * QTY), ("short", QTY))):
            params = {**SIDES[at.fake][side], "clientOrderId": f"a{number}"}
            way = "sell" if side == "long" else "buy"
            await client.create_order(at.symbols[0], "market", way, str(qty / size), None, params)
        assert await rows(client, at) == []


async def test_okx_has_a_position_at_cross_margin_beside_the_isolated_one() -> None:
    async with account(OKX) as (fake, client):
        put(fake, OKX.ids[0], QTY)
        put(fake, OKX.ids[0], -2 * QTY, leg=CROSS)
        found = await client.fetch_positions([OKX.symbols[0]])
        assert [(row["marginMode"], row["side"], row["contracts"]) for row in found] == [
            ("isolated", "long", "1"),
            ("cross", "short", "2"),
        ]


PENDING: dict[str, list[dict[str, Any]]] = {
    "binance": [{"trigger": True}],
    "okx": [{"trigger": True}, {"trigger": True, "ordType": "conditional,oco"}],
    "bybit": [{"trigger": True}],
}


async def test_orders_that_wait_are_seen_where_they_are_kept_and_end_or_fire(at: At) -> None:
    async with account(at) as (fake, client):
        put(fake, at.ids[0], QTY)
        put(fake, at.ids[0], -QTY, client_id="stop", reduce_only=True, trigger=D(41_000))
        algo = {"okx": "conditional", "binance": "TAKE_PROFIT_MARKET"}.get(at.fake, "")
        put(fake, at.ids[0], -QTY, client_id="take", reduce_only=True, trigger=D(43_000), rises=True, algo=algo)
        ordinary = await client.fetch_open_orders(at.symbols[0])
        assert len(ordinary) == (2 if at is BYBIT else 0)  # Bybit shows all kinds unless asked for one
        found = [
            row for params in PENDING[at.fake] for row in await client.fetch_open_orders(at.symbols[0], params=params)
        ]
        assert sorted(row["side"] for row in found) == ["sell", "sell"]
        assert {row["status"] for row in found} == {"open"}
        fake.engine.prices.set(at.ids[0], D(40_000))
        assert (await rows(client, at)) == []
        left = [
            row for params in PENDING[at.fake] for row in await client.fetch_open_orders(at.symbols[0], params=params)
        ]
        assert len(left) == 1
        if at is OKX:
            await client.cancel_orders([row["id"] for row in left], at.symbols[0], {"trigger": True})
        else:
            await client.cancel_all_orders(at.symbols[0], {"trigger": True})
        assert fake.engine.waiting_orders() == []


async def test_one_that_fires_becomes_another_order_at_binance_and_okx(at: At) -> None:
    """Bybit's keeps its id. The one that waited can still be asked for, where it was kept, and names the other."""
    async with account(at) as (fake, client):
        put(fake, at.ids[0], QTY)
        waits = put(fake, at.ids[0], -QTY, client_id="stop", reduce_only=True, trigger=D(41_000))
        fake.engine.prices.set(at.ids[0], D(40_000))
        fake.engine.advance(fake.state.now_ms())
        made = fake.engine.fills[-1].order_id
        assert (made == waits.id) == (at is BYBIT)
        assert not fake.engine.wallet.holding(at.ids[0]).qty
        if at is BINANCE:
            algo = await client.fapiPrivateGetAlgoOrder({"clientAlgoId": "stop"})
            assert (algo["algoId"], algo["actualOrderId"], algo["algoStatus"]) == (waits.id, str(made), "FINISHED")
            listed = {row["id"]: row["clientOrderId"] for row in await client.fetch_orders(at.symbols[0])}
            assert listed[str(made)] == "stop"
            assert str(waits.id) not in listed
        elif at is OKX:
            (row,) = (await client.private_get_trade_order({"instId": at.ids[0], "ordId": str(made)}))["data"]
            assert (row["algoId"], row["algoClOrdId"], row["clOrdId"], row["source"]) == (
                str(waits.id),
                "stop",
                "",
                "6",
            )


async def test_what_stands_in_one_symbol_hinders_no_margin_type_of_another() -> None:
    """Binance's -4048 and -4047 are of the symbol; its position mode is the account's."""
    async with account(BINANCE) as (fake, client):
        first, second = BINANCE.symbols[:2]
        put(fake, BINANCE.ids[0], QTY)
        put(fake, BINANCE.ids[0], QTY, client_id="rests", limit=D(30_000))
        await client.set_margin_mode("isolated", second)
        with pytest.raises(ccxt.ExchangeError, match="-4048"):
            await client.set_margin_mode("isolated", first)
        with pytest.raises(ccxt.ExchangeError, match="-4068"):
            await client.set_position_mode(True)
        put(fake, BINANCE.ids[0], -QTY)
        with pytest.raises(ccxt.ExchangeError, match="-4047"):
            await client.set_margin_mode("isolated", first)


async def test_what_the_venue_closes_itself_says_so(at: At) -> None:
    async with account(at) as (fake, client):
        for origin in ("liquidation", "adl"):
            put(fake, at.ids[0], QTY)
            fake.state.close_out(at.ids[0], origin)
        if at is BINANCE:
            ids = [order["clientOrderId"] for order in await client.fetch_orders(at.symbols[0])]
            assert [id_.partition("-")[0] for id_ in ids if id_] == ["autoclose", "adl_autoclose"]
        elif at is BYBIT:
            found = await client.private_get_v5_execution_list({"category": "linear", "symbol": at.ids[0]})
            kinds = [row["execType"] for row in found["result"]["list"]]
            assert sorted(kinds) == ["AdlTrade", "BustTrade", "Trade", "Trade"]
            assert len(await client.fetch_my_trades(at.symbols[0])) == 2  # ccxt asks for Trade only
        else:
            orders = fake.engine.orders()
            told = [(await client.fetch_order(str(one.id), at.symbols[0]))["info"]["category"] for one in orders]
            assert told == ["normal", "full_liquidation", "normal", "adl"]


async def test_a_key_that_only_reads_is_told_and_cannot_trade(at: At) -> None:
    async with account(at) as (fake, client):
        fake.state.keys.reads_only = True
        if at is BINANCE:
            assert (await client.sapi_get_account_apirestrictions())["enableFutures"] is False
        elif at is BYBIT:
            assert (await client.private_get_v5_user_query_api())["result"]["readOnly"] == 1
        else:
            assert (await client.private_get_account_config())["data"][0]["perm"] == "read_only"
        with pytest.raises(ccxt.ExchangeError):
            await client.create_order(at.symbols[0], "market", "buy", "1")


async def test_the_largest_market_order_is_another_than_the_largest_with_a_price(at: At) -> None:
    async with account(at) as (fake, client):
        listing = fake.engine.listings[at.ids[0]]
        info = client.market(at.symbols[0])["info"]
        if at is BINANCE:
            told = next(row["maxQty"] for row in info["filters"] if row["filterType"] == "MARKET_LOT_SIZE")
        else:
            told = info["lotSizeFilter"]["maxMktOrderQty"] if at is BYBIT else info["maxMktSz"]
        assert D(told) * listing.contract_size == listing.most_market < listing.most_limit
        fake.engine.wallet.cash["USDT"] = D(10**9)
        more = (listing.most_market + listing.step) / listing.contract_size
        with pytest.raises(ccxt.ExchangeError):
            await client.create_order(at.symbols[0], "market", "buy", str(more), None, SIDES_ONE[at.fake])
        assert fake.engine.accepted == []


SIDES_ONE: dict[str, dict[str, Any]] = {"binance": {}, "okx": {"tdMode": "isolated", "clientOrderId": "a"}, "bybit": {}}
STOPPED = {"binance": "SETTLING", "okx": "suspend", "bybit": "Delivering"}


async def test_a_market_that_is_not_traded_says_so_and_takes_no_order(at: At) -> None:
    async with account(at) as (fake, client):
        fake.engine.set(f"status:{at.ids[0]}", STOPPED[at.fake])
        with pytest.raises(ccxt.ExchangeError):
            await client.create_order(at.symbols[0], "market", "buy", "1", None, SIDES_ONE[at.fake])
        await client.load_markets(True)
        found = client.markets.get(at.symbols[0])
        assert (found is None) if at is BYBIT else (found["active"] is False)  # Bybit leaves it out
        assert client.market(at.symbols[1])["active"] is True


async def test_funding_has_each_venues_own_sign(at: At) -> None:
    async with account(at) as (fake, client):
        put(fake, at.ids[0], QTY)
        fake.state.fund(at.ids[0], D("0.0001"))
        (payment,) = fake.engine.payments
        assert payment.amount < 0
        (row,) = await client.fetch_funding_history(at.symbols[0])
        info = row["info"]
        own = {"binance": ["income"], "okx": ["balChg", "posBalChg"], "bybit": ["execFee"]}[at.fake]
        told = sum(D(info[name]) for name in own)  # of an isolated position OKX takes it from what lies with that
        assert told == (-payment.amount if at is BYBIT else payment.amount)


async def test_a_tickers_own_time_is_when_it_has_changed(at: At) -> None:
    async with account(at) as (fake, client):
        fake.state.quiet_ms = 45_000
        ticker = (
            await client.fetch_ticker(at.symbols[0])
            if at is not BINANCE
            else (await client.fetch_bids_asks([at.symbols[0]]))[at.symbols[0]]
        )
        if at is BYBIT:
            assert ticker["timestamp"] is None  # its rows have none
        else:
            assert abs(fake.state.now_ms() - 45_000 - ticker["timestamp"]) < 1000


async def test_bybits_equity_has_what_is_not_realised_and_its_wallet_has_not() -> None:
    """As recorded: an equity of 900 with a wallet of 1000.50 is no account without a loss."""
    async with account(BYBIT) as (fake, client):
        fake.engine.wallet.cash["USDT"] = D("1000.50")
        put(fake, "BTCUSDT", D("0.020"))
        wallet = fake.engine.wallet.cash["USDT"]
        fake.engine.prices.set("BTCUSDT", D(37_000))
        info = (await client.private_get_v5_account_wallet_balance({"accountType": "UNIFIED"}))["result"]["list"][0]
        (coin,) = info["coin"]
        assert D(coin["walletBalance"]) == wallet
        assert D(coin["equity"]) == D(info["totalEquity"]) == wallet + D(coin["unrealisedPnl"])
        assert D(coin["unrealisedPnl"]) < -99
        assert (await client.fetch_balance())["total"]["USDT"] == coin["walletBalance"]


async def test_bybit_pages_open_orders_by_twenty_and_positions_need_a_symbol_or_a_coin() -> None:
    async with account(BYBIT) as (fake, client):
        for number in range(45):
            put(fake, "BTCUSDT", QTY, client_id=f"o{number}", limit=D(30_000) + number)
        assert len(await client.fetch_open_orders(BYBIT.symbols[0])) == 20
        paged = await client.fetch_open_orders(BYBIT.symbols[0], params={"paginate": True})
        assert len({row["id"] for row in paged}) == 45
        with pytest.raises(ccxt.BadRequest, match="symbol or settleCoin"):
            await client.private_get_v5_position_list({"category": "linear"})
        with pytest.raises(ccxt.ArgumentsRequired):
            await client.fetch_positions(list(BYBIT.symbols))


async def test_bybit_history_without_times_is_of_seven_days_and_with_a_start_of_the_seven_from_there() -> None:
    async with account(BYBIT) as (fake, client):
        now_ms = fake.state.now_ms()
        for days in (20, 8, 1):
            fake.engine.place(NewOrder("BTCUSDT", QTY, f"d{days}"), now_ms - days * 86_400_000)
        ids = {0: ["d1"], now_ms - 21 * 86_400_000: ["d20"], now_ms - 9 * 86_400_000: ["d8"]}
        for since_ms, wanted in ids.items():
            found = await client.fetch_my_trades(BYBIT.symbols[0], since_ms or None)
            assert [row["info"]["orderLinkId"] for row in found if row["timestamp"] >= since_ms] == (
                [*wanted, "d1"] if since_ms == now_ms - 9 * 86_400_000 and len(found) > 1 else wanted
            )
        with pytest.raises(ccxt.BadRequest, match="7 days"):
            await client.fetch_my_trades(BYBIT.symbols[0], now_ms - 9 * 86_400_000, None, {"until": now_ms})


async def test_bybit_on_spot_ends_in_part_with_a_status_of_its_own() -> None:
    from services.simulator.engine.events import FillPlan

    async with account(BYBIT, "bybit-spot") as (fake, client):
        fake.state.random_faults.plan = lambda client_id: FillPlan(1, 0, D("0.5"))  # type: ignore[method-assign]
        sent = await client.create_order("BTC/USDT", "market", "buy", "0.010", None, {"marketUnit": "baseCoin"})
        (row,) = await client.fetch_open_orders("BTC/USDT", params={"orderId": sent["id"]})
        assert (row["info"]["orderStatus"], row["status"], D(row["filled"])) == (
            "PartiallyFilledCanceled", "closed", D("0.005"),
        )  # fmt: skip


async def test_bybit_tells_a_tax_on_the_fee_beside_it() -> None:
    async with account(BYBIT) as (fake, client):
        fake.engine.set("extra_fee", "0.18")
        before = fake.engine.wallet.cash["USDT"]
        await client.create_order(BYBIT.symbols[0], "market", "buy", "0.010")
        (row,) = await client.fetch_my_trades(BYBIT.symbols[0])
        fee, extra = D(row["info"]["execFee"]), D(row["info"]["extraFees"][0]["fee"])
        assert extra == fee * D("0.18")
        assert before - fake.engine.wallet.cash["USDT"] == fee + extra


@pytest.mark.parametrize("name", ["binance-spot", "okx", "bybit-spot"])
async def test_spot_coins_are_free_or_locked_by_what_rests(name: str) -> None:
    at = {"binance-spot": BINANCE, "okx": OKX, "bybit-spot": BYBIT}[name]
    id_ = "BTC-USDT" if name == "okx" else "BTCUSDT"
    async with account(at, name) as (fake, client):
        fake.engine.pay("TRANSFER", "", "BTC", D("0.5"), fake.state.now_ms())
        put(fake, id_, D("-0.2"), client_id="a", limit=D(50_000))
        put(fake, id_, D("0.1"), client_id="b", limit=D(30_000))
        told = await client.fetch_balance()
        assert D(told["BTC"]["total"]) == D("0.5")
        assert (D(told["BTC"]["used"]), D(told["USDT"]["used"])) == (D("0.2"), D(3000))


async def test_binance_takes_fees_in_a_coin_that_has_no_price() -> None:
    async with account(BINANCE) as (fake, client):
        fake.engine.set("fee_coin", "BNFCR")
        await client.create_order(BINANCE.symbols[0], "market", "buy", "0.010")
        (row,) = await client.fetch_my_trades(BINANCE.symbols[0])
        assert row["fee"]["currency"] == "BNFCR"


async def test_accounts_of_other_kinds_say_what_they_are() -> None:
    async with account(BINANCE) as (fake, client):
        fake.engine.set("multiAssets", "true")
        assert (await client.fapiprivate_get_multiassetsmargin())["multiAssetsMargin"] is True
    async with account(OKX) as (fake, client):
        fake.engine.set("acctLv", "4")
        assert (await client.private_get_account_config())["data"][0]["acctLv"] == "4"
    async with account(BYBIT) as (fake, client):
        fake.engine.set("unifiedMarginStatus", "1")
        assert await client.is_unified_enabled() == [False, False]
        assert (await client.private_get_v5_account_info())["result"]["unifiedMarginStatus"] == 1
