"""What only Hyperliquid has: signed actions, a nonce each, refusals by text, counted requests, accounts by address."""

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from services.simulator.engine.events import FillPlan, Lags
from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.hyperliquid.orders import valid_price
from services.simulator.hyperliquid.rest import OWNER, OWNER_KEY, WALLET, WALLET_KEY
from services.simulator.simulator import Simulator, serving
from shared.errors import ConfigError, SafetyRefusal, VenueError
from shared.exchanges.hyperliquid import prices
from shared.exchanges.hyperliquid.profile import RESERVED
from shared.exchanges.hyperliquid.rows import EVER_LATE_MS
from shared.exchanges.trading.ccxt_venue import CcxtVenue
from shared.exchanges.trading.options import Credentials, VenueOptions
from shared.messages.reasons import OrderPhase, Reason
from shared.orders.answers import Absent, Ambiguous, OrderStatusReport, Refused
from tests.simulator_venues import HYPERLIQUID, SYM, Pair, options, trading

D = Decimal
FIRST_REQUESTS = 10_000


def keys(address: str = OWNER, secret: str = WALLET_KEY) -> Credentials:
    return Credentials(SecretStr(address), SecretStr(secret))


def actions(fake: Simulator) -> list[dict[str, Any]]:
    """Returns what was posted to be done, in its order."""
    return [one.content for one in fake.server.requests if "/exchange/" in one.target]


def tampered(pair: Pair, monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], object]) -> None:
    """Changes what is posted, behind its signature."""
    client = pair.venue._client
    fetch = client.fetch

    async def changed(url: str, method: str = "GET", headers: Any = None, body: Any = None, *rest: Any) -> Any:
        if url.endswith("/exchange"):
            told = json.loads(body)
            change(told)
            body = json.dumps(told)
        return await fetch(url, method, headers, body, *rest)

    monkeypatch.setattr(client, "fetch", changed)


# ---- what goes over the wire


async def test_an_accounts_whole_day_has_no_request_but_what_was_asked_for() -> None:
    """ccxt's own order would approve a builder, take a referrer, and pay 1 bp of each order to the builder."""
    async with serving("hyperliquid", chances={}) as fake:
        venue = CcxtVenue(options(HYPERLIQUID, fake.url), keys())
        await venue.open()
        pair = Pair(venue, fake, HYPERLIQUID)
        await venue.place(pair.request("0.010"))
        await venue.place(pair.ioc("0.010", pair.best.ask, 2))
        await venue.place(pair.request("-0.020", 3, reduce_only=True))
        await venue.close()
        told = [one["action"] for one in actions(fake)]
    assert [action["type"] for action in told] == ["updateLeverage", "order", "order", "order"]
    assert not any("builder" in action for action in told)
    assert {one.path.partition("/")[2] for one in fake.server.requests} == {"info", "exchange"}


async def test_an_order_is_one_action_with_our_stamp_our_id_and_its_end() -> None:
    async with trading(HYPERLIQUID) as pair:
        ask = pair.request("0.010", 10, validity_ms=1_234)
        assert isinstance(await pair.venue.place(ask), OrderStatusReport)
        (sent,) = actions(pair.fake)
        (order,) = sent["action"]["orders"]
        assert (sent["nonce"], sent["expiresAfter"]) == (ask.at_ms, ask.at_ms + 1_234)
        assert (order["c"], order["r"], order["t"]) == (f"0x{10:032x}", False, {"limit": {"tif": "Ioc"}})
        assert (sent["action"]["grouping"], "vaultAddress" in sent) == ("na", False)


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.update(expiresAfter=told["expiresAfter"] + 60_000),
        lambda told: told.pop("expiresAfter"),
        lambda told: told.update(nonce=told["nonce"] + 1),
        lambda told: told["action"]["orders"][0].update(s="0.011"),
        lambda told: told["action"]["orders"][0].update(r=True),
        lambda told: told["action"].update(builder={"b": WALLET, "f": 10}),
    ],
    ids=["its end", "no end", "nonce", "quantity", "reduces", "builder"],
)
async def test_all_of_it_is_signed(change: Callable[[Any], object], monkeypatch: pytest.MonkeyPatch) -> None:
    async with trading(HYPERLIQUID) as pair:
        tampered(pair, monkeypatch, change)
        answer = await pair.venue.place(pair.request("0.010"))
        assert isinstance(answer, Refused) and answer.reason is Reason.KEY_REFUSED
        assert (pair.sent, pair.accepted) == (1, [])


