"""The gateway service: bus → stage → bus."""

from services.gateway.plan import plan
from shared.config import Mode, Settings
from shared.extras import need_extras
from shared.runner.bus_reader import BusFeeder
from shared.runner.plan import Limits
from shared.runner.service import Wiring, serve


def build(settings: Settings, limits: Limits) -> Wiring:
    """What this process does, and where its input comes from."""
    if settings.gateway.mode is Mode.PAPER:
        return Wiring(plan(settings), BusFeeder(limits))
    need_extras("ccxt", "journal")
    from services.gateway.live import live  # what a real venue needs is not there for paper

    return live(settings, limits)


def main() -> None:
    """Run the service."""
    serve("gateway", build)
