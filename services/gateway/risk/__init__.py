"""May this order go out? A pure Tick over an order and all that is known when it is asked."""

from services.gateway.risk.check import Asked, Context, Hold, InFlight, Pass, Refusal, Rules, Verdict
from services.gateway.risk.risk import Risk

__all__ = ["Asked", "Context", "Hold", "InFlight", "Pass", "Refusal", "Risk", "Rules", "Verdict"]
