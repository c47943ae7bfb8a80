"""The risk check says whether an order may go out: a pure Tick over the order and all that is known at the moment."""

from services.gateway.risk.check import Context, Hold, InFlight, Pass, ProposedOrder, Refusal, RiskRules, Verdict
from services.gateway.risk.limits import RiskCheck

__all__ = ["Context", "Hold", "InFlight", "Pass", "ProposedOrder", "Refusal", "RiskCheck", "RiskRules", "Verdict"]
