"""What recorded and documented answers of the exchanges mean in money, read through ccxt's own classes."""

from decimal import Decimal
from typing import Any

import pytest

from shared.errors import VenueError
from shared.orders import FundingPayment
from tests.unit.exchanges.trading.recorded import Recorded

D = Decimal


def bybit_wallet(**coin: str) -> dict[str, Any]:
    """https://bybit-exchange.github.io/docs/v5/account/wallet-balance, with what was recorded."""
    usdt = {
        "coin": "USDT", "equity": "900", "usdValue": "900", "walletBalance": "1000.50", "unrealisedPnl": "-100.50",
        "totalPositionIM": "60", "totalOrderIM": "0", "locked": "0", "borrowAmount": "0", "accruedInterest": "0",
        "cumRealisedPnl": "0", "availableToWithdraw": "", "bonus": "0", **coin,
    }  # fmt: skip
    btc = {**usdt, "coin": "BTC", "equity": "0.2", "walletBalance": "0.2", "unrealisedPnl": "0"}
    account = {"accountType": "UNIFIED", "totalEquity": "900", "totalWalletBalance": "1000.50", "coin": [usdt, btc]}
    return {"retCode": 0, "retMsg": "OK", "result": {"list": [account]}, "retExtInfo": {}, "time": 1672125441042}


async def test_bybits_cash_is_the_coins_equity_and_not_its_wallet() -> None:
    made = Recorded("bybit", {"/v5/account/wallet-balance": bybit_wallet()})
    assert (await made.client.fetch_balance())["USDT"]["total"] == "1000.50"  # ccxt's
    assert (await made.venue.balance()).cash == D(900)


async def test_bybits_coins_on_spot() -> None:
    made = Recorded("bybit", {"/v5/account/wallet-balance": bybit_wallet()}, spot=True)
    assert await made.venue.balance() == (D(900), {"BTCUSDT": D("0.2")})


async def test_an_equity_that_is_not_told_is_none_of_another_meaning() -> None:
    made = Recorded("bybit", {"/v5/account/wallet-balance": bybit_wallet(equity="")})
    with pytest.raises(VenueError, match="cannot read the answer"):
        await made.venue.balance()


def bybit_payment(id_: str, fee: str, symbol: str = "BTCUSDT", kind: str = "Funding") -> dict[str, Any]:
    """As ccxt's fixture has one, https://bybit-exchange.github.io/docs/v5/order/execution: execFee > 0 was paid."""
    return {
        "symbol": symbol, "orderType": "UNKNOWN", "execTime": "1710950400000", "feeRate": "0.0001", "execId": id_,
        "execType": kind, "execFee": fee, "side": "Buy", "execQty": "0.98", "execValue": "134.3678", "seq": "1",
    }  # fmt: skip


def bybit_page(*rows: dict[str, Any], cursor: str = "") -> dict[str, Any]:
    return {
        "retCode": 0,
        "retMsg": "OK",
        "result": {"list": list(rows), "nextPageCursor": cursor, "category": "linear"},
    }


async def test_bybits_fee_that_was_paid_is_a_payment_below_zero() -> None:
    rows = [bybit_payment("a", "0.0134"), bybit_payment("b", "-0.5"), bybit_payment("c", "0.07", kind="Trade"),
            bybit_payment("d", "1", symbol="XMRUSDT")]  # fmt: skip
    made = Recorded("bybit", {"/v5/execution/list": [bybit_page(*rows)]})
    assert await made.venue.funding(0) == [
        FundingPayment("a", "BTCUSDT", D("-0.0134"), 1710950400000),
        FundingPayment("b", "BTCUSDT", D("0.5"), 1710950400000),
    ]


async def test_bybits_payments_of_all_markets_come_page_by_page() -> None:
    pages = [bybit_page(bybit_payment("a", "1"), cursor="next"), bybit_page(bybit_payment("b", "2", symbol="ETHUSDT"))]
    made = Recorded("bybit", {"/v5/execution/list": pages}, ("BTC", "ETH"))
    paid = await made.venue.funding(5)
    assert [(row.sym, row.amount) for row in paid] == [("BTCUSDT", D(-1)), ("ETHUSDT", D(-2))]
    assert "cursor" not in made.asked[0] and "cursor=next" in made.asked[1]
    assert all("limit=100" in url and "startTime=5" in url and "symbol" not in url for url in made.asked)


async def test_ccxt_still_hands_bybits_sign_through() -> None:
    """When this fails, ccxt has turned its sign: ours is read from execFee, and stays; see whether Bybit has, too."""
    made = Recorded("bybit", {"/v5/execution/list": [bybit_page(bybit_payment("a", "0.0134"))]})
    (row,) = await made.client.fetch_funding_history("BTC/USDT:USDT")
    assert row["amount"] == "0.0134"


