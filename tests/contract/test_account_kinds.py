"""Accounts whose money is not where it is looked for here: refused at open, with what to do."""

import pytest

from services.simulator.simulator import serving
from shared.errors import SafetyRefusal
from shared.exchanges.trading.ccxt_venue import CcxtVenue
from tests.simulator_venues import BINANCE, BYBIT, BYBIT_SPOT, OKX, OKX_SPOT, SPOTS, SWAPS, Place, named, options

UNFIT = [
    (BINANCE, "multiAssets", "true", "is in multi-assets mode: switch its futures to single-asset mode"),
    (BINANCE, "portfolio", "true", "is a portfolio margin account: leave portfolio margin"),
    (BYBIT, "unifiedMarginStatus", "1", "is a classic account: upgrade it to a unified trading account"),
    (BYBIT, "marginMode", "PORTFOLIO_MARGIN", "is in portfolio margin: switch its margin mode"),
    (BYBIT_SPOT, "unifiedMarginStatus", "1", "is a classic account"),
    (BYBIT_SPOT, "marginMode", "PORTFOLIO_MARGIN", "is in portfolio margin"),
    (OKX, "acctLv", "1", r"is in spot mode \(level 1\): switch its account mode to futures mode"),
    (OKX, "acctLv", "4", r"is in portfolio margin mode \(level 4\): switch its account mode"),
    (OKX_SPOT, "acctLv", "1", r"is in spot mode \(level 1\)"),
    (OKX_SPOT, "acctLv", "4", r"is in portfolio margin mode \(level 4\)"),
]


@pytest.mark.parametrize(("place", "setting", "value", "said"), UNFIT)
async def test_an_account_of_another_kind_is_refused_at_open(place: Place, setting: str, value: str, said: str) -> None:
    async with serving(place.fake or place.exchange) as fake:
        fake.engine.set(setting, value)
        with pytest.raises(SafetyRefusal, match=f"this account of {place.exchange} {said}"):
            await CcxtVenue(options(place, fake.url), place.keys).open()
        assert fake.server.count("leverage", "POST") == fake.server.count("margin", "POST") == 0, "nothing was set"
        way_out = CcxtVenue(options(place, fake.url), place.keys)
        await way_out.open(only_out=True)  # positions are closed whatever the account is
        await way_out.close()


@pytest.mark.parametrize("place", SWAPS + SPOTS, ids=named)
@pytest.mark.parametrize("mode", ["testnet", "live"])
async def test_others_are_not(place: Place, mode: str) -> None:
    async with serving(place.fake or place.exchange) as fake:
        venue = CcxtVenue(options(place, fake.url, mode=mode), place.keys)
        await venue.open()
        await venue.close()
