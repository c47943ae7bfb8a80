"""What takes or gives a list, through ccxt's own classes: with 1, 2 and 30 markets, and over more than one page."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from shared.errors import VenueError
from shared.exchanges.trading.paging import order_trades, trades
from tests.unit.exchanges.trading.raw import Raw

# Whole answers as the exchanges give them, cut to the fields that ccxt reads.


def bybit_positions(form: dict[str, str]) -> Any:
    """P: https://bybit-exchange.github.io/docs/v5/position: pages of `limit` (200 at most), by cursor."""
    first = int(form.get("cursor") or 0)
    every = [f"C{number}USDT" for number in range(28)] + ["BTCUSDT", "ETHUSDT"]
    found = [sym for sym in every if form.get("symbol", sym) == sym][first : first + 20]
    rows = [
        {"symbol": sym, "side": "Buy", "size": "0.5", "avgPrice": "40000", "positionIdx": 0, "markPrice": "1"}
        for sym in found
    ]
    more = str(first + 20) if first + 20 < len(every) and "symbol" not in form else ""
    return {"retCode": 0, "retMsg": "OK", "result": {"list": rows, "nextPageCursor": more, "category": "linear"}}


def okx_positions(form: dict[str, str]) -> Any:
    """P: https://www.okx.com/docs-v5/en/#trading-account-rest-api-get-positions: no more than ten ids at once."""
    ids = form["instId"].split(",") if "instId" in form else None
    if ids is not None and len(ids) > 10:
        return {"code": "51000", "msg": "Parameter instId error", "data": []}
    every = [f"{base}-USDT-SWAP" for base in ["BTC", "ETH", *(f"C{number}" for number in range(28))]]
    rows = [
        {"instId": id_, "instType": "SWAP", "pos": "50", "posSide": "net", "avgPx": "40000", "mgnMode": "isolated"}
        for id_ in every
        if ids is None or id_ in ids
    ]
    return {"code": "0", "msg": "", "data": rows}


def binance_positions(form: dict[str, str]) -> Any:
    """P: .../usds-margined-futures/trade/rest-api/Position-Information-V3: those with a position."""
    every = ["BTCUSDT", "ETHUSDT", *(f"C{number}USDT" for number in range(28))]
    return [
        {"symbol": sym, "positionSide": "BOTH", "positionAmt": "0.5", "entryPrice": "40000", "markPrice": "40000",
         "unRealizedProfit": "0", "isolatedMargin": "0", "notional": "20000", "isolatedWallet": "0",
         "initialMargin": "1", "maintMargin": "0", "updateTime": 1}
        for sym in every
    ]  # fmt: skip


POSITIONS: dict[str, dict[str, Callable[[dict[str, str]], Any]]] = {
    "binance": {"/positionRisk": binance_positions, "/leverageBracket": lambda form: []},
    "okx": {"/account/positions": okx_positions},
    "bybit": {"/position/list": bybit_positions},
}


@pytest.mark.parametrize("count", [1, 2, 30])
@pytest.mark.parametrize("exchange", POSITIONS)
async def test_positions_of_any_number_of_swaps(exchange: str, count: int) -> None:
    raw = Raw(exchange, "swap", POSITIONS[exchange], markets=count)
    rows = await raw.profile.positions(raw.caller, raw.markets)
    held = {row["symbol"]: row["contracts"] for row in rows}
    assert held.keys() >= set(raw.markets)
    assert {held[market] for market in raw.markets} == {"50" if exchange == "okx" else "0.5"}


async def test_bybits_positions_are_asked_by_the_coin_that_they_settle_in() -> None:
    raw = Raw("bybit", "swap", POSITIONS["bybit"], markets=2, quote="USDC")
    await raw.profile.positions(raw.caller, raw.markets)
    assert {form["settleCoin"] for _, form in raw.asked} == {"USDC"}


def bybit_orders(form: dict[str, str]) -> Any:
    """P: https://bybit-exchange.github.io/docs/v5/order/open-order: 20 unless asked for, 50 at most, by cursor."""
    first, limit = int(form.get("cursor") or 0), min(int(form.get("limit", 20)), 50)
    rows = [
        {"symbol": "BTCUSDT", "orderId": f"o{number}", "orderLinkId": "", "side": "Buy", "orderType": "Limit",
         "price": "1", "qty": "1", "cumExecQty": "0", "cumExecValue": "0", "orderStatus": "New",
         "createdTime": str(1_000 + number), "updatedTime": "1", "tpslMode": ""}
        for number in range(120)
    ][first : first + limit]  # fmt: skip
    more = str(first + limit) if first + limit < 120 else ""
    return {"retCode": 0, "retMsg": "OK", "result": {"list": rows, "nextPageCursor": more}}


