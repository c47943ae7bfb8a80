"""Rows and answers about Hyperliquid's stops as its users have recorded them."""

import json
from collections.abc import Collection, Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from shared.exchanges.client import NotAllThere, Reply, Unreadable, listening
from shared.exchanges.hyperliquid.client import answered, taken_all_the_same
from shared.exchanges.hyperliquid.rows import EVER_LATE_MS
from shared.exchanges.hyperliquid.stops import HyperliquidStops
from shared.exchanges.registry import trading_profile
from shared.exchanges.rest_caller import NotThere
from shared.exchanges.trading.stop_profile import Market, trigger_price
from shared.exchanges.trading.venue import MarketRules
from shared.messages.reasons import StopKind
from shared.orders.stops import StopPhase, StopReport, StopRequest

D = Decimal
RULES = MarketRules(
    "swap", "SOL/USDC:USDC", "SOL", "USDC", D("0.01"), D("0.01"), None, D(10), D("0.0001"), D(1), price_digits=5
)
MARKET = Market("SOLUSDT", "5", RULES)
# https://github.com/nautechsystems/nautilus_trader/issues/5018, without its tif
SIZED = {
    "coin": "SOL", "side": "A", "oid": 1, "cloid": "0x00000000000000000000000000000001", "sz": "1.0", "origSz": "1.0",
    "limitPx": "99.0", "timestamp": 0, "triggerCondition": "Price below 100.0", "isTrigger": True,
    "triggerPx": "100.0", "children": [], "isPositionTpsl": False, "reduceOnly": True, "orderType": "Stop Market",
}  # fmt: skip
# A client's own fixture of frontendOpenOrders: one of the whole position
WHOLE = {
    "coin": "SOL", "side": "A", "limitPx": "170.2", "sz": "0.0", "oid": 449792035550, "timestamp": 1710000000123,
    "origSz": "0.0", "cloid": None, "orderType": "Stop Market", "tif": None, "reduceOnly": True,
    "triggerCondition": "Price below 185", "isTrigger": True, "triggerPx": "185.0", "children": [],
    "isPositionTpsl": True,
}  # fmt: skip
# https://github.com/nktkas/hyperliquid/pull/96
ENTRY = {"filled": {"totalSz": "0.00022", "avgPx": "87102.0", "oid": 272900270573}}


def parsed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"amount": row["sz"], "price": row["px"]} for row in rows]


