"""What goes wrong when a client subscribes, by switch."""

from dataclasses import dataclass
from enum import StrEnum

from services.simulator.engine.turns import Turns


class AtStart(StrEnum):
    """MUTE: it is acknowledged, and then nothing comes. UNANSWERED: not even that. REFUSED: it is answered with no."""

    MUTE = "mute"
    UNANSWERED = "unanswered"
    REFUSED = "refused"


@dataclass
class StartFault(Turns):
    """Strikes subscriptions to streams whose name contains `stream`: lets `skip` of them pass, strikes `times`."""

    what: AtStart
    stream: str = ""
    skip: int = 0
    times: int = 1
    struck: int = 0

    def strikes(self, stream: str) -> bool:
        """Whether it is this subscription's turn; counts."""
        return self.stream in stream and self.turn()