def okx_orders(form: dict[str, str]) -> Any:
    """P: https://www.okx.com/docs-v5/en/#order-book-trading-trade-get-order-list: 100 at most, older than `after`."""
    rows = [
        {"instId": form["instId"], "instType": "SWAP", "ordId": str(5_000 + number), "clOrdId": "", "side": "buy",
         "ordType": "limit", "px": "1", "sz": "1", "accFillSz": "0", "avgPx": "", "state": "live",
         "cTime": str(1_000 + number), "uTime": "1", "posSide": "net", "tdMode": "isolated", "feeCcy": "USDT"}
        for number in reversed(range(120))
        if 5_000 + number < int(form.get("after", 9_999))
    ]  # fmt: skip
    return {"code": "0", "msg": "", "data": rows[: min(int(form.get("limit", 100)), 100)]}


def binance_orders(form: dict[str, str]) -> Any:
    """P: .../usds-margined-futures/trade/rest-api/Current-All-Open-Orders: all there are."""
    return [
        {"symbol": form["symbol"], "orderId": number, "clientOrderId": "", "status": "NEW", "side": "BUY",
         "type": "LIMIT", "price": "1", "origQty": "1", "executedQty": "0", "cumQuote": "0", "time": number,
         "positionSide": "BOTH"}
        for number in range(120)
    ]  # fmt: skip


ORDERS: dict[str, dict[str, Callable[[dict[str, str]], Any]]] = {
    "binance": {"/openOrders": binance_orders},
    "okx": {"/trade/orders-pending": okx_orders},
    "bybit": {"/order/realtime": bybit_orders},
}


@pytest.mark.parametrize("exchange", ORDERS)
async def test_all_open_orders_are_seen_however_many(exchange: str) -> None:
    raw = Raw(exchange, "swap", ORDERS[exchange])
    rows = await raw.profile.open_orders(raw.caller, raw.markets[0])
    assert len({row["id"] for row in rows}) == len(rows) == 120


def okx_fills(form: dict[str, str]) -> Any:
    """P: https://www.okx.com/docs-v5/en/#order-book-trading-trade-get-transaction-details-last-3-months."""
    rows = [
        {"instId": form["instId"], "instType": "SWAP", "tradeId": f"t{number}", "ordId": "77", "billId": str(number),
         "side": "buy", "fillPx": "1", "fillSz": "1", "fee": "-0.1", "feeCcy": "USDT", "ts": "5000", "execType": "T"}
        for number in reversed(range(1, 251))
        if number < int(form.get("after", 9_999)) and form.get("ordId", "77") == "77"
    ]  # fmt: skip
    return {"code": "0", "msg": "", "data": rows[: min(int(form.get("limit", 100)), 100)]}


def bybit_fills(form: dict[str, str]) -> Any:
    """P: https://bybit-exchange.github.io/docs/v5/order/execution: 50 unless asked for, 100 at most, by cursor."""
    first, limit = int(form.get("cursor") or 0), min(int(form.get("limit", 50)), 100)
    assert int(form["endTime"]) - int(form["startTime"]) <= 7 * 86_400_000
    rows = [
        {"symbol": "BTCUSDT", "execId": f"t{number}", "orderId": "o", "orderLinkId": "", "side": "Buy",
         "execPrice": "1", "execQty": "1", "execValue": "1", "execFee": "0.1", "execTime": "5000", "execType": "Trade",
         "feeCurrency": "", "extraFees": ""}
        for number in range(250)
    ][first : first + limit]  # fmt: skip
    more = str(first + limit) if first + limit < 250 else ""
    return {"retCode": 0, "retMsg": "OK", "result": {"list": rows, "nextPageCursor": more}}


def binance_fills(form: dict[str, str]) -> Any:
    """P: .../usds-margined-futures/trade/rest-api/Account-Trade-List: 1000 at most; fromId goes with no time."""
    assert "fromId" not in form or not {"startTime", "endTime"} & form.keys()
    return [
        {"symbol": form["symbol"], "id": number, "orderId": 77, "side": "BUY", "price": "1", "qty": "1",
         "quoteQty": "1", "commission": "0.1", "commissionAsset": "USDT", "time": 5000, "buyer": True}
        for number in range(1, 2_501)
        if number >= int(form.get("fromId", 0))
    ][: min(int(form.get("limit", 500)), 1000)]  # fmt: skip


FILLS: dict[str, tuple[dict[str, Callable[[dict[str, str]], Any]], int]] = {
    "binance": ({"/userTrades": binance_fills}, 2_500),
    "okx": ({"/trade/fills-history": okx_fills}, 250),
    "bybit": ({"/execution/list": bybit_fills}, 250),
}


@pytest.mark.parametrize("exchange", FILLS)
async def test_all_trades_are_seen_even_if_one_millisecond_has_more_than_a_page(exchange: str) -> None:
    answers, count = FILLS[exchange]
    raw = Raw(exchange, "swap", answers)
    rows = await trades(raw.caller, raw.profile, raw.markets[0], 1_000, 6_000)
    assert len({row["id"] for row in rows}) == len(rows) == count


