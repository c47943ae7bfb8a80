"""What a card says, for the tests of drift."""

from shared.drift.reference import DriftReference
from shared.drift.twin import Costs

SYM = "BTCUSDT"
COSTS = Costs(0.0003, 0.0, True)
REFERENCE = DriftReference(
    strategy="basic_taker()", decides="0" * 64, symbols=(SYM,), interval="12h", fee=0.0003, slippage_bps=0.0, legs=True,
    start="2024-01-01T00:00:00Z", end="2024-12-31T00:00:00Z", bars=731, held=731, mean_net=0.001, sd_net=0.01,
    mean=0.1, sd=1.0, lower=0.05,
)  # fmt: skip
