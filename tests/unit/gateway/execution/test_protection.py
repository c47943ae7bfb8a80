"""What is to be done about a position's stops, case by case; test_stop_model.py has them all together."""

from decimal import Decimal

import pytest

from services.gateway.execution.protection import (
    AGAIN_MS,
    OCCUPIED_MS,
    SHOWN_MS,
    SOON,
    CancelStop,
    CloseAtMarket,
    GiveUp,
    Holding,
    Place,
    ProtectTimes,
    TakenPlace,
    WantedStop,
    clearing,
    covered,
    exposed,
    plan,
)
from services.gateway.execution.stop_records import (
    closing_row,
    fired_row,
    of_protector,
    placed_life,
    request_of,
    wanted_stops,
)
from shared.exchanges.binance.stops import FORM as BINANCE
from shared.exchanges.bybit.stops import FORM as BYBIT
from shared.exchanges.hyperliquid.stops import FORM as HYPERLIQUID
from shared.exchanges.okx.stops import FORM as OKX
from shared.exchanges.trading.venue import MarketRules
from shared.messages import Leg, OrderPhase
from shared.messages.protect import ProtectTerms
from shared.messages.reasons import Reason, StopKind
from shared.orders import Ambiguous
from shared.orders.stop_life import OCCUPIED, EntryEnded, Placed, StopLife, Told, on_stop_event
from shared.orders.stops import Beyond, StopPhase, StopReport
from tests.journal_rows import order

D = Decimal
STOP, TAKE, TRAIL = StopKind.STOP, StopKind.TAKE_PROFIT, StopKind.TRAIL
NOW_MS, TIMES = 100_000, ProtectTimes(naked_ms=5_000, trigger_ms=10_000)
WANTED = {STOP: WantedStop(D(95))}
HELD = Holding(D(2), "entry", WANTED)
RULES = MarketRules("swap", "BTC/USDT:USDT", "BTC", "USDT", D("0.1"), D("0.1"), None, D(0), D("0.5"), D(1))


def stop(phase: StopPhase = StopPhase.WAITING, revision: int = 0, **changed: object) -> StopLife:
    made = placed_life(Place(STOP, WANTED[STOP], D(2), "entry", revision, True), "book", "BTCUSDT", 90_000, 5_000)
    seen_ms = 95_000 if phase is StopPhase.WAITING else 0
    return made._replace(phase=phase, seen_ms=seen_ms)._replace(**changed)  # type: ignore[arg-type]


def actions(*lives: StopLife, holding: Holding = HELD, form: object = BINANCE, now_ms: int = NOW_MS) -> list[object]:
    return list(plan(form, now_ms, holding, lives, TIMES))  # type: ignore[arg-type]


def test_a_position_without_a_stop_gets_one_and_with_it_nothing_is_done() -> None:
    assert actions() == [Place(STOP, WANTED[STOP], D(2), "entry", 0, True)]
    assert actions(stop()) == []
    assert actions(stop(StopPhase.SENT)) == []


@pytest.mark.parametrize("phase", [StopPhase.WAITING, StopPhase.UNKNOWN])
def test_flat_nothing_stays(phase: StopPhase) -> None:
    flat = Holding(D(0), "", {})
    assert actions(stop(phase), holding=flat) == [CancelStop(stop(phase))]
    assert actions(stop(StopPhase.SENT), holding=flat) == [], "its answer comes first"
    asked = stop(StopPhase.CANCELING, heard_ms=NOW_MS)
    assert actions(asked, holding=flat) == []
    assert actions(asked, holding=flat, now_ms=NOW_MS + AGAIN_MS) == [CancelStop(asked)]


@pytest.mark.parametrize(
    "older", [{"opened_by": "the one before"}, {"kind": TAKE}], ids=["older position", "no longer configured"]
)
def test_what_is_of_another_position_or_config_is_cancelled(older: dict[str, object]) -> None:
    other = stop(**older)
    assert actions(other, stop()) == [CancelStop(other)]
    assert clearing([other], ())


def test_what_an_entry_carries_is_left_alone_while_that_is_open() -> None:
    carried = stop(StopPhase.SENT, carried_by="entry", heard_ms=NOW_MS)
    entering = Holding(D(0), "", {}, entries=frozenset({"entry"}))
    assert actions(carried, holding=entering) == []
    assert not clearing([carried], {"entry"})
    filled = on_stop_event(carried, EntryEnded(True, NOW_MS), 300)
    assert actions(filled) == []
    assert covered(HELD, [filled], NOW_MS + SHOWN_MS - 1, TIMES)
    assert actions(filled, now_ms=NOW_MS + SHOWN_MS) == [Place(STOP, WANTED[STOP], D(2), "entry", 1, True)]
    assert not covered(HELD, [filled], NOW_MS + SHOWN_MS, TIMES)
    assert on_stop_event(carried, EntryEnded(False, NOW_MS), 300).phase is StopPhase.CANCELED


