"""How a run's orders ended."""

from decimal import Decimal

from services.console.refusals import Ended, RefusalCounter
from shared.bus.memory_bus import MemoryBus
from shared.config import load_settings
from shared.messages import Leg, Reason
from tests.unit.runner.fakes import entry, report


def test_fills_are_counted_and_refusals_by_their_reason() -> None:
    """Each once; funding, capital and a liquidation fill no order."""
    counter = RefusalCounter(MemoryBus(lease_s=1, maxlens={}), load_settings(), since_ns=0)
    none = {"last_qty": Decimal(0), "last_px": None}
    for n, changed in enumerate(
        (
            {}, {"leg": Leg.CLOSE}, {**none, "reason": Reason.NOT_ARMED}, {"reason": Reason.ENDED_BY_VENUE},
            {**none, "leg": Leg.FUNDING}, {"leg": Leg.LIQUIDATION}, {"leg": Leg.CAPITAL, **none},
        ), 1,
    ):  # fmt: skip
        message = report(n).model_copy(update=changed)
        for _ in range(2):  # a stream may give an entry twice
            counter.take(entry(message, n))
    assert counter.ended == Ended(3, {"NOT_ARMED": 1, "ENDED_BY_VENUE": 1})