class Caller:
    """Answers by the type of a question; None: it does not know it."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers
        self.client = SimpleNamespace(
            walletAddress="0xAB", markets={RULES.market: {"baseName": "SOL"}}, options={}, milliseconds=lambda: 5_000,
            public_post_info=self._info, id="hyperliquid", parse_trades=parsed,
        )  # fmt: skip

    async def _info(self, asked: Mapping[str, Any]) -> Any:
        return self._answers.get(asked["type"], [])

    async def ask(self, call: Any, *given: Any, read: Any = lambda answer: answer, **named: Any) -> Any:
        answer = await call(*given)
        if answer is None:
            raise NotThere("unknownOid")
        return read(answer)


def stops() -> HyperliquidStops:
    return HyperliquidStops(trading_profile("hyperliquid", "swap").facts)


def status(word: str, **changes: Any) -> dict[str, Any]:
    return {"order": {"order": {**SIZED, **changes}, "status": word, "statusTimestamp": 1_000}}


def fill(oid: int, cloid: str | None = None, time: int = 1_000, side: str = "A", **changes: Any) -> dict[str, Any]:
    made = {"coin": "SOL", "oid": oid, "cloid": cloid, "time": time, "side": side, "sz": "1.0", "px": "99.9"}
    return {**made, "tid": oid, **changes}


async def test_the_list_has_those_of_the_whole_position_and_those_of_a_size() -> None:
    other, resting = {**SIZED, "coin": "ETH"}, {**SIZED, "isTrigger": False}
    caller: Any = Caller(frontendOpenOrders=[SIZED, WHOLE, other, resting])
    sized, whole = await stops().waiting(caller, {"5": MARKET})
    assert (sized.kind, sized.whole, sized.signed_qty, sized.stop_id) == (StopKind.STOP, False, D(-1), f"{1:032x}")
    assert (whole.kind, whole.whole, whole.signed_qty, whole.stop_id) == (StopKind.STOP, True, 0, "")
    assert (whole.venue_id, whole.trigger_price, whole.reduce_only) == ("449792035550", D(185), True)


OWN = f"0x{1:032x}"


@pytest.mark.parametrize(
    ("word", "fills", "phase", "order_id"),
    [
        ("open", [], StopPhase.WAITING, ""),
        ("triggered", [], StopPhase.TRIGGERING, ""),
        ("triggered", [fill(1, OWN)], StopPhase.TRIGGERED, "1"),
        ("triggered", [fill(9, OWN)], StopPhase.TRIGGERED, "9"),
        ("triggered", [fill(9)], StopPhase.TRIGGERED, "9"),
        ("triggered", [fill(9, side="B")], StopPhase.TRIGGERING, ""),
        ("triggered", [fill(9, time=999)], StopPhase.TRIGGERING, ""),
        ("triggered", [fill(9, "0x" + "f" * 32)], StopPhase.TRIGGERING, ""),
        ("filled", [], StopPhase.TRIGGERED, "1"),
        ("canceled", [], StopPhase.CANCELED, ""),
        ("canceled", [fill(9)], StopPhase.CANCELED, ""),
        ("canceled", [fill(1, OWN)], StopPhase.TRIGGERED, "1"),
        ("siblingFilledCanceled", [], StopPhase.CANCELED, ""),
        ("reduceOnlyCanceled", [], StopPhase.CANCELED, ""),
        ("marginCanceled", [], StopPhase.FAILED, ""),
        ("badTriggerPxRejected", [], StopPhase.FAILED, ""),
    ],
)
async def test_what_each_state_is(word: str, fills: list[Any], phase: StopPhase, order_id: str) -> None:
    caller: Any = Caller(orderStatus=status(word), userFillsByTime=fills)
    found = await stops().find(caller, MARKET, StopReport("SOLUSDT", StopKind.STOP, StopPhase.WAITING, "1"))
    assert found is not None and (found.phase, found.order_id, found.venue_id) == (phase, order_id, "1")


LIQUIDATED = {"liquidatedUser": "0xab", "markPx": "99.9", "method": "market"}


@pytest.mark.parametrize(
    ("taken", "fills", "order_id"),
    [
        ({"9"}, [fill(9)], ""),
        ({"9"}, [fill(9), fill(8)], "8"),
        ({"8"}, [fill(9), fill(8)], "9"),
        ({"1"}, [fill(1, OWN)], "1"),  # its own, whoever else was given it
        ((), [fill(9, px="105.0"), fill(8, time=1_001)], "9"),  # the oldest
        ((), [fill(9, px="105.0"), fill(8)], "8"),  # the nearest to its trigger
        ((), [fill(9, sz="1.1"), fill(8, px="105.0")], "8"),  # no larger than it is
        ((), [fill(9, sz="0.6"), fill(9, sz="0.6", tid=2), fill(8, px="105.0")], "8"),
        ({"8"}, [fill(9, sz="1.1"), fill(8)], "9"),  # but rather this one than none: it is somebody's
        ((), [fill(9, liquidation=LIQUIDATED)], ""),
        ((), [fill(9, dir="Auto-Deleveraging")], ""),
        ((), [fill(9, liquidation={**LIQUIDATED, "liquidatedUser": "0xcd"})], "9"),  # the other side of it
    ],
)
async def test_an_order_that_nobody_has_named_is_one_stops_only(
    taken: Collection[str], fills: list[Any], order_id: str
) -> None:
    """Two stops fire within 10 s, and no fill has an id of ours."""
    caller: Any = Caller(orderStatus=status("triggered"), userFillsByTime=fills)
    asked = StopReport("SOLUSDT", StopKind.STOP, StopPhase.WAITING, "1", f"{1:032x}")
    found = await stops().find(caller, MARKET, asked, taken)
    phase = StopPhase.TRIGGERED if order_id else StopPhase.TRIGGERING
    assert found is not None and (found.phase, found.order_id) == (phase, order_id)


async def test_a_cloid_that_is_an_orders_by_now_tells_that_order() -> None:
    caller: Any = Caller(orderStatus=status("filled", oid=9, isTrigger=False))
    found = await stops().find(caller, MARKET, StopReport("SOLUSDT", StopKind.STOP, StopPhase.WAITING, "", f"{1:032x}"))
    assert found is not None and (found.phase, found.order_id) == (StopPhase.TRIGGERED, "9")


@pytest.mark.parametrize(("fills", "order_id"), [([fill(9, OWN)], "9"), ([fill(1)], "1"), ([fill(9)], None)])
async def test_of_one_that_is_not_told_any_more_its_own_fills_tell(fills: list[Any], order_id: str | None) -> None:
    """https://github.com/ccxt/ccxt/issues/27113: unknownOid of what was executed."""
    caller: Any = Caller(orderStatus=None, userFillsByTime=fills)
    asked = StopReport("SOLUSDT", StopKind.STOP, StopPhase.WAITING, "1", f"{1:032x}")
    found = await stops().find(caller, MARKET, asked)
    assert (None if found is None else found.order_id) == order_id


