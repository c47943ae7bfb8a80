"""The ingestor's settings say where ticks come from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from shared.config.gateway import Market
from shared.config.section import Count, Instance, Positive, Section
from shared.history.zone import zone_of
from shared.messages.market import Group
from shared.record import BY_VALUE


class LiveSettings(Section):
    """These settings describe the live data of one exchange.

    - exchange: ccxt's id.
    - markets: symbol -> ccxt market, as in gateway.markets.
    - price: that of the last trade, or the middle of bid and ask.
    - stream: the ingestor builds bars from trades, or takes the exchange's own candles.
    - websocket: false polls over REST every `poll_s`; so does an exchange for which ccxt has no websocket.
    - grace_s: how long after a bar's end its trades may arrive.
    - age_limit_s: an older tick is history.
    - silence_s: for how long no trade still means that nothing traded.
    - max_skew_s: the most that our clock and the exchange's may differ; beyond it ticks are history.
    - warm_bars: number of bars to fetch at the start.
    - timeout_s, attempts: of one request.
    - base_url: replaces the exchange's hosts, e.g. by a simulator's.
    """

    exchange: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{0,40}$")] = ""
    markets: dict[str, Market] = Field(default_factory=dict)
    price: Literal["last", "mid"] = "last"
    stream: Literal["trades", "candles"] = "trades"
    websocket: bool = True
    poll_s: Positive = 2.0
    grace_s: Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)] = 1.0
    age_limit_s: Positive = 60.0
    silence_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 8.0
    max_skew_s: Positive = 1.0
    warm_bars: Annotated[int, Field(ge=0, le=10_000)] = 200
    timeout_s: Positive = 10.0
    attempts: Count = 5
    base_url: Annotated[str, Field(pattern=r"^(https?://[^\s/]+)?$")] = ""

    @model_validator(mode="after")
    def _one_way(self) -> "LiveSettings":
        if self.price == "mid" and self.stream == "candles":
            raise ValueError("price mid needs stream = trades: candles are of trades")
        if len(set(self.markets.values())) != len(self.markets):
            raise ValueError("markets names one market for two symbols")
        return self


# Lower case, so that an environment variable can name it.
VenueName = Annotated[str, Field(pattern=r"^[a-z0-9]+(_[a-z0-9]+)*$", max_length=40)]
OF_ONE_VENUE = frozenset({"exchange", "markets"})
LIVE = LiveSettings.model_fields.keys()


def _known_zone(name: str) -> str:
    zone_of(name)
    return name


class IngestorSettings(LiveSettings):
    """These settings configure the ingestor; the keys of LiveSettings describe its exchange when the source is `ccxt`.

    - source: `simulated`, `replay` (of `files`), `ccxt` (live data of an exchange), or `fake`: the simulator's market,
      which is the simulated one of this seed at the present time.
    - files: symbol -> CSV or Parquet file, for `replay`.
    - seed: of the simulated market.
    - ticks_per_s: per symbol; 0 means as fast as the line takes them.
    - limit: ticks per symbol; none means endless.
    - timezone: IANA name of the zone of the files' times that have no offset; daily bars end at its midnights. Empty
      means UTC.
    - ahead_nice: how much priority (nice, 0 to 19) ingestor and signal give up while ticks come as fast as the line
      takes them, so that they leave the processor to orders in flight.
    - groups: what ticks carry beside the price though neither model nor strategy needs it, to be recorded: `bar`,
      `quote`, `funding`.
    - venues: several exchanges, by a name that stands in ticks and trace ids. A venue's exchange is its name where it
      names none, and each of its other keys defaults to the value here.
    """

    instance: Instance = "ingestor"
    source: Literal["simulated", "replay", "fake", "ccxt"] = "simulated"
    files: dict[str, Path] = Field(default_factory=dict)
    seed: int = 1
    ticks_per_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 5.0
    limit: Count | None = None
    timezone: Annotated[str, AfterValidator(_known_zone)] = ""
    ahead_nice: Annotated[int, Field(ge=0, le=19)] = 10
    groups: tuple[Annotated[Group, BY_VALUE], ...] = ()
    venues: dict[VenueName, LiveSettings] = Field(default_factory=dict)

    @property
    def works_ahead(self) -> bool:
        """Says whether ticks come as fast as the line takes them."""
        return self.source == "replay" or (self.source == "simulated" and self.ticks_per_s == 0)

    @property
    def is_at_present(self) -> bool:
        """Says whether ticks are of now: they come when the clock says so, and their times are the clock's."""
        return self.source in ("ccxt", "fake")

    @property
    def each_venue(self) -> Mapping[str, LiveSettings]:
        """Returns the exchanges of source ccxt, by name."""
        return self.venues or {self.exchange: self}

    @property
    def live_symbols(self) -> set[str]:
        """Returns the symbols for which an exchange has a market."""
        return {sym for venue in self.each_venue.values() for sym in venue.markets}

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any) -> Any:
        """Fills each venue's missing keys from the ingestor's."""
        if not isinstance(given, dict) or not isinstance(given.get("venues"), dict):
            return given
        common = {name: value for name, value in given.items() if name in LIVE - OF_ONE_VENUE}
        venues = {
            name: {**common, "exchange": name, **own} if isinstance(own, dict) else own
            for name, own in given["venues"].items()
        }
        return {**given, "venues": venues}

    @model_validator(mode="after")
    def _fits_together(self) -> "IngestorSettings":
        if self.venues and (self.exchange or self.markets):
            raise ValueError("exchange and markets are of one venue: with venues, each has its own")
        if self.source == "ccxt" and not self.venues and not self.exchange:
            raise ValueError("source ccxt needs an exchange, by ccxt's id, e.g. binance")
        first: dict[str, str] = {}
        for name, venue in self.venues.items():
            if not venue.exchange or not venue.markets:
                raise ValueError(f"venues.{name} needs {'markets' if venue.exchange else 'an exchange'}")
            for sym in venue.markets:
                if first.setdefault(sym, name) != name:
                    raise ValueError(f"{sym} is in venues.{first[sym]} and in venues.{name}: a symbol has one venue")
        return self