def test_what_an_entry_may_have_left_out_is_placed_beside_it() -> None:
    """Nobody has answered the entry, or not all of it was filled, which leaves none at Hyperliquid."""
    carried = stop(StopPhase.SENT, carried_by="entry", heard_ms=NOW_MS)
    entering = HELD._replace(entries=frozenset({"entry"}))
    assert actions(carried, holding=entering, form=HYPERLIQUID) == []
    assert covered(entering, [carried], NOW_MS, TIMES)
    unsure = entering._replace(unsure=frozenset({"entry"}), closing=True)
    assert actions(carried, holding=unsure, form=HYPERLIQUID) == [Place(STOP, WANTED[STOP], D(2), "entry", 1, True)]
    assert not covered(unsure, [carried], NOW_MS, TIMES)
    placed = stop(revision=1)
    assert actions(carried, placed, holding=entering, form=HYPERLIQUID) == [CancelStop(carried)], (
        "it is there after all"
    )
    assert covered(unsure, [carried, placed], NOW_MS, TIMES)


def test_the_new_one_comes_first_and_is_sized_so_that_both_can_rest() -> None:
    moved = Holding(D(2), "entry", {STOP: WantedStop(D(96))})
    old, new = stop(), stop(revision=1, price=D(96), whole=False)
    assert actions(old, holding=moved) == [Place(STOP, WantedStop(D(96)), D(2), "entry", 1, False)]
    assert actions(old, new, holding=moved) == [CancelStop(old)]
    asked = old._replace(phase=StopPhase.CANCELING, heard_ms=NOW_MS)
    assert actions(asked, new, holding=moved) == []
    assert actions(asked, new, holding=moved, now_ms=NOW_MS + AGAIN_MS) == [CancelStop(asked)]
    back = Holding(D(3), "entry", {STOP: WantedStop(D(96))})
    assert actions(new, holding=back) == [Place(STOP, WantedStop(D(96)), D(3), "entry", 2, True)]


def test_a_newer_one_that_no_longer_fits_is_cancelled() -> None:
    """What was added was closed again before the older one was cancelled: that one is right, and both rest."""
    old, new = stop(whole=False), stop(revision=1, whole=False, held_qty=D(4))
    assert actions(old, new, form=OKX) == [CancelStop(new)]
    asked = new._replace(phase=StopPhase.CANCELING, heard_ms=NOW_MS)
    assert actions(old, asked, form=OKX) == []
    assert actions(old, asked, form=OKX, now_ms=NOW_MS + AGAIN_MS) == [CancelStop(asked)]
    assert actions(old, new, form=BYBIT) == []  # there is one, and the list tells its price


def test_where_one_is_replaced_in_place_the_older_is_no_more() -> None:
    moved, old = Holding(D(2), "entry", {STOP: WantedStop(D(96))}), stop(venue_id="7")
    assert actions(old, holding=moved, form=BYBIT) == [Place(STOP, WantedStop(D(96)), D(2), "entry", 1, True)]
    new = stop(revision=1, price=D(96))
    assert actions(old, new, holding=moved, form=BYBIT) == [TakenPlace(old)]
    assert actions(old._replace(venue_id=""), new, holding=moved, form=BYBIT) == []  # never shown: it may have fired


def test_one_that_may_add_is_replaced() -> None:
    """OKX: of what an entry carries nobody says that it only reduces."""
    carried = stop(whole=False, carried_by="entry", reduces=False)
    assert actions(carried, form=OKX) == [Place(STOP, WANTED[STOP], D(2), "entry", 1, True)]
    assert actions(carried, stop(revision=1), form=OKX) == [CancelStop(carried)]


FAILED = stop(StopPhase.FAILED, reason=Reason.STOP_FAILED)
BROKEN = [
    (FAILED, Reason.STOP_FAILED),
    (stop(StopPhase.FAILED, reason=Reason.STOP_BEYOND), Reason.STOP_BEYOND),
    (stop(StopPhase.TRIGGERED, order_id="7", heard_ms=NOW_MS), Reason.STOP_FAILED),  # its order is over
    (stop(StopPhase.TRIGGERING, heard_ms=NOW_MS - TIMES.trigger_ms - 1), Reason.STOP_FAILED),
]


