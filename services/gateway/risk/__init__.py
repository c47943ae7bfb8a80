"""May this order go out? A pure Tick over an order and all that is known when it is asked."""

from services.gateway.risk.asked import Asked, Context, InFlight
from services.gateway.risk.risk import Risk
from services.gateway.risk.rules import Rules
from services.gateway.risk.verdict import Hold, Pass, Refusal, Verdict

__all__ = ["Asked", "Context", "Hold", "InFlight", "Pass", "Refusal", "Risk", "Rules", "Verdict"]
