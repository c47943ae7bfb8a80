"""Where an account's orders go, kept in its journal: a halt finds the way out when the config can no longer say it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.config import Settings
from shared.journal.rows import LimitRow
from shared.messages.codec import pack, unpack

LIMIT = "whereabouts"
KEPT = ("mode", "venue", "exchange", "fake_url", "allow_unlisted")


class Whereabouts(NamedTuple):
    """gateway: those of its settings that tell the venue. markets: also of symbols that were traded once.

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

    def after(self, before: "Whereabouts") -> "Whereabouts":
        """With the markets of before: what was bought there may still be held."""
        return self._replace(markets={**before.markets, **self.markets})

    def row(self) -> LimitRow:
        """As it stands in the journal."""
        return LimitRow(LIMIT, pack((dict(self.gateway), dict(self.markets), self.instance)))
