"""Questions to an exchange that are asked again."""

import asyncio
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from shared.errors import VenueError
from shared.exchanges import backoff
from shared.exchanges.client import RateLimit, load_ccxt
from shared.exchanges.log_once import LogOnce
from shared.exchanges.rest_caller import CallRules, NoAnswer, Refusing, RestCaller
from shared.exchanges.trading.ccxt_venue import FIRST_S, LONGEST_S
from tests.virtual_time import virtually

EXCHANGE: Any = SimpleNamespace(id="binance")


@virtually()
async def test_a_pause_before_it_is_asked_again_is_longer_by_a_part_that_dice_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backoff.jittered, "__defaults__", (iter([1.0, 0.5, 1.0]).__next__,))
    ccxt, asked_s = load_ccxt(), list[float]()
    caller = RestCaller(ccxt, EXCHANGE, CallRules(3, sits_out=True), RateLimit(), troubles=LogOnce("binance"))

    async def silent() -> None:
        asked_s.append(asyncio.get_running_loop().time())
        raise ccxt.RequestTimeout("nothing came")

    with pytest.raises(NoAnswer, match="3 times asked"):
        await caller.ask(silent)
    assert await caller.again(1)
    asked_s.append(asyncio.get_running_loop().time())
    pauses = [later - one for one, later in pairwise(asked_s)]
    assert pauses == pytest.approx([backoff.FIRST_S * 1.25, 2 * backoff.FIRST_S * 1.125, backoff.FIRST_S * 1.25])


@virtually()
async def test_an_accounts_questions_begin_with_a_shorter_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff.jittered, "__defaults__", (iter([1.0, 0.5]).__next__,))
    ccxt, asked_s = load_ccxt(), list[float]()
    caller = RestCaller(ccxt, EXCHANGE, CallRules(3, FIRST_S, LONGEST_S), RateLimit(least_s=0.0))

    async def silent() -> None:
        asked_s.append(asyncio.get_running_loop().time())
        raise ccxt.RequestTimeout("nothing came")

    with pytest.raises(VenueError, match="3 times asked"):
        await caller.ask(silent)
    pauses = [later - one for one, later in pairwise(asked_s)]
    assert pauses == pytest.approx([FIRST_S * 1.25, 2 * FIRST_S * 1.125])


@virtually()
@pytest.mark.parametrize("sits_out", [True, False])
async def test_a_silence_that_is_asked_for_is_sat_out_or_is_the_pause(sits_out: bool) -> None:
    ccxt, asked_s = load_ccxt(), list[float]()
    limit = RateLimit()
    caller = RestCaller(ccxt, EXCHANGE, CallRules(2, FIRST_S, LONGEST_S, sits_out=sits_out), limit)

    async def limited() -> str:
        asked_s.append(asyncio.get_running_loop().time())
        if len(asked_s) == 1:
            limit.heard(429, {"Retry-After": "40"})
            raise ccxt.RateLimitExceeded("too many")
        return "answer"

    if sits_out:
        assert await caller.ask(limited) == "answer"
        assert asked_s[1] - asked_s[0] == pytest.approx(40)
    else:
        with pytest.raises(VenueError, match="answered 429 and wants 40 s of silence: wait, and ask less often"):
            await caller.ask(limited)


@virtually()
async def test_a_connection_that_is_lost_within_an_answer_is_asked_again_and_a_refusal_is_not() -> None:
    """ccxt has no name of its own for the first: an ExchangeError, whose cause is aiohttp's."""
    from aiohttp import ClientPayloadError

    ccxt, asked = load_ccxt(), list[int]()
    caller = RestCaller(ccxt, EXCHANGE, CallRules(2), RateLimit())

    async def torn() -> str:
        asked.append(1)
        if len(asked) == 1:
            raise ccxt.ExchangeError("GET /x") from ClientPayloadError("torn")
        return "answer"

    async def refused() -> None:
        asked.append(1)
        raise ccxt.BadRequest("no")

    assert (await caller.ask(torn), len(asked)) == ("answer", 2)
    with pytest.raises(Refusing, match="binance refuses: no"):
        await caller.ask(refused)
    assert len(asked) == 3
