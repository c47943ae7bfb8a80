"""`tickline arm` shows the equity that the limits are measured against: coins of the books, open profit of swaps."""

from decimal import Decimal
from pathlib import Path

import pytest

from services.gateway.account.preview import look
from services.simulator.engine.events import NewOrder
from services.simulator.simulator import serving
from shared.control.capital import books_in
from shared.exchanges.trading.ccxt_venue import make_venue
from shared.journal.journal import Journal
from tests.integration.gateway.flattening import settings_of
from tests.integration.gateway.test_broken_config import booked
from tests.simulator_venues import SPOTS, SWAPS, SYM, Place, named

D = Decimal
QTY = D("0.100")


@pytest.mark.parametrize("place", SWAPS + SPOTS, ids=named)
async def test_a_loss_is_in_it_and_a_coin_that_was_bought_is_none(tmp_path: Path, place: Place) -> None:
    async with serving(place.fake or place.exchange) as fake:
        settings = settings_of(tmp_path, fake, exchange=place.exchange, markets={SYM: place.market})
        venue = make_venue(settings)
        await venue.open()  # its modes are set while nothing is open
        await venue.close()
        fake.engine.place(NewOrder(place.id, QTY), fake.state.now_ms())
        wallet = fake.engine.wallet
        held = wallet.cash["BTC"] if place.kind == "spot" else QTY
        if place.kind == "spot":
            wallet.cash["BTC"] += 7  # of which no book knows
        fake.engine.prices.set(place.id, D(30_000))
        bid = D(30_000) - fake.engine.listings[place.id].tick
        worth = wallet.cash[place.quote] + held * (
            bid if place.kind == "spot" else 30_000 - wallet.holding(place.id).entry
        )
        async with await Journal.open(settings.journal_url, "main", durable=False) as journal:
            await journal.write([booked(str(held))], await journal.raise_epoch("gateway"))
            seen = await look(settings, journal, await books_in(settings, journal))
    assert abs(seen.equity - worth) < D("0.01"), "what the exchange shows is rounded"
    assert seen.equity < 9_000
