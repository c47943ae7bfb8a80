"""The options say which data of which exchange a feed reads, how, and within which bounds it believes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shared.intervals import NS_PER_S
from shared.messages.market import Group


@dataclass(frozen=True)
class ContinuityRules:
    """ContinuityRules bound how trades are put in order, asked for and believed.

    - consecutive: the exchange numbers a symbol's trades 1, 2, 3 …, over websocket and REST alike
    - order_ns, order_count: how long, and behind how many others, a trade may come out of order without being asked for
    - waiting: how many may wait behind a hole
    - silence_ns: how long silence is believed to mean that nothing traded; ask_ns: between two questions about it
    - fill_ns: after which a question counts as not answered
    - ahead_ns: a trade that is further ahead of the clock is not believed
    """

    consecutive: bool = True
    order_ns: int = NS_PER_S // 2
    order_count: int = 1_000
    waiting: int = 20_000
    silence_ns: int = 10 * NS_PER_S
    ask_ns: int = NS_PER_S
    fill_ns: int = 30 * NS_PER_S
    ahead_ns: int = 5 * NS_PER_S

    def __post_init__(self) -> None:
        for name in ("order_ns", "order_count", "waiting", "silence_ns", "ask_ns", "fill_ns", "ahead_ns"):
            if getattr(self, name) < 0:
                raise ValueError(f"continuity: {name} {getattr(self, name)} is negative")


@dataclass(frozen=True)
class LiveOptions:
    """LiveOptions say which data of which exchange, and how it is listened to.

    - exchange: ccxt's name; name: of one among several venues
    - markets: symbol -> ccxt's market
    - interval: of a bar, or `trade`
    - price: of the last trade, or the middle of bid and ask
    - stream: bars are made of trades, or are the exchange's candles
    - websocket: false asks every `poll_s` over REST
    - skew_ns: how far our clock may be from the exchange's
    - timeout_s: of one request; attempts: of a question
    - base_url: instead of the exchange's hosts
    - groups: what ticks carry beside the price
    """

    exchange: str
    markets: Mapping[str, str]
    interval: str
    price: Literal["last", "mid"] = "last"
    stream: Literal["trades", "candles"] = "trades"
    websocket: bool = True
    grace_ns: int = NS_PER_S
    age_ns: int = 60 * NS_PER_S
    silence_ns: int = 10 * NS_PER_S
    skew_ns: int = NS_PER_S
    warm_bars: int = 0
    poll_s: float = 2.0
    timeout_s: float = 10.0
    attempts: int = 5
    base_url: str = ""
    name: str = ""
    groups: frozenset[Group] = frozenset()

    @property
    def venue(self) -> str:
        """Returns the name that stands in ticks, trace ids and logs."""
        return self.name or self.exchange

    @property
    def section(self) -> str:
        """Returns the section of the config."""
        return f"[ingestor.venues.{self.name}]" if self.name else "[ingestor]"

    def rules(self, consecutive: bool) -> ContinuityRules:
        """Returns the bounds of continuity. consecutive: the exchange numbers trades without a hole."""
        ask_ns = NS_PER_S if self.websocket else round(self.poll_s * NS_PER_S)
        return ContinuityRules(consecutive=consecutive, silence_ns=self.silence_ns, ask_ns=ask_ns)
