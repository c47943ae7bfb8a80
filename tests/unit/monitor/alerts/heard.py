"""What the alerts hear of the line's streams."""

from decimal import Decimal

import numpy as np

from shared.messages import Decision, Features, Reason, Tensor
from tests.unit.monitor.alerts.line import SYM


def features(ts_event: int = 2) -> Features:
    return Features(n=1, sym=SYM, ts_event=ts_event, tr="t", spec="s", values=Tensor.of(np.zeros(1, np.float32)))


def decision(ts_event: int) -> Decision:
    return Decision(
        n=1, sym=SYM, ts_event=ts_event, tr="t", tick_n=1, prediction_n=1, booked_n=0, y_hat=None, balance=Decimal(1),
        signed_qty=Decimal(0), orders=(), reason=Reason.NO_PREDICTION,
    )  # fmt: skip
