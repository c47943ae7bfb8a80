"""The strategy service: bus → stage → bus."""

from services.strategy.feeder import StrategyFeeder
from services.strategy.plan import plan
from shared.config import Settings
from shared.runner.bus_reader import BusFeeder
from shared.runner.plan import Limits
from shared.runner.service import Wiring, serve


def build(settings: Settings, limits: Limits) -> Wiring:
    """What this process does, and where its input comes from."""
    return Wiring(plan(settings), StrategyFeeder(BusFeeder(limits), settings))


def main() -> None:
    """Run the service."""
    serve("strategy", build)
