"""The signal service: bus → stage → bus."""

from services.signal.plan import plan
from shared.config import Settings
from shared.runner.bus_reader import BusReader
from shared.runner.plan import Limits
from shared.runner.service import ServiceParts, serve


def build(settings: Settings, limits: Limits) -> ServiceParts:
    """What this process does, and where its input comes from."""
    return ServiceParts(plan(settings), BusReader(limits))


def main() -> None:
    """Run the service."""
    serve("signal", build, ahead=True)
