"""May this order go out? A pure Tick over an order and all that is known when it is asked."""

from services.gateway.risk.check import Context, Hold, InFlight, Pass, ProposedOrder, Refusal, RiskRules, Verdict
from services.gateway.risk.limits import RiskCheck

__all__ = ["Context", "Hold", "InFlight", "Pass", "ProposedOrder", "Refusal", "RiskCheck", "RiskRules", "Verdict"]