@pytest.mark.parametrize(("life", "reason"), BROKEN)
def test_what_did_not_close_it_is_closed_at_market_once_at_a_time(life: StopLife, reason: Reason) -> None:
    assert actions(life) == [CloseAtMarket(D(2), "entry", life, reason)]
    assert actions(life, holding=HELD._replace(closing=True)) == []
    assert actions(life, holding=HELD._replace(closed_ms=NOW_MS - 1)) == []
    again = HELD._replace(closed_ms=NOW_MS - 3 * AGAIN_MS)
    assert [bool(actions(life, holding=again._replace(in_vain=n))) for n in (1, 2, 3)] == [True, True, False]
    flat = Holding(D(0), "", {})
    assert [one for one in actions(life, holding=flat) if not isinstance(one, GiveUp)] == []


def test_what_was_bought_beside_a_stop_that_was_filled_has_one_of_its_own() -> None:
    fired = stop(StopPhase.TRIGGERED, order_id="7", heard_ms=NOW_MS)
    bought = HELD._replace(done=frozenset({fired.stop_id}))
    assert actions(fired, holding=bought) == [Place(STOP, WANTED[STOP], D(2), "entry", 1, True)]
    assert not covered(bought, [fired], NOW_MS, TIMES)


def test_what_a_stop_has_opened_is_closed_at_market() -> None:
    """One that an entry of OKX carries may be filled when another one has closed the position already."""
    fired = stop(StopPhase.TRIGGERED, order_id="7", heard_ms=NOW_MS)
    turned = Holding(D(-2), fired.fired_name, {STOP: WantedStop(D(105))})
    (close,) = actions(fired, holding=turned, form=OKX)
    assert close == CloseAtMarket(D(-2), fired.fired_name, fired, Reason.STOP_FAILED)
    assert close.text == "STOP_FAILED: stop at 95 has opened -2: closed at market"
    assert actions(fired, holding=turned._replace(closing=True), form=OKX) == []
    assert actions(fired, holding=HELD._replace(opened_by="next"), form=OKX) == [
        Place(STOP, WANTED[STOP], D(2), "next", 0, True)
    ]


def test_what_is_triggered_has_its_time() -> None:
    firing = stop(StopPhase.TRIGGERING, heard_ms=NOW_MS)
    assert actions(firing) == []
    assert covered(HELD, [firing], NOW_MS, TIMES)
    fired = stop(StopPhase.TRIGGERED, order_id="7", heard_ms=NOW_MS)
    going = HELD._replace(fired=frozenset({fired.stop_id}))
    assert actions(fired, holding=going) == []
    assert covered(going, [fired], NOW_MS, TIMES)
    late_ms = NOW_MS + TIMES.trigger_ms + 1
    assert actions(fired, holding=going, now_ms=late_ms) == [CloseAtMarket(D(2), "entry", fired, Reason.STOP_FAILED)]
    flat = Holding(D(0), "", {})
    assert actions(firing, holding=flat) == []
    assert actions(firing, holding=flat, now_ms=late_ms) == [GiveUp(firing)]


def test_one_that_was_refused_comes_again_and_more_and_more_slowly() -> None:
    refused = stop(StopPhase.FAILED, reason=Reason.RATE_LIMITED, heard_ms=NOW_MS)
    unknown = stop(StopPhase.UNKNOWN, heard_ms=NOW_MS)
    assert actions(unknown) == [Place(STOP, WANTED[STOP], D(2), "entry", 1, True)], "at once"
    assert actions(refused) == []
    assert actions(refused, now_ms=NOW_MS + 1_000) != []
    twice = [refused, refused._replace(stop_id="2", revision=1)]
    assert actions(*twice, now_ms=NOW_MS + 1_000) == []
    assert actions(*twice, now_ms=NOW_MS + 2_000) != []


def test_a_position_that_is_not_there_yet_is_asked_for_soon_again() -> None:
    early = [
        stop(StopPhase.FAILED, number, stop_id=f"{number}", reason=Reason.NOTHING_TO_REDUCE, heard_ms=NOW_MS)
        for number in range(SOON)
    ]
    assert actions(*early, now_ms=NOW_MS + 999) == []
    assert actions(*early, now_ms=NOW_MS + 1_000) != []
    assert actions(*early, early[0]._replace(stop_id="x", revision=SOON), now_ms=NOW_MS + 1_000) == []


def test_one_that_is_there_already_protects_and_what_comes_beside_it_has_a_size() -> None:
    """Whosever it is: nothing is closed at market, and no time without a stop is counted."""
    refused = stop(StopPhase.CANCELED, revision=1, text=f"{OCCUPIED}: -4130", heard_ms=NOW_MS)
    assert actions(refused) == [Place(STOP, WANTED[STOP], D(2), "entry", 2, False)]
    assert covered(HELD, [refused], NOW_MS, TIMES)
    assert not covered(HELD, [refused], NOW_MS + OCCUPIED_MS, TIMES)
    adopted = stop()
    assert actions(adopted, refused) == []


