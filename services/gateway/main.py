"""The gateway service: bus → stage → bus."""

from services.gateway.metrics import PAPER
from services.gateway.paper import plan
from shared.config import Mode, Settings
from shared.extras import need_extras
from shared.runner.backpressure import BusReader
from shared.runner.parts import ServiceParts
from shared.runner.service import serve
from shared.runner.spec import Limits


def build(settings: Settings, limits: Limits) -> ServiceParts:
    """Returns what this process does, and where its input comes from."""
    if settings.gateway.mode is Mode.PAPER:
        return ServiceParts(plan(settings), BusReader(limits), metrics=PAPER)
    need_extras("ccxt", "journal")
    from services.gateway.live import live  # what a real venue needs is not there for paper

    return live(settings, limits)


def main() -> None:
    """Runs the service."""
    serve("gateway", build)
