"""What was sent to a simulator: the orders, each by our id, as often as they came."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from services.simulator.http.request import HttpRequest
from services.simulator.simulator import Simulator
from tests.simulator_venues import Place


class Sent:
    """Counts the orders that come to a simulator, also those that a fault strikes on their way.

    - counts: by our id.
    """

    def __init__(self, fake: Simulator, place: Place) -> None:
        self.counts: Counter[str] = Counter()
        self._place = place
        fake.server.came = self._note

    @property
    def all(self) -> int:
        """Returns how many came."""
        return self.counts.total()

    def _note(self, request: HttpRequest) -> None:
        if sends(request, self._place):
            self.counts[client_id(request)] += 1


def sends(asked: HttpRequest, place: Place) -> bool:
    """Says whether a request sends an order."""
    path = "/order/create" if place.exchange == "bybit" else place.orders
    return asked.method == "POST" and asked.target.endswith(path) and "limit" in _signed(asked).get("t", {"limit": ""})


def client_id(asked: HttpRequest) -> str:
    """Returns our id of an order that was sent."""
    return str(_signed(asked).get("c", asked.client_id)).removeprefix("0x")


def _signed(asked: HttpRequest) -> Mapping[str, Any]:
    """Returns the first order of a signed action, which its stops follow; nothing of any other request."""
    first: Mapping[str, Any] = asked.content["action"]["orders"][0] if "/exchange/order" in asked.target else {}
    return first
