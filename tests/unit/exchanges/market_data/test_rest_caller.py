"""Questions to a venue that are asked again."""

import asyncio
from itertools import pairwise
from types import SimpleNamespace

import pytest

from shared.errors import VenueError
from shared.exchanges import backoff as retry
from shared.exchanges.log_once import LogOnce
from shared.exchanges.market_data.client import Limit, load_ccxt
from shared.exchanges.market_data.rest_caller import RestCaller
from tests.seeded import virtually


@virtually()
async def test_a_pause_before_it_is_asked_again_is_longer_by_a_part_that_dice_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retry.jittered, "__defaults__", (iter([1.0, 0.5, 1.0]).__next__,))
    ccxt, asked_s = load_ccxt(), list[float]()
    asker = RestCaller(ccxt, SimpleNamespace(id="binance"), Limit(), LogOnce("binance"), attempts=3)

    async def silent() -> None:
        asked_s.append(asyncio.get_running_loop().time())
        raise ccxt.RequestTimeout("nothing came")

    with pytest.raises(VenueError, match="3 times asked"):
        await asker.ask(silent)
    assert await asker.again(1)
    asked_s.append(asyncio.get_running_loop().time())
    pauses = [later - one for one, later in pairwise(asked_s)]
    assert pauses == pytest.approx([retry.FIRST_S * 1.25, 2 * retry.FIRST_S * 1.125, retry.FIRST_S * 1.25])
