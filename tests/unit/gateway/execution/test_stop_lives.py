"""What is known of a position's stops stays for as long as there is something to do about it."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from services.gateway.execution.protection import Place, WantedStop
from services.gateway.execution.stop_lives import SEEN_AGAIN_MS, StopLives
from services.gateway.execution.stop_records import placed_life
from shared.messages.reasons import StopKind
from shared.orders.stops import StopPhase

AT_MS = 100_000
PLACE = Place(StopKind.STOP, WantedStop(Decimal(95)), Decimal(2), "entry", 0, True)
FIRED = placed_life(PLACE, "b", "BTCUSDT", AT_MS, 1_000)._replace(phase=StopPhase.TRIGGERED, order_id="78")


@pytest.mark.parametrize(
    ("opened_by", "known"), [("entry", True), (FIRED.fired_name, True), ("the next entry", False), ("", False)]
)
def test_a_stop_that_is_over_is_known_while_what_it_protects_or_has_opened_is_held(opened_by: str, known: bool) -> None:
    """What a stop has opened is closed at market; each close may be in vain, and for long."""
    nobody: Any = None
    venue = SimpleNamespace(now_ms=lambda: AT_MS + 2 * SEEN_AGAIN_MS)
    context: Any = SimpleNamespace(venue=venue)
    lives = StopLives(nobody, context, nobody)
    lives.load([FIRED])
    lives.forget(opened_by)
    assert list(lives.by_id) == [FIRED.stop_id] * known