async def test_orders_of_one_millisecond_have_a_nonce_each() -> None:
    async with trading(HYPERLIQUID) as pair:
        at_ms = pair.venue.now_ms()
        for number in (1, 2, 3):
            answer = await pair.venue.place(pair.request("0.010", number)._replace(at_ms=at_ms))
            assert isinstance(answer, OrderStatusReport)
        assert [one["nonce"] for one in actions(pair.fake)] == [at_ms, at_ms + 1, at_ms + 2]
        assert len({one["expiresAfter"] for one in actions(pair.fake)}) == 1


async def test_an_answer_that_tells_of_a_used_nonce_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be about this very order, which came twice: a connection's doing, e.g. a proxy's."""
    async with trading(HYPERLIQUID) as pair, aiohttp.ClientSession() as proxy:
        client = pair.venue._client
        fetch = client.fetch

        async def twice(url: str, method: str = "GET", headers: Any = None, body: Any = None, *rest: Any) -> Any:
            if url.endswith("/exchange"):
                where = f"{pair.fake.url}/api.hyperliquid.xyz/exchange"
                async with proxy.post(where, data=body, headers={"Content-Type": "application/json"}) as before:
                    assert (await before.json())["status"] == "ok"
            return await fetch(url, method, headers, body, *rest)

        monkeypatch.setattr(client, "fetch", twice)
        answer = await pair.venue.place(pair.request("0.010"))
        assert isinstance(answer, Ambiguous) and "duplicate nonce" in answer.cause
        found = await pair.venue.find(SYM, f"{1:032x}")
        assert isinstance(found, OrderStatusReport) and found.phase is OrderPhase.FILLED
        assert len(pair.accepted) == 1


async def test_what_comes_too_late_is_refused_there() -> None:
    async with trading(HYPERLIQUID) as pair:
        request = pair.request("0.010", validity_ms=500)
        pair.fake.state.skew_ms += 10_000
        answer = await pair.venue.place(request)
        assert isinstance(answer, Refused) and answer.reason is Reason.REQUEST_EXPIRED
        assert (pair.sent, pair.accepted) == (1, [])
        pair.fake.state.skew_ms -= 10_000
        assert isinstance(await pair.venue.find(SYM, f"{1:032x}"), Absent)


@pytest.mark.parametrize("side", [1, -1], ids=["buy", "sell"])
async def test_a_market_order_is_an_ioc_within_five_percent(side: int) -> None:
    async with trading(HYPERLIQUID) as pair:
        await pair.venue.place(pair.request(str(side * D("0.010"))))
        (sent,) = actions(pair.fake)
        price = D(sent["action"]["orders"][0]["p"])
        best = pair.best.ask if side > 0 else pair.best.bid
        assert D("0.0499") < side * (price / best - 1) <= D("0.05")
        assert valid_price(pair.listing, price)
        (order,) = pair.fake.engine.orders()
        assert (order.ioc, order.filled) == (True, side * D("0.010"))


async def test_an_orders_price_needs_no_question_while_the_last_quote_is_young() -> None:
    async with trading(HYPERLIQUID) as pair:
        await pair.venue.quotes([SYM])
        pair.fake.server.requests.clear()
        await pair.venue.place(pair.request("0.010"))
        assert [one.target.rpartition("/")[2] for one in pair.fake.server.requests] == ["order"]


async def test_an_orders_price_goes_past_the_queue_of_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its validity runs, and what reduces is the way out."""
    async with trading(HYPERLIQUID) as pair:
        await pair.venue.place(pair.request("0.010"))
        monkeypatch.setattr(prices, "YOUNG_S", -1.0)
        monkeypatch.setattr(pair.venue._client, "enableRateLimit", True)
        full = asyncio.Event()
        monkeypatch.setattr(pair.venue._client, "throttler", lambda cost: full.wait())
        read = asyncio.create_task(pair.venue.positions())
        pair.fake.server.requests.clear()
        answer = await pair.venue.place(pair.request("-0.010", 2, reduce_only=True))
        assert isinstance(answer, OrderStatusReport)
        assert [one.target.rpartition("/")[2] for one in pair.fake.server.requests] == ["l2Book", "order"]
        assert not read.done()
        full.set()
        assert [held.signed_qty for held in await read] == [0]