@pytest.mark.parametrize(
    ("word", "filled", "late", "ends"),
    [
        ("filled", "1.0", False, "closed"),
        ("triggered", "1.0", False, "closed"),  # behind its fills
        ("filled", "0.4", False, Unreadable),  # of one that is held: more may come
        ("marginCanceled", "0.4", False, NotAllThere),
        ("canceled", "0", False, NotAllThere),
        ("filled", "0.4", True, "closed"),  # less was held
        ("marginCanceled", "0.4", True, "canceled"),
        ("canceled", "0", True, "canceled"),
        ("triggered", "0.4", True, "open"),
        ("filled", "0", True, Unreadable),
    ],
)
async def test_the_order_of_one_that_tells_no_size_is_over_when_its_fills_say_so(
    word: str, filled: str, late: bool, ends: str | type[Unreadable]
) -> None:
    """One for the whole position that keeps its number."""
    told = status(word, sz="0.0", origSz="0.0", isPositionTpsl=True)
    told["order"]["statusTimestamp"] = 5_000 - late * EVER_LATE_MS
    caller: Any = Caller(orderStatus=told, userFillsByTime=[fill(1, OWN, sz=filled)] if D(filled) else [])
    if isinstance(ends, str):
        row = await stops().order(caller, MARKET, "1", D(-1))
        assert row is not None and (row["status"], row["filled"]) == (ends, D(filled))
    else:
        with pytest.raises(Unreadable, match="not all are there yet") as raised:
            await stops().order(caller, MARKET, "1", D(-1))
        assert type(raised.value) is ends
        assert getattr(raised.value, "qty", -D(filled)) == -D(filled)


def test_an_entrys_answer_is_its_own_whatever_is_said_of_its_stops() -> None:
    waits = {"response": {"data": {"statuses": [ENTRY, "waitingForTrigger", "waitingForTrigger"]}}}
    made, filled = answered(waits, "0.00022", "0a")
    assert (made["id"], filled) == ("272900270573", D("0.00022"))
    for statuses, taken in (
        ([ENTRY, {"error": "Invalid TP/SL price. asset=0"}], True),
        ([{"error": "Invalid TP/SL price. asset=0"}], False),
        ([{"error": "Insufficient margin to place order. asset=0"}, "waitingForFill"], False),
        ([ENTRY], False),
    ):
        with listening(Reply(200, json.dumps({"status": "ok", "response": {"data": {"statuses": statuses}}}))):
            assert (taken_all_the_same() is not None) is taken
    with listening(Reply(502, "<html>")):
        assert taken_all_the_same() is None


@pytest.mark.parametrize(
    ("held", "kind", "at"),
    [(1, StopKind.STOP, "123.46"), (-1, StopKind.STOP, "123.45"), (1, StopKind.TAKE_PROFIT, "123.45")],
)
def test_of_a_trigger_five_digits_count_and_it_comes_earlier(held: int, kind: StopKind, at: str) -> None:
    assert trigger_price(RULES, StopRequest("SOLUSDT", "", kind, D(held), D("123.4567"))) == D(at)