async def test_all_trades_of_one_order_are_seen() -> None:
    raw = Raw("okx", "swap", FILLS["okx"][0])
    rows = await order_trades(raw.caller, raw.profile, raw.markets[0], "77")
    assert len({row["id"] for row in rows}) == len(rows) == 250
    assert all(form["ordId"] == "77" for _, form in raw.asked)


@pytest.mark.parametrize(("days", "lists"), [(1, ["fills"]), (5, ["fills-history", "fills-history", "fills"])])
async def test_okxs_latest_trades_are_asked_for_where_they_are_at_once(days: int, lists: list[str]) -> None:
    """P: #order-book-trading-trade-get-transaction-details-last-3-months: the last 3 days have a list of their own.

    https://github.com/c9s/bbgo/pull/1878: the list of months is behind.
    """
    answers = {"/trade/fills": lambda form: {"code": "0", "data": []}}
    raw = Raw("okx", "swap", {**answers, "/trade/fills-history": answers["/trade/fills"]})
    now_ms = raw.profile.now_ms()
    await trades(raw.caller, raw.profile, None, now_ms - days * 86_400_000, now_ms)
    assert [path.rpartition("/")[2] for path, _ in raw.asked] == lists
    edges = [(int(form["begin"]), int(form["end"])) for _, form in raw.asked]
    assert all(end + 1 == begin for (_, end), (begin, _) in pairwise(edges)) and edges[-1][1] >= now_ms
    history = [end for (_, end), name in zip(edges, lists, strict=True) if name == "fills-history"]
    assert all(end < now_ms - 12 * 3_600_000 for end in history)


@pytest.mark.parametrize(("days", "name"), [(0, "fills"), (4, "fills-history")])
async def test_the_trades_of_an_order_of_okx_are_asked_for_in_the_list_that_has_them(days: int, name: str) -> None:
    raw = Raw("okx", "swap", {f"/trade/{name}": okx_fills})
    order = {"timestamp": raw.profile.now_ms() - days * 86_400_000}
    rows = await raw.profile.trades_of(raw.caller, raw.markets[0], order, "77")
    assert len(rows) == 250 and all(form["ordId"] == "77" for _, form in raw.asked)


async def test_binances_spot_trades_are_asked_a_day_at_a_time() -> None:
    """P: .../binance-spot-api-docs/rest-api/account-endpoints: no more than 24 hours between startTime and endTime."""
    raw = Raw("binance", "spot", {"/myTrades": lambda form: []})
    await trades(raw.caller, raw.profile, raw.markets[0], 0, 3 * 86_400_000)
    spans = [int(form["endTime"]) - int(form["startTime"]) for _, form in raw.asked]
    assert max(spans) < 86_400_000 and sum(spans) >= 3 * 86_400_000 - len(spans)


async def test_a_quote_is_one_markets_question() -> None:
    ticker = {"symbol": "BTCUSDT", "bid1Price": "1", "ask1Price": "2", "openInterestValue": "1"}
    answer = {"retCode": 0, "result": {"list": [ticker]}}
    raw = Raw("bybit", "swap", {"/market/tickers": lambda form: answer}, markets=30)
    row = await raw.profile.book_ticker(raw.caller, "BTC/USDT:USDT")
    assert (row["bid"], row["ask"]) == ("1", "2")
    assert [form["symbol"] for _, form in raw.asked] == ["BTCUSDT"]


@pytest.mark.parametrize("traded", [True, False])
async def test_an_order_that_bybit_shows_no_more_is_not_given_up_where_it_has_trades(traded: bool) -> None:
    """P: https://bybit-exchange.github.io/docs/v5/order/order-list: before the last week only what was filled."""
    nothing = {"retCode": 0, "result": {"list": [], "nextPageCursor": ""}}
    one = bybit_fills({"limit": "1", "startTime": "0", "endTime": "1"})
    answers = {
        "/order/realtime": lambda form: nothing,
        "/order/history": lambda form: nothing,
        "/execution/list": lambda form: one if traded else nothing,
    }
    raw = Raw("bybit", "spot", answers)
    weeks_ago = raw.client.milliseconds() - 3 * 7 * 86_400_000
    one["result"]["list"][0]["execTime"] = str(weeks_ago + 5)
    look = raw.profile.order_by_client_id(raw.caller, raw.markets[0], "c" * 32, weeks_ago)
    if traded:
        with pytest.raises(VenueError, match="does not show the order any more"):
            await look
    else:
        assert await look is None
    spans = [int(form["endTime"]) - int(form["startTime"]) for path, form in raw.asked if "endTime" in form]
    assert len(spans) == 3 and max(spans) <= 7 * 86_400_000
    young = raw.client.milliseconds() - 1_000
    raw.asked.clear()
    assert await raw.profile.order_by_client_id(raw.caller, raw.markets[0], "c" * 32, young) is None
    assert len(raw.asked) == 2