@pytest.mark.parametrize("mode", [FaultMode.STATUS, FaultMode.HTML, FaultMode.DROP, FaultMode.HOLD])
async def test_what_reduces_goes_out_without_an_answer_about_the_price(
    mode: FaultMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it is asked for; then the last price counts, with more room, and what adds is not sent."""
    async with trading(HYPERLIQUID) as pair:
        await pair.venue.place(pair.request("0.010"))
        monkeypatch.setattr(prices, "YOUNG_S", -1.0)
        monkeypatch.setattr(prices, "ASKED_S", 0.01 if mode is FaultMode.HOLD else 10.0)
        pair.fake.server.faults.append(Fault(mode, "info/l2Book", status=500, times=1_000))
        pair.fake.server.requests.clear()
        adds = await pair.venue.place(pair.request("0.010", 2))
        assert isinstance(adds, Refused) and adds.reason is Reason.NOT_SENT
        assert isinstance(await pair.venue.place(pair.request("-0.010", 3, reduce_only=True)), OrderStatusReport)
        assert [one.target.rpartition("/")[2] for one in pair.fake.server.requests] == ["l2Book", "l2Book", "order"]
        price = D(actions(pair.fake)[-1]["action"]["orders"][0]["p"])
        assert D("0.1999") < 1 - price / pair.best.bid <= D("0.2001")
        assert (pair.fake.engine.wallet.holding("BTC").qty, valid_price(pair.listing, price)) == (0, True)
        for fault in pair.fake.server.faults:
            fault.release.set()


@pytest.mark.parametrize(("empty", "reason"), [("ask", None), ("bid", Reason.NOT_SENT)])
async def test_a_sale_needs_bids_only(empty: str, reason: Reason | None, monkeypatch: pytest.MonkeyPatch) -> None:
    async with trading(HYPERLIQUID) as pair:
        pair.fake.engine.set("empty:BTC", empty)
        answer = await pair.venue.place(pair.request("-0.010"))
        assert (answer.reason if isinstance(answer, Refused) else None) is reason


# ---- answers that were lost


def ended(pair: Pair, monkeypatch: pytest.MonkeyPatch, share: str, trades_ms: int = 0) -> None:
    """Every IOC from now on is filled for this share, and its trades are seen so late; its answer is lost."""
    faults = pair.fake.state.random_faults
    monkeypatch.setattr(faults, "ioc_plan", lambda id_: FillPlan(share=D(share)))
    monkeypatch.setattr(faults, "lags", lambda id_: Lags(trades_ms=trades_ms))
    pair.fake.server.faults.append(Fault(FaultMode.DROP, HYPERLIQUID.orders, after=True, times=1_000))


async def later(pair: Pair, ms: int) -> None:
    pair.fake.state.skew_ms += ms
    await pair.venue.server_time_ms()


@pytest.mark.parametrize("number", range(1, 9))
async def test_what_was_filled_is_never_told_as_nothing(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By each word that its end may have, and each `sz`, while its fills are not to be seen yet."""
    async with trading(HYPERLIQUID) as pair:
        for _ in range(1, number):
            pair.fake.engine.next_id()
        ended(pair, monkeypatch, "0.4", trades_ms=5_000)
        assert isinstance(await pair.venue.place(pair.ioc("0.010", pair.best.ask, 2)), Ambiguous)
        assert isinstance(await pair.venue.find(SYM, f"{2:032x}"), Ambiguous)
        await later(pair, 5_500)
        found = await pair.venue.find(SYM, f"{2:032x}")
        assert isinstance(found, Ambiguous) or found.filled_qty == D("0.004")  # type: ignore[union-attr]
        await later(pair, EVER_LATE_MS)
        found = await pair.venue.find(SYM, f"{2:032x}")
        assert isinstance(found, OrderStatusReport), found
        assert (found.phase, found.filled_qty, found.traded_qty) == (OrderPhase.CANCELED, D("0.004"), D("0.004"))


async def test_a_miss_whose_answer_was_lost_is_one_when_no_fill_can_come(monkeypatch: pytest.MonkeyPatch) -> None:
    async with trading(HYPERLIQUID) as pair:
        ended(pair, monkeypatch, "0")
        assert isinstance(await pair.venue.place(pair.ioc("0.010", pair.best.ask, 2)), Ambiguous)
        assert isinstance(await pair.venue.find(SYM, f"{2:032x}"), Ambiguous)
        await later(pair, EVER_LATE_MS + 500)
        found = await pair.venue.find(SYM, f"{2:032x}")
        assert isinstance(found, OrderStatusReport)
        assert (found.phase, found.filled_qty, found.traded_qty) == (OrderPhase.CANCELED, 0, 0)


async def test_the_lateness_of_an_end_is_by_the_exchanges_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours may be fast, and then every end would seem to be long ago."""
    async with trading(HYPERLIQUID) as pair:
        await later(pair, -60_000)
        ended(pair, monkeypatch, "0")
        assert isinstance(await pair.venue.place(pair.ioc("0.010", pair.best.ask, 2)), Ambiguous)
        assert isinstance(await pair.venue.find(SYM, f"{2:032x}"), Ambiguous)


@pytest.mark.parametrize("number", range(1, 9))
async def test_an_answer_that_came_proves_a_part_at_once(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its row says of the rest: the answer has the sum, and the fills come to it."""
    async with trading(HYPERLIQUID) as pair:
        for _ in range(1, number):
            pair.fake.engine.next_id()
        ended(pair, monkeypatch, "0.4")
        pair.fake.server.faults.clear()
        answer = await pair.venue.place(pair.ioc("0.010", pair.best.ask, 2))
        assert isinstance(answer, OrderStatusReport) and answer.filled_qty == D("0.004")
        found = await pair.venue.find(SYM, f"{2:032x}")
        assert isinstance(found, OrderStatusReport)
        assert (found.phase, found.filled_qty, found.traded_qty) == (OrderPhase.CANCELED, D("0.004"), D("0.004"))


@pytest.mark.parametrize("share", ["1", "0.4"])
@pytest.mark.parametrize("since", [True, False])
async def test_an_order_that_is_told_no_more_is_not_absent_while_it_has_fills(
    share: str, since: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """https://github.com/ccxt/ccxt/issues/27113; nobody says how long an order is kept."""
    async with trading(HYPERLIQUID) as pair:
        pair.fake.engine.set("orders_kept_ms", "0")
        ended(pair, monkeypatch, share)
        ask = pair.ioc("0.010", pair.best.ask, 2)
        assert isinstance(await pair.venue.place(ask), Ambiguous)
        await later(pair, 3_600_000)
        found = await pair.venue.find(SYM, f"{2:032x}", ask.at_ms if since else None)
        assert isinstance(found, Ambiguous) and "does not show the order" in found.cause
        assert isinstance(await pair.venue.find(SYM, f"{3:032x}", ask.at_ms if since else None), Absent)


# ---- small orders


async def test_an_order_of_less_than_ten_dollars_is_refused() -> None:
    async with trading(HYPERLIQUID) as pair:
        assert pair.venue.rules(SYM).min_notional == 10
        answer = await pair.venue.place(pair.request("0.0002"))
        assert isinstance(answer, Refused) and answer.reason is Reason.BELOW_MINIMUM


@pytest.mark.parametrize("takes", [False, True])
async def test_whether_less_may_be_closed_nobody_knows_and_both_are_understood(takes: bool) -> None:
    async with trading(HYPERLIQUID) as pair:
        await pair.venue.place(pair.request("0.010"))
        await pair.venue.place(pair.request("-0.0098", 2, reduce_only=True))
        pair.fake.engine.set("small_reduce", str(takes).lower())
        answer = await pair.venue.place(pair.request("-0.0002", 3, reduce_only=True))
        assert (
            isinstance(answer, OrderStatusReport)
            if takes
            else answer == Refused(Reason.BELOW_MINIMUM, "Order must have minimum value of $10. asset=0")
        )
        assert [held.signed_qty for held in await pair.venue.positions()] == [0 if takes else D("0.0002")]


# ---- requests are counted


async def test_the_last_requests_are_kept_for_what_reduces() -> None:
    async with trading(HYPERLIQUID) as pair:
        await pair.venue.place(pair.request("0.010"))
        pair.fake.engine.set("requests_used", str(FIRST_REQUESTS + 418 - RESERVED - 3))
        await pair.venue.read_modes()  # which asks how many are left, too
        sent = pair.sent
        assert isinstance(await pair.venue.place(pair.request("0.010", 2)), OrderStatusReport)
        answers = [await pair.venue.place(pair.request("0.010", number)) for number in range(3, 8)]
        refused = [answer for answer in answers if isinstance(answer, Refused)]
        assert refused and {one.reason for one in refused} == {Reason.RATE_LIMITED}
        assert f"{RESERVED} are kept for what reduces" in refused[-1].text
        assert pair.sent == sent + 1 + len(answers) - len(refused), "what is refused here is not sent"
        closed = await pair.venue.place(pair.request("-0.010", 9, reduce_only=True))
        assert isinstance(closed, OrderStatusReport)


async def test_an_exchange_that_does_not_tell_how_many_are_left_holds_up_nothing() -> None:
    async with serving("hyperliquid", chances={}) as fake:
        fake.server.faults.append(Fault(FaultMode.STATUS, "info/userRateLimit", status=500, times=1_000))
        venue = CcxtVenue(options(HYPERLIQUID, fake.url, attempts=1), keys())
        await venue.open()
        assert await venue.read_modes() == {}
        assert isinstance(await venue.place(Pair(venue, fake, HYPERLIQUID).request("0.010")), OrderStatusReport)
        await venue.close()


async def test_too_many_requests_are_a_refusal_of_the_order() -> None:
    async with trading(HYPERLIQUID) as pair:
        pair.fake.engine.set("requests_used", "1000000")
        answer = await pair.venue.place(pair.request("0.010"))
        assert isinstance(answer, Refused) and answer.reason is Reason.RATE_LIMITED
        assert (pair.sent, pair.accepted) == (1, [])


async def test_what_came_too_late_counts_five_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own count is never less than the exchange's."""
    async with trading(HYPERLIQUID) as pair:
        client = pair.venue._client
        before = client.requests_counted
        for number in (1, 2):
            request = pair.request("0.010", number, validity_ms=500)
            pair.fake.state.skew_ms += 10_000 * number
            answer = await pair.venue.place(request)
            assert isinstance(answer, Refused) and answer.reason is Reason.REQUEST_EXPIRED
        assert client.requests_counted - before == 10
        await pair.venue._profile.cancel_resting(pair.venue._caller, HYPERLIQUID.market, ["1", "2", "3"])
        assert client.requests_counted - before == 13


async def test_too_much_weight_holds_up_reads_and_orders() -> None:
    async with trading(HYPERLIQUID, attempts=1) as pair:
        pair.fake.engine.set("weight_a_minute", str(pair.fake.state.asked_weight + 40))
        answers = [await pair.venue.place(pair.ioc("0.010", pair.best.ask, number)) for number in range(1, 60)]
        refused = [answer for answer in answers if isinstance(answer, Refused)]
        assert len(refused) == 19 and {one.reason for one in refused} == {Reason.RATE_LIMITED}
        with pytest.raises(VenueError):
            await pair.venue.positions()


# ---- whose account it is


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("role", "agent", r"is an API wallet, of the account .*: api_key is the account's own address"),
        ("role", "vault", "is a vault: vaults are not traded here"),
        ("role", "subAccount", "is a subaccount of .*: subaccounts are not traded here"),
        ("role", "missing", r"does not exist there \(role missing\): pay something in first"),
        ("abstraction", "unifiedAccount", "is in the mode unifiedAccount, .* switch it to the standard mode"),
        ("abstraction", "portfolioMargin", "is in the mode portfolioMargin"),
        ("abstraction", "dexAbstraction", "is in the mode dexAbstraction"),
    ],
)
async def test_an_account_of_another_kind_is_refused_and_flattened_all_the_same(
    setting: str, value: str, said: str
) -> None:
    async with serving("hyperliquid") as fake:
        fake.engine.set(setting, value)
        with pytest.raises(SafetyRefusal, match=said):
            await CcxtVenue(options(HYPERLIQUID, fake.url), keys()).open()
        assert actions(fake) == [], "nothing was set"
        way_out = CcxtVenue(options(HYPERLIQUID, fake.url), keys())
        await way_out.open(only_out=True)
        await way_out.close()


