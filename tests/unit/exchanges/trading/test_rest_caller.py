"""Questions to an exchange that are asked again."""

import asyncio
from itertools import pairwise

import pytest

from shared.errors import VenueError
from shared.exchanges import backoff as retry
from shared.exchanges.trading.client import load_ccxt
from shared.exchanges.trading.rest_caller import FIRST_S, RestCaller
from tests.seeded import virtually
from tests.unit.exchanges.trading.raw import KEYS, Raw


@virtually()
async def test_a_pause_before_it_is_asked_again_is_longer_by_a_part_that_dice_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retry.jittered, "__defaults__", (iter([1.0, 0.5]).__next__,))
    raw, asked_s = Raw("binance", "swap", {}), list[float]()
    asker = RestCaller(load_ccxt(), raw.client, KEYS, frozenset(), 3)

    async def silent() -> None:
        asked_s.append(asyncio.get_running_loop().time())
        raise load_ccxt().RequestTimeout("nothing came")

    with pytest.raises(VenueError, match="3 times asked"):
        await asker.ask(silent)
    pauses = [later - one for one, later in pairwise(asked_s)]
    assert pauses == pytest.approx([FIRST_S * 1.25, 2 * FIRST_S * 1.125])
