"""The recorder service: bus → files."""

from services.recorder.plan import plan
from services.recorder.recorder import Recorder
from shared.bus.redis_bus import RedisBus
from shared.config import Settings
from shared.runner.service import serve_work


def build(settings: Settings, bus: RedisBus) -> Recorder:
    """What this process does."""
    return Recorder(plan(settings), bus, settings)


def main() -> None:
    """Run the service."""
    serve_work("recorder", build, ahead=True)