async def test_binances_income_is_positive_when_it_came_in_and_of_all_markets_in_one_call() -> None:
    def income(id_: int, amount: str, symbol: str, kind: str = "FUNDING_FEE") -> dict[str, Any]:
        return {"symbol": symbol, "incomeType": kind, "income": amount, "asset": "USDT", "time": 7, "info": kind,
                "tranId": id_, "tradeId": ""}  # fmt: skip

    rows = [income(1, "-0.37500000", "BTCUSDT"), income(2, "0.25", "ETHUSDT"),
            income(3, "-0.0167", "BTCUSDT", "COMMISSION"), income(4, "9", "XMRUSDT")]  # fmt: skip
    made = Recorded("binance", {"/fapi/v1/income": [rows]}, ("BTC", "ETH"))
    assert await made.venue.funding(5) == [
        FundingPayment("1", "BTCUSDT", D("-0.375"), 7), FundingPayment("2", "ETHUSDT", D("0.25"), 7),
    ]  # fmt: skip
    assert len(made.asked) == 1 and "symbol" not in made.asked[0]


async def test_okxs_bill_says_by_its_kind_which_way_the_money_went() -> None:
    def bill(id_: str, kind: str, balance: str, position: str, type_: str = "8") -> dict[str, Any]:
        return {"billId": id_, "instId": "BTC-USDT-SWAP", "instType": "SWAP", "ccy": "USDT", "type": type_,
                "subType": kind, "balChg": balance, "posBalChg": position, "fee": "0", "pnl": "0",
                "mgnMode": "isolated", "ts": "7"}  # fmt: skip

    rows = [
        bill("5", "173", "0.1", "0"),
        bill("4", "173", "-0.3", "0"),
        bill("3", "174", "0", "0.2"),
        bill("2", "1", "-0.9", "0", type_="2"),
    ]
    made = Recorded("okx", {"/account/bills": [{"code": "0", "msg": "", "data": rows}]})
    assert await made.venue.funding(5) == [
        FundingPayment("3", "BTCUSDT", D("0.2"), 7), FundingPayment("4", "BTCUSDT", D("-0.3"), 7),
        FundingPayment("5", "BTCUSDT", D("-0.1"), 7),
    ]  # fmt: skip


async def test_binances_cash_is_the_assets_margin_balance() -> None:
    """The account's own total adds up other assets too, at the exchange's rates."""
    usdt = {"asset": "USDT", "walletBalance": "1000.50", "unrealizedProfit": "-100.50", "marginBalance": "900.00",
            "maintMargin": "0", "initialMargin": "60", "availableBalance": "840", "crossWalletBalance": "940",
            "updateTime": 1}  # fmt: skip
    bnb = {**usdt, "asset": "BNB", "walletBalance": "3", "unrealizedProfit": "0", "marginBalance": "3"}
    answer = {"totalWalletBalance": "2800", "totalMarginBalance": "2700", "assets": [usdt, bnb], "positions": []}
    made = Recorded("binance", {"/fapi/v3/account": answer})
    assert (await made.venue.balance()).cash == D(900)


async def test_binances_cash_counts_where_nothing_was_done_with_it_yet() -> None:
    """https://github.com/ccxt/ccxt/issues/27997: updateTime 0; ccxt leaves such a row out, which is no equity of 0."""
    usdt = {"asset": "USDT", "walletBalance": "1000.50", "unrealizedProfit": "0", "marginBalance": "1000.50",
            "availableBalance": "1000.50", "initialMargin": "0", "updateTime": 0}  # fmt: skip
    made = Recorded("binance", {"/fapi/v3/account": {"assets": [usdt], "positions": []}})
    assert "USDT" not in (await made.client.fetch_balance())["total"]  # ccxt's
    assert (await made.venue.balance()).cash == D("1000.50")


async def test_what_rests_in_an_order_counts_on_binances_spot() -> None:
    rows = [{"asset": "USDT", "free": "100", "locked": "20"}, {"asset": "BTC", "free": "0.1", "locked": "0.05"}]
    made = Recorded("binance", {"/api/v3/account": {"updateTime": 1, "balances": rows}}, spot=True)
    assert await made.venue.balance() == (D(120), {"BTCUSDT": D("0.15")})


@pytest.mark.parametrize("spot", [False, True])
async def test_okxs_cash_is_eq(spot: bool) -> None:
    details = [{"ccy": "USDT", "eq": "900", "cashBal": "1000.50", "upl": "-100.50", "availEq": "840", "availBal": "840",
                "frozenBal": "60", "uTime": "1"}, {"ccy": "BTC", "eq": "0.2", "cashBal": "0.2", "availBal": "0.2",
                "availEq": "", "frozenBal": "0", "uTime": "1"}]  # fmt: skip
    answer = {"code": "0", "msg": "", "data": [{"uTime": "1", "totalEq": "9000", "details": details}]}
    made = Recorded("okx", {"/account/balance": answer}, spot=spot)
    assert await made.venue.balance() == (D(900), {"BTCUSDT": D("0.2")} if spot else {})
