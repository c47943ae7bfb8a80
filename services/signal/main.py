"""The signal service: bus → stage → bus."""

from services.signal.plan import plan
from shared.config import Settings
from shared.runner.bus_feeder import BusFeeder
from shared.runner.plan import Limits, Plan
from shared.runner.service import serve
from shared.runner.worker import Feeder


def build(settings: Settings, limits: Limits) -> tuple[Plan, Feeder]:
    """What this process does, and where its input comes from."""
    return plan(settings), BusFeeder(limits)


def main() -> None:
    """Run the service."""
    serve("signal", build, ahead=True)
