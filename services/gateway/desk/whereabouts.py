"""Where an account's orders go, kept in its journal: a halt finds the way out when the config can no longer say it."""

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import Field

from shared.config import Settings
from shared.errors import ConfigError
from shared.journal.rows import LimitRow
from shared.messages.codec import keep, kept
from shared.record import Record

LIMIT = "whereabouts"
PLACE = ("mode", "venue", "exchange")
KEPT = (*PLACE, "fake_url", "allow_unlisted")


class Whereabouts(Record):
    """gateway: those of its settings that tell the venue. markets: also of symbols that were traded once, these first.

    instance: the strategy's, which the books are named after.
    """

    gateway: dict[str, Any] = Field(default_factory=dict)
    markets: dict[str, str] = Field(default_factory=dict)
    instance: str = ""

    @classmethod
    def of(cls, settings: Settings) -> "Whereabouts":
        """As the config has it."""
        own = settings.gateway.model_dump(mode="json", include=set(KEPT))
        return cls(gateway=own, markets=dict(settings.gateway.markets), instance=settings.strategy.instance)

    @classmethod
    def known(cls, limits: Mapping[str, bytes]) -> "Whereabouts":
        """As the journal has it; empty where no gateway has written it yet."""
        if LIMIT not in limits:
            return cls()
        known = kept(cls, limits[LIMIT])
        return known.model_copy(
            update={"gateway": {name: known.gateway[name] for name in KEPT if name in known.gateway}}
        )

    @property
    def place(self) -> dict[str, Any]:
        """What has to be the same for a name to mean the same market."""
        return {name: self.gateway[name] for name in PLACE if name in self.gateway}

    def after(self, before: "Whereabouts") -> "Whereabouts":
        """With the markets of before, if they were at the same place: what was bought there may still be held."""
        if before.place != self.place:
            return self
        earlier = {sym: market for sym, market in before.markets.items() if sym not in self.markets}
        return self.model_copy(update={"markets": {**earlier, **self.markets}})

    def check(self, before: "Whereabouts", traded: Collection[str]) -> None:
        """Raise ConfigError where a book would go on at another exchange, or in another market, than it traded.

        Its position would be looked for where it is not, and a halt would leave it open. traded: symbols whose books
        have executions.

        >>> there = Whereabouts(gateway={"exchange": "okx"}, markets={"BTC": "BTC/USDT:USDT"})
        >>> there.check(there, ["BTC"])
        >>> there.model_copy(update={"markets": {"BTC": "BTC/USDC:USDC"}}).check(there, [])
        """
        if not traded:
            return
        for key in sorted(self.place.keys() & before.place.keys()):
            if self.place[key] != before.place[key]:
                raise ConfigError(
                    f"config: gateway.{key} is {self.place[key]}, but this account's books traded at "
                    f"{before.place[key]}: put that back, or give the other place an account and a namespace of its own"
                )
        for sym in traded:
            market, earlier = self.markets.get(sym), before.markets.get(sym)
            if market and earlier and market != earlier:
                raise ConfigError(
                    f"config: gateway.markets: {sym} is {market}, but its book traded {earlier}: put that back, or "
                    "give the other market a symbol of its own"
                )

    def row(self) -> LimitRow:
        """As it stands in the journal."""
        return LimitRow(LIMIT, keep(self))
