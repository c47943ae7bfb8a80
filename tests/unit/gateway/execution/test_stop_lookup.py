"""A stop without an id of the exchange is found by what was traded, whatever the exchange's clock says."""

from collections.abc import Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from services.gateway.execution.protection import Place, WantedStop
from services.gateway.execution.stop_lives import StopLives
from services.gateway.execution.stop_lookup import StopLookup
from services.gateway.execution.stop_records import placed_life
from shared.exchanges.bybit.stops import FORM
from shared.messages.reasons import StopKind
from shared.orders import VenueFill
from shared.orders.stop_life import Placed
from shared.orders.stops import StopPhase, StopReport

D = Decimal
AT_MS, GRACE_MS = 100_000, 300


class Exchange:
    """It has no id of ours, and has sold behind a stop at `sold_ms`; that order was a stop of `kind`."""

    form = FORM

    def __init__(self, sold_ms: int, kind: StopKind) -> None:
        self.sold_ms, self.kind, self.stops = sold_ms, kind, self

    def now_ms(self) -> int:
        return AT_MS + 1_000

    async def fills(self, sym: str, since_ms: int) -> list[VenueFill]:
        return [VenueFill("t1", "78", "", sym, D(-2), D(95), D(0), "USDT", self.sold_ms)]

    async def find(
        self, sym: str, kind: StopKind, stop_id: str, venue_id: str, taken: Sequence[str] = ()
    ) -> StopReport:
        return StopReport(sym, self.kind, StopPhase.TRIGGERED, venue_id, whole=True, order_id=venue_id)


class Lives(StopLives):
    """Nothing is written."""

    async def save(self) -> None:
        return


@pytest.mark.parametrize(
    ("later_ms", "kind", "found"),
    [
        (20, StopKind.STOP, True),
        (-20, StopKind.STOP, True),  # the exchange's clock is behind what we take it for
        (-GRACE_MS - 1, StopKind.STOP, False),  # of before it was placed
        (20, StopKind.TAKE_PROFIT, False),
    ],
)
async def test_an_order_behind_a_stop_is_its_own_where_kind_and_time_are(
    later_ms: int, kind: StopKind, found: bool
) -> None:
    nobody: Any = None
    context: Any = SimpleNamespace(config=SimpleNamespace(grace_ms=GRACE_MS), venue=Exchange(AT_MS + later_ms, kind))
    lives = Lives(nobody, context, nobody)
    life = placed_life(Place(StopKind.STOP, WantedStop(D(95)), D(2), "e1", 0, True), "b", "BTCUSDT", AT_MS, 1_000)
    lives.add([life])
    life = lives.apply(life.stop_id, Placed(life.report._replace(phase=StopPhase.WAITING, stop_id=""), AT_MS))
    assert await StopLookup(lives, context).ask(life)
    now = lives.by_id[life.stop_id]
    assert (now.phase, now.order_id) == ((StopPhase.TRIGGERED, "78") if found else (StopPhase.WAITING, ""))