@pytest.mark.parametrize(
    ("wanted", "is_covered"), [({}, True), ({TAKE: WantedStop(D(110))}, True), ({TRAIL: WantedStop(D(100))}, False)]
)
def test_only_what_limits_a_loss_is_missed(wanted: dict[StopKind, WantedStop], is_covered: bool) -> None:
    assert covered(HELD._replace(wanted=wanted), [], NOW_MS, TIMES) is is_covered


TERMS = ProtectTerms(stop_bps=D(250), take_profit_bps=D(500), trail_bps=D(100))


def test_what_is_wanted_hangs_on_the_opening_price_rounded_to_trigger_earlier() -> None:
    found = wanted_stops(TERMS, D("101.3"), D(1), RULES)
    assert found == {STOP: WantedStop(D(99)), TAKE: WantedStop(D(106)), TRAIL: WantedStop(D("101.3"), D(100))}
    assert wanted_stops(TERMS, D("101.3"), D(-1), RULES)[STOP] == WantedStop(D("103.5"))


@pytest.mark.parametrize(
    ("held", "nearest", "price"), [(1, 99, 99), (1, 90, "97.5"), (-1, 101, 101), (-1, 110, "102.5")]
)
def test_no_stop_lies_beyond_the_liquidation(held: int, nearest: int, price: object) -> None:
    found = wanted_stops(TERMS, D(100), D(held), RULES, D(nearest))
    assert found[STOP].price == D(str(price))


def test_the_order_of_a_stop_asks_for_what_it_closes_and_no_strategy_can_pretend_to_be_one() -> None:
    life = stop(StopPhase.TRIGGERED, order_id="7")
    opener = order()
    whole, part = fired_row(life, D(3), opener, 5, 9), fired_row(life._replace(whole=False), D(3), opener, 5, 9)
    assert (whole.signed_qty, part.signed_qty) == (D(-3), D(-2))
    assert fired_row(life, D(-1), opener, 5, 9).signed_qty == D(-2), "an order has turned the position meanwhile"
    assert (whole.state, whole.became, whole.leg, whole.tr) == (OrderPhase.TRIGGERED, "7", Leg.STOP, opener.tr)
    assert whole.client_order_id == f"stop{life.stop_id[:28]}"
    closing = closing_row(life, D(3), None, Reason.STOP_FAILED, 9)
    assert (closing.intended_qty, closing.reduce_only, closing.state) == (D(-3), True, OrderPhase.INTENT)
    assert of_protector(closing)
    assert not of_protector(order(leg=Leg.STOP, reduce_only=True))


def test_a_request_is_as_the_journal_has_it() -> None:
    life = stop(StopPhase.SENT)
    asked = request_of(life)
    assert (asked.stop_id, asked.held_qty, asked.price, asked.at_ms, asked.validity_ms) == (
        life.stop_id, D(2), D(95), 90_000, 5_000,
    )  # fmt: skip


def test_the_market_beyond_and_silence_are_told_apart() -> None:
    sent = stop(StopPhase.SENT)
    beyond = on_stop_event(sent, Placed(Beyond("-2021"), NOW_MS), 300)
    assert (beyond.phase, beyond.reason) == (StopPhase.FAILED, Reason.STOP_BEYOND)
    unknown = on_stop_event(sent, Placed(Ambiguous("time-out"), NOW_MS), 300)
    assert unknown.phase is StopPhase.UNKNOWN
    shown = on_stop_event(unknown, Told(StopReport("BTCUSDT", STOP, StopPhase.WAITING, "7", whole=True), NOW_MS), 300)
    assert on_stop_event(shown, Placed(Beyond("-2021"), NOW_MS), 300) == shown, "it was shown: no late word counts"


def test_nothing_joins_what_no_stop_protects_or_what_one_is_closing() -> None:
    def joined(*lives: StopLife, holding: Holding = HELD) -> bool:
        return not exposed(holding, lives, NOW_MS, TIMES)

    assert joined(stop()) and joined(holding=HELD._replace(wanted={}))
    assert joined(holding=Holding(D(0), "", {})), "there is nothing to join"
    assert not joined() and not joined(stop(StopPhase.SENT)) and not joined(stop(kind=TAKE))
    assert not joined(stop(StopPhase.FAILED, reason=Reason.STOP_BEYOND)), "it is closed at market"
    assert not joined(stop(StopPhase.TRIGGERING, heard_ms=NOW_MS))
    fires = stop(StopPhase.TRIGGERED, heard_ms=NOW_MS)
    assert not joined(fires, holding=HELD._replace(fired=frozenset({fires.stop_id})))
    assert joined(stop(StopPhase.TRIGGERING, opened_by="the one before"), stop())
