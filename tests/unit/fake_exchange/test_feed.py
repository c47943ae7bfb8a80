"""Websockets and history of the fake, through unmodified ccxt.pro."""

from services.fake_exchange.feed_plan import FeedPlan
from services.fake_exchange.serve import serving
from tests.feeds import BTC, client, heard, perfect

FAST = FeedPlan(rate=200)


async def test_trades_are_those_of_the_tape() -> None:
    async with serving("binance", plan=FAST) as fake, client(fake) as ccxt:
        rows = await heard(ccxt, 100)
        assert rows == perfect(fake.tapes["BTCUSDT"], rows[0][0], len(rows))
