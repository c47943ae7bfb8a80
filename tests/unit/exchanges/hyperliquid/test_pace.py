"""What a question weighs is paid: its own weight at once, that of its answer's rows with the next one."""

import json
import math
from typing import Any

import pytest

from services.simulator.hyperliquid.rest import question_weight
from shared.exchanges.client import load_ccxt
from shared.exchanges.hyperliquid.client import recent_trades_client, signing_client
from shared.exchanges.hyperliquid.pace import ACCOUNT_PACE, MARKET_PACE, ROWS, WEIGHTS, answer_weight, asked_weight

QUESTIONS = sorted({*WEIGHTS, *ROWS, "meta", "frontendOpenOrders"})


@pytest.fixture(params=[signing_client, recent_trades_client])
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """ccxt's own class below, without a socket: each answer has 500 rows. `paid` has what its throttle let through."""
    made = request.param(load_ccxt().hyperliquid)({})
    made.paid = []

    async def throttler(cost: Any) -> None:
        made.paid.append(cost)

    async def fetch(*given: Any) -> Any:
        return json.loads(json.dumps([{}] * 500))

    monkeypatch.setattr(made, "throttler", throttler, raising=False)
    monkeypatch.setattr(made, "fetch", fetch)
    return made


@pytest.mark.parametrize("kind", QUESTIONS)
@pytest.mark.parametrize("rows", [0, 19, 20, 500, 5_000])
def test_it_is_what_the_exchange_counts(kind: str, rows: int) -> None:
    answer = [{}] * rows
    assert asked_weight("info", {"type": kind}) + answer_weight(kind, answer) == question_weight(kind, answer)


async def test_the_rows_of_an_answer_are_paid_by_the_next_question(client: Any) -> None:
    for kind in ("userFillsByTime", "orderStatus", "candleSnapshot", "l2Book", "l2Book"):
        await client.public_post_info({"type": kind})
    assert client.paid == [20, 2 + 25, 20, 2 + 8, 2]


async def test_no_question_costs_more_than_a_window_has(client: Any) -> None:
    """It would wait for ever."""
    client.owed = 10_000
    await client.public_post_info({"type": "userFillsByTime"})
    assert client.paid == [round(client.rollingWindowSize / client.rateLimit)]


@pytest.mark.parametrize("pace", [ACCOUNT_PACE, MARKET_PACE])
def test_a_minute_leaves_room_for_orders(pace: Any) -> None:
    assert math.ceil(60_000 / pace.window_ms) * pace.most == 900