async def test_an_api_wallets_address_is_no_account() -> None:
    async with serving("hyperliquid") as fake:
        with pytest.raises(SafetyRefusal, match=f"is an API wallet, of the account {OWNER}"):
            await CcxtVenue(options(HYPERLIQUID, fake.url), keys(address=WALLET)).open()


async def test_the_accounts_own_key_can_take_money_out_and_is_refused() -> None:
    async with serving("hyperliquid") as fake:
        with pytest.raises(SafetyRefusal, match="withdraw"):
            await CcxtVenue(options(HYPERLIQUID, fake.url), keys(secret=OWNER_KEY)).open()


async def test_a_wallet_that_the_account_has_not_approved_may_not_trade() -> None:
    async with serving("hyperliquid") as fake:
        with pytest.raises(SafetyRefusal, match="may not trade"):
            await CcxtVenue(options(HYPERLIQUID, fake.url), keys(secret="0x" + "12" * 32)).open()


@pytest.mark.parametrize(
    ("address", "secret", "said"),
    [
        ("fake-key", WALLET_KEY, "api_key of hyperliquid is the account's address"),
        (OWNER, "fake-secret", "api_secret of hyperliquid is the private key of an API wallet"),
        (OWNER, OWNER, "api_secret of hyperliquid is the private key of an API wallet"),
    ],
)
def test_keys_of_another_form_are_one_line_without_them(address: str, secret: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        CcxtVenue(VenueOptions("hyperliquid", {SYM: HYPERLIQUID.market}), keys(address, secret))
    assert secret not in str(caught.value)


def test_spot_is_not_traded() -> None:
    with pytest.raises(SafetyRefusal, match="exchange hyperliquid: spot markets are not traded there"):
        CcxtVenue(VenueOptions("hyperliquid", {"HYPEUSDC": "HYPE/USDC"}), keys())


async def test_markets_of_others_dexes_are_not_there() -> None:
    async with serving("hyperliquid") as fake:
        other = VenueOptions(
            "hyperliquid", {"XYZUSDC": "XYZ-TSLA/USDC:USDC"}, mode="live", base_url=fake.url, throttled=False
        )
        with pytest.raises(ConfigError, match="XYZ-TSLA/USDC:USDC"):
            await CcxtVenue(other, keys()).open()
        assert not fake.server.count("perpDexs")


async def test_money_that_others_moved_is_no_funding_and_a_payment_is_known_by_coin_and_time() -> None:
    async with trading(HYPERLIQUID) as pair:
        await pair.venue.place(pair.request("0.010"))
        at_ms = pair.fake.state.now_ms()
        pair.fake.state.fund("BTC", D("0.0001"))
        pair.fake.engine.pay("TRANSFER", "", "USDC", D(5), at_ms)
        (payment,) = await pair.venue.funding(at_ms - 1)
        assert payment.payment_id == f"BTC:{payment.at_ms}" and payment.amount < 0
