"""The signal service: bus → stage → bus."""

from services.signal.stage import plan
from shared.config import Settings
from shared.runner.backpressure import BusReader
from shared.runner.parts import ServiceParts
from shared.runner.service import serve
from shared.runner.spec import Limits


def build(settings: Settings, limits: Limits) -> ServiceParts:
    """Returns the parts of this process."""
    return ServiceParts(plan(settings), BusReader(limits))


def main() -> None:
    """Runs the service."""
    serve("signal", build, ahead=True)
