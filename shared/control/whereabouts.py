"""The whereabouts say where an account's orders go; the journal keeps them for a halt whose config no longer does."""

from collections.abc import Collection, Mapping
from secrets import token_hex
from typing import Any, NamedTuple

from pydantic import Field

from shared.config import Settings
from shared.errors import ConfigError, SafetyRefusal
from shared.exchanges.trading.venue import AccountIdentity, Venue
from shared.journal.rows import LimitRow
from shared.messages.codec import keep, kept
from shared.record import Record

LIMIT = "whereabouts"
PLACE = ("mode", "venue", "exchange")
KEPT = (*PLACE, "fake_url", "allow_unlisted")


class Currencies(NamedTuple):
    """The currencies of a market.

    - base: of a spot market, empty for a swap.
    - quote: what it is traded against.
    """

    base: str
    quote: str

    @classmethod
    def of(cls, name: str) -> "Currencies":
        """Returns them out of ccxt's name.

        >>> Currencies.of("BTC/USDT"), Currencies.of("BTC/USDT:USDT")
        (Currencies(base='BTC', quote='USDT'), Currencies(base='', quote='USDT'))
        """
        base, _, rest = name.partition("/")
        quote, _, settled = rest.partition(":")
        return cls("" if settled else base, quote)


class Whereabouts(Record):
    """Whereabouts tell an account's venue and its markets.

    - gateway: those of its settings that tell the venue.
    - markets: also of symbols that were traded once, these first.
    - instance: the strategy's, which the books are named after.
    - identity: whose account it is; None where that is not known yet.
    """

    gateway: dict[str, Any] = Field(default_factory=dict)
    markets: dict[str, str] = Field(default_factory=dict)
    instance: str = ""
    identity: AccountIdentity | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Whereabouts":
        """Returns them as the config has them."""
        own = settings.gateway.model_dump(mode="json", include=set(KEPT))
        return cls(gateway=own, markets=dict(settings.gateway.markets), instance=settings.strategy.instance)

    @classmethod
    def known(cls, limits: Mapping[str, bytes]) -> "Whereabouts":
        """Returns them as the journal has them; empty where no gateway has written any yet."""
        if LIMIT not in limits:
            return cls()
        known = kept(cls, limits[LIMIT])
        return known.model_copy(
            update={"gateway": {name: known.gateway[name] for name in KEPT if name in known.gateway}}
        )

    @property
    def place(self) -> dict[str, Any]:
        """Returns what has to be the same for a name to mean the same market."""
        return {name: self.gateway[name] for name in PLACE if name in self.gateway}

    def after(self, before: "Whereabouts") -> "Whereabouts":
        """Returns these with the markets of before, if that was the same place: it may still hold what it bought."""
        if before.place != self.place:
            return self
        earlier = {sym: market for sym, market in before.markets.items() if sym not in self.markets}
        return self.model_copy(update={"markets": {**earlier, **self.markets}})

    def renamed(self, before: "Whereabouts") -> dict[str, str]:
        """Returns symbols of before whose market has another name now: old → new."""
        names = {market: sym for sym, market in self.markets.items()}
        return {sym: names[market] for sym, market in before.markets.items() if names.get(market, sym) != sym}

    def of_others(self, before: "Whereabouts", held: Collection[str]) -> dict[str, str]:
        """Returns the markets of these symbols, of which books hold something that are traded no more.

        ConfigError where one cannot be told, or is in another currency: what the account is worth could not be, then.
        What was held of another kind of account, swaps or coins, is not in this one.

        >>> here = Whereabouts(gateway={"exchange": "okx"}, markets={"BTC": "BTC/USDT"})
        >>> before = here.model_copy(update={"markets": {"ETH": "ETH/USDT", "SOL": "SOL/USDT:USDT"}})
        >>> here.of_others(before, ["ETH", "SOL"])
        {'ETH': 'ETH/USDT'}
        """
        kept, found = self.after(before).markets, dict[str, str]()
        here = next(iter(self.markets.values()), "")
        for sym in held:
            market = kept.get(sym, here)
            if (":" in market) != (":" in here):
                continue
            if sym not in kept:
                why = "whose market nobody can tell"
            elif Currencies.of(market).quote != Currencies.of(here).quote:
                why = f"which is bought with {Currencies.of(market).quote}, not with {Currencies.of(here).quote}"
            else:
                found[sym] = market
                continue
            raise ConfigError(
                f"config: a book of this account holds {sym}, {why}: put {sym} back into symbols and gateway.markets "
                "until it is sold, e.g. by `tickline halt --flatten`"
            )
        return found

    def of_account(self, venue: Venue, before: "Whereabouts", account: str) -> "Whereabouts":
        """Returns these with whose account it is, as the open venue says. SafetyRefusal where it is not the journal's.

        Its orders would be compared with, and its positions closed on, an account that is not theirs. At another place
        nothing is told by what it was. account: the journal's name of it.
        """
        known = before.identity if before.place == self.place else None
        now = venue.identity(known.salt if known else token_hex(8))
        if known and not known.same_account(now):
            told = bool(known.uid and now.uid)
            why = "this key is of another account" if told else "this is another key, and whose it is, it does not tell"
            raise SafetyRefusal(
                f"the journal of {account} is of one account at {self.gateway.get('exchange') or 'the fake'}, and "
                f"{why}: put the key of the first back, or give the other a gateway.account of its own; if you have "
                f"made a new key of the same account, say so: `tickline adopt --key`"
            )
        kept = now if now.uid or known is None else now.model_copy(update={"uid": known.uid})
        return self.model_copy(update={"identity": kept})

    def check(self, before: "Whereabouts", traded: Collection[str]) -> None:
        """Raises ConfigError where a book would go on at another exchange, or in another market, than it traded.

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
        """Returns the journal's row."""
        return LimitRow(LIMIT, keep(self))
