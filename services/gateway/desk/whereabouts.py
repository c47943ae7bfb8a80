"""Where an account's orders go, kept in its journal: a halt finds the way out when the config can no longer say it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.config import Settings
from shared.journal.rows import LimitRow
from shared.messages.codec import pack, unpack

LIMIT = "whereabouts"
PLACE = ("mode", "venue", "exchange")
KEPT = (*PLACE, "fake_url", "allow_unlisted")


class Whereabouts(NamedTuple):
    """gateway: those of its settings that tell the venue. markets: also of symbols that were traded once, these first.

    instance: the strategy's, which the books are named after.
    """

    gateway: Mapping[str, Any] = {}
    markets: Mapping[str, str] = {}
    instance: str = ""

    @classmethod
    def of(cls, settings: Settings) -> "Whereabouts":
        """As the config has it."""
        own = settings.gateway.model_dump(mode="json", include=set(KEPT))
        return cls(own, dict(settings.gateway.markets), settings.strategy.instance)

    @classmethod
    def known(cls, limits: Mapping[str, bytes]) -> "Whereabouts":
        """As the journal has it; empty where no gateway has written it yet."""
        return cls(*unpack(limits[LIMIT])) if LIMIT in limits else cls()

    @property
    def place(self) -> dict[str, Any]:
        """What has to be the same for a name to mean the same market."""
        return {name: self.gateway[name] for name in PLACE if name in self.gateway}

    def after(self, before: "Whereabouts") -> "Whereabouts":
        """With the markets of before, if they were at the same place: what was bought there may still be held."""
        if before.place != self.place:
            return self
        earlier = {sym: market for sym, market in before.markets.items() if sym not in self.markets}
        return self._replace(markets={**earlier, **self.markets})

    def row(self) -> LimitRow:
        """As it stands in the journal."""
        return LimitRow(LIMIT, pack((dict(self.gateway), dict(self.markets), self.instance)))
