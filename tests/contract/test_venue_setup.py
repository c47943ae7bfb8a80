"""What must be true of an account and its key before it trades, on each dialect."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from services.simulator.engine.events import NewOrder
from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.engine.matching_engine import FEE_COIN
from services.simulator.simulator import Simulator, serving
from shared.errors import SafetyRefusal, VenueError
from shared.exchanges import log_once
from shared.exchanges.trading import setup
from shared.exchanges.trading.ccxt_venue import CcxtVenue
from shared.exchanges.trading.venue import AccountIdentity
from tests.simulator_venues import BINANCE, BYBIT, HYPERLIQUID, OKX, SPOTS, SWAPS, Place, named, options, trading
from tests.until import until

HEDGED = {"binance": ("dual", "true"), "okx": ("mode", "long_short_mode"), "bybit": ("dual", "true")}
CROSS = {
    "binance": ("margin:BTCUSDT", "CROSSED"),
    "bybit": ("marginMode", "REGULAR_MARGIN"),
    "hyperliquid": ("margin:BTC", "cross"),
}
TWO_WAY = [place for place in SWAPS if place is not HYPERLIQUID]  # there is no hedge mode there


async def opened(place: Place, fake: Simulator) -> None:
    venue = CcxtVenue(options(place, fake.url), place.keys)
    await venue.open()
    await venue.close()


@pytest.mark.parametrize("place", SWAPS + SPOTS, ids=named)
async def test_a_key_that_may_only_read_is_refused(place: Place) -> None:
    async with serving(place.fake or place.exchange) as fake:
        fake.state.keys.reads_only = True
        with pytest.raises(SafetyRefusal, match=f"this key of {place.exchange} may not trade {place.kind} markets"):
            await opened(place, fake)


@pytest.mark.parametrize("open_is", ["position", "order"])
@pytest.mark.parametrize("place", TWO_WAY, ids=named)
async def test_hedge_mode_with_something_open_is_a_sentence_with_the_remedy(place: Place, open_is: str) -> None:
    async with serving(place.exchange) as fake:
        limit = Decimal(30_000) if open_is == "order" else None
        fake.engine.place(NewOrder(place.id, Decimal("0.010"), limit=limit), fake.state.now_ms())
        fake.engine.set(*HEDGED[place.exchange])
        with pytest.raises(SafetyRefusal, match=r"one-way position mode is needed.*tickline halt --flatten") as caught:
            await opened(place, fake)
        assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    ("place", "open_is"),
    [(BINANCE, "position"), (BINANCE, "order"), (BYBIT, "position"), (BYBIT, "order"), (HYPERLIQUID, "position")],
    ids=lambda of: of if isinstance(of, str) else named(of),
)
async def test_cross_margin_with_something_open_is_a_sentence_with_the_remedy(place: Place, open_is: str) -> None:
    async with serving(place.exchange) as fake:
        limit = Decimal(30_000) if open_is == "order" else None
        fake.engine.place(NewOrder(place.id, Decimal("0.010"), limit=limit), fake.state.now_ms())
        fake.engine.set(*CROSS[place.exchange])
        with pytest.raises(SafetyRefusal, match=r"isolated margin.* is needed.*tickline halt --flatten"):
            await opened(place, fake)


async def test_that_bybits_margin_mode_is_the_whole_accounts_is_said_before_it_is_switched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving("bybit") as fake:
        when = list[str | None]()
        with monkeypatch.context() as patch:
            patch.setattr(
                setup.log, "warning", lambda *told, **more: when.append(fake.engine.settings.get("marginMode"))
            )
            await opened(BYBIT, fake)
        assert (when, fake.engine.settings["marginMode"]) == ([None], "ISOLATED_MARGIN")
        fake.engine.set("marginMode", "REGULAR_MARGIN")
        for said in (1, 0):  # the second time it is isolated already
            with structlog.testing.capture_logs() as logs:
                await opened(BYBIT, fake)
            told = [entry for entry in logs if "the whole account's" in entry["event"]]
            assert len(told) == said
        fake.engine.set("leverage:BTCUSDT", "7")
        with structlog.testing.capture_logs() as logs:
            await opened(BYBIT, fake)
        assert not [entry for entry in logs if "the whole account's" in entry["event"]]


async def test_fees_in_a_coin_without_a_price_are_refused() -> None:
    async with serving("binance") as fake:
        fake.engine.set(FEE_COIN, "BNFCR")
        fake.engine.wallet.cash["BNFCR"] = Decimal("-0.5")
        with pytest.raises(SafetyRefusal, match="pays fees in BNFCR, which has no price in USDT"):
            await opened(BINANCE, fake)


@pytest.mark.parametrize(
    ("place", "asked", "never"),
    [
        (BINANCE, "fapi.binance.com/fapi/v1/time", "api.binance.com/api/v3/time"),
        (SPOTS[0], "api.binance.com/api/v3/time", "fapi.binance.com/fapi/v1/time"),
        (OKX, "www.okx.com/api/v5/public/time", ""),
    ],
    ids=["binance", "binance-spot", "okx"],
)  # fmt: skip
async def test_requests_are_signed_by_the_time_of_the_host_that_gets_them(place: Place, asked: str, never: str) -> None:
    async with serving(place.fake or place.exchange) as fake:
        await opened(place, fake)
        paths = {request.path for request in fake.server.requests}
        assert asked in paths and never not in paths


async def test_an_order_of_weeks_ago_is_found_at_bybit() -> None:
    async with trading(BYBIT) as pair:
        now_ms, week_ms = pair.fake.state.now_ms(), 7 * 86_400_000
        for number in range(502):  # the open list keeps 500 that have ended
            qty = Decimal("0.010") if number % 2 else Decimal("-0.010")
            pair.fake.engine.place(NewOrder("BTCUSDT", qty, f"{number:032x}"), now_ms - 3 * week_ms + number)
        name = f"{0:032x}"
        found = await pair.venue.find("BTCUSDT", name, now_ms - 3 * week_ms)
        assert getattr(found, "filled_qty", None) == Decimal("-0.010")


async def test_a_silent_exchange_is_said_while_it_lasts_and_when_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async with trading(BINANCE, attempts=1) as pair:
        monkeypatch.setattr(log_once, "SILENT_S", 0.05)
        monkeypatch.setattr(log_once, "SAID_AGAIN_S", 0.05)
        pair.fake.server.faults.append(Fault(FaultMode.STATUS, "", status=503, times=1_000))
        with structlog.testing.capture_logs() as logs:

            def told(event: str) -> list[Any]:
                return [entry for entry in logs if entry["event"] == event]

            with pytest.raises(VenueError):
                await pair.venue.balance()
            assert pair.venue._client.silence.since_s is not None
            await until(lambda: len(told("exchange silent")) >= 2)
            assert {entry["log_level"] for entry in told("exchange silent")} == {"warning"}
            assert told("exchange is back") == []
            pair.fake.server.faults.clear()
            await pair.venue.balance()
            assert [entry["log_level"] for entry in told("exchange is back")] == ["info"]
            assert "after_s" in told("exchange is back")[0]


@pytest.mark.parametrize("answer", ["refusal", "limit"])
async def test_an_exchange_that_refuses_is_not_silent(answer: str) -> None:
    async with trading(BINANCE, attempts=1) as pair:
        status = 429 if answer == "limit" else 400
        pair.fake.server.faults.append(Fault(FaultMode.STATUS, "", status=status, times=1_000))
        with pytest.raises(VenueError):
            await pair.venue.balance()
        assert pair.fake.server.count("/balance") + pair.fake.server.count("/account")
        assert pair.venue._client.silence.since_s is None


@pytest.mark.parametrize("place", [OKX, BYBIT], ids=named)
async def test_a_fractional_leverage_is_none_that_was_wanted(place: Place) -> None:
    """Both write it as text and take fractions; ccxt makes a whole number of it."""
    async with serving(place.exchange) as fake:
        fake.engine.set(f"leverage:{place.id}", "2.5")
        venue = CcxtVenue(options(place, fake.url, leverage=2), place.keys)
        await venue.open()
        try:
            assert fake.engine.leverage(place.id) == 2, "set as wanted"
            assert await venue.read_modes() == {}
            fake.engine.set(f"leverage:{place.id}", "2.50")
            wrong = "one-way mode, isolated margin, leverage 2.5; wanted one-way mode, isolated margin, leverage 2"
            assert await venue.read_modes() == {"BTCUSDT": f"{place.exchange} {place.market}: {wrong}"}
        finally:
            await venue.close()


@pytest.mark.parametrize("place", TWO_WAY + SPOTS, ids=named)
async def test_whose_account_it_is_is_told_whatever_its_key(place: Place) -> None:
    async with serving(place.fake or place.exchange) as fake:

        async def identity(key: str = "fake-key", *, only_out: bool = False) -> AccountIdentity:
            fake.state.keys.key = key
            venue = CcxtVenue(options(place, fake.url), replace(place.keys, api_key=SecretStr(key)))
            await venue.open(only_out=only_out)
            await venue.close()
            return venue.identity("salt")

        first = await identity()
        assert first.uid
        assert first.same_account(await identity("another-key"))
        assert first.same_account(await identity("another-key", only_out=True))
        fake.engine.set("uid", "77")
        assert not first.same_account(await identity())
        assert "fake-key" not in str(first)
