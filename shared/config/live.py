"""What the config says of live data of one venue."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from shared.config.gateway import Market
from shared.config.section import Count, Positive, Section


class LiveSettings(Section):
    """exchange: by ccxt's id. markets: symbol -> ccxt market, as in gateway.markets.

    price: of the last trade, or the middle of bid and ask. stream: bars are made of trades, or are the venue's own
    candles. websocket: false asks over REST every poll_s, as is done where ccxt has no websocket. grace_s: how long
    after a bar's end its trades may come. age_limit_s: an older tick is history. silence_s: for how long no trade means
    that nothing traded. max_skew_s: how far our clock may be from the venue's; beyond it ticks are history. warm_bars:
    fetched at the start. timeout_s: of one request. attempts: of a question. base_url: instead of the exchange's hosts,
    e.g. a fake's.
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
