"""A profile says what differs at an exchange from what ccxt makes the same everywhere: plain data, a module each.

A code in no table is no answer: the order's fate is unknown. Of an exchange without a profile the code believes less
and asks more.

Nobody could reach an exchange from where this was written, or read every page. The links say where a row stands in the
exchange's documentation; the letters say against what it was checked, last in November 2026:

    P  the text of the exchange's own page or of its repository of pages, as stored copies have it, of various dates
    C  ccxt 4.5.90 has it, in its table of errors or in its code
    K  the table of errors of another open client (gocryptotrader for OKX)
    U  from an earlier reading only, and not found again: look it up before much depends on it
"""

import re
from collections.abc import Callable, Mapping, Set
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.exchanges.market_data.events import ToldBar, Trade
from shared.messages.reasons import OrderPhase, Reason

if TYPE_CHECKING:
    from shared.exchanges.trading.profile import TradingProfile

DAY_MS = 86_400_000
NOT_PROTECTED = (
    "nothing here knows how it looks orders up by client id, which errors mean that it has not taken an order, and "
    "whether a request can expire: every failure is UNKNOWN until it is found, and an order may arrive after it was "
    "given up"
)


class CandleReader(NamedTuple):
    """A reader finds all that an exchange tells of a bar. market: ccxt's, of which it is.

    - row: in a row as REST gives it
    - message: in a websocket's message about this market's bars of this interval, as ccxt names it; None where the
      message is anything else
    - watched: gives the interval that ccxt shall subscribe to, where its own name is of other bars
    - tells: which of the fields it tells that not every exchange does
    """

    row: Callable[[Any, Mapping[str, Any]], ToldBar | None]
    message: Callable[[Any, Mapping[str, Any], str], ToldBar | None]
    watched: Callable[[str], str] = str
    tells: frozenset[str] = frozenset({"quote_volume"})


class MarketDataProfile(NamedTuple):
    """The half of a profile that says how an exchange's prices are heard and fetched.

    - watch: parameters of ccxt's watch_trades
    - consecutive: trades are numbered 1, 2, 3 …, by websocket and REST alike
    - from_id: the parameter that asks for trades from an id on; their ids ascend one by one
    - random_ids: ids that are numbers tell nothing of the order in time
    - count_name: where a print of the websocket says for how many trades it stands; its id is the last one's, and
      theirs ascend one by one. REST gives each of them
    - page: how many rows a page has at most; spot_page: of spot markets, where that is another;
      bars_page: of bars
    - pages: so many pages of trades a minute (0: no bound); beyond that bars are asked for instead, of which the
      exchange allows many more
    - forward: a page holds the first rows since the time asked for, not the last ones there are; last_rows: it holds
      those, as many as are asked for
    - every_bar: bars in which nothing traded have rows too
    - market_types: what ccxt loads for `swap` and `spot`
    - acknowledged: True where a message says that the subscription stands, False where it says that it does not;
      without it the first datum says that it stands, or that nothing came for so long as an answer may take
    - trade: reads a trade of a market, by the exchange's id of it, out of a websocket's message, with the same result
      as by ccxt, at a part of the cost; None where the message is anything else: then ccxt reads it
    - candles: reads the exchange's own bars, with all that it tells of them; without it ccxt's six columns are read
    - refused: by kind of market, intervals of candles that ccxt lists and the exchange does not have
    - off_book: whether a print, as the exchange sent it, is no price: nobody else's order could have traded there. A
      block trade is agreed elsewhere; orders that improve the price for people at the exchange's own screen (RPI, ELP)
      do not trade with those that come through the API; what the exchange settles by itself (insurance fund, ADL,
      assignment) meets no book. None: every print is a price
    - spacing: how ccxt keeps to the exchange's limits. Its leaky bucket does not fill while nothing is asked: each
      question waits
    - connects: so many websockets are let in in a second; 0: no bound that matters here
    - most_connections: so many may be open at once, of which each market takes one; 0: likewise
    - client_class: makes the client's class out of ccxt's, where that must be another
    """

    watch: Mapping[str, Any] = {}
    consecutive: bool = False
    from_id: str = ""
    random_ids: bool = False
    count_name: str = ""
    page: int = 500
    spot_page: int = 0
    bars_page: int = 500
    pages: int = 0
    forward: bool = False
    last_rows: bool = False
    every_bar: bool = False
    market_types: Mapping[str, str] = {}
    acknowledged: Callable[[Any], bool | None] | None = None
    trade: Callable[[Any, str], Trade | None] | None = None
    candles: CandleReader | None = None
    refused: Mapping[str, Set[str]] = {}
    off_book: Callable[[Mapping[str, Any]], bool] | None = None
    spacing: str = "leakyBucket"
    connects: int = 0
    most_connections: int = 0
    client_class: Callable[[Any], Any] | None = None

    def on_book(self, raw: Any) -> bool:
        """Says whether a print is a price. raw: as the exchange sent it."""
        return self.off_book is None or not isinstance(raw, Mapping) or not self.off_book(raw)


class TradingFacts(NamedTuple):
    """The plain data of the trading half: how one API of an exchange writes and answers orders.

    - keys: ccxt's names of our apiKey, secret and password, where they are others
    - client_id: the order's parameter for our id; client_id_form: what it may look like
    - expiry: how a request says until when it is good: `window` (timestamp and recvWindow), `header` (expTime),
      `signed` (in what an action of its own signs), or not at all; most_validity_ms: how long it may be good
    - test: `sandbox` or `demo`
    - refusals, refusal_statuses: errors, by code or, of an answer without one, by HTTP status, that say that an order
      was not taken; meant: the words that tell more than a code
    - duplicate: codes for a client id that is known already; unknown: for no such order; unchanged: for a setting that
      was as wanted already; in_the_way: for open positions or orders that keep a setting from being changed
    - order_id_name: the field of an order's own id, where ccxt's is another one for some
    - status_name: the field of the order's own word for how it stands; states: what each of these words is, NEW for all
      that rest
    - causes: the fields that tell why an order ended, each with the words that say no more than that it met its limit,
      or that we have cancelled it. missed: those of them that say that nothing was there within the limit
    - market_types: what ccxt loads for `swap` and `spot`; options: ccxt's own
    - swap_params, spot_params: of every order; market_params: of market orders on spot beside these
    - final_rows: whether an order's own row, once it says that the order is over, has all that was filled; with the sum
      of its trades it then counts at once. fills_name: where the answer to an order has its trades, if it has
    - exact_cost: whether an order tells exactly what its fills have cost, or its fills must be asked
    - page, orders_page: rows of trades and of open orders that one answer has at most; None: it has all
    - newest_first: of trades, where there are more than a page
    - window_ms: the longest time that trades can be asked for at once
    """

    keys: Mapping[str, str] = {}
    client_id: str = "clientOrderId"
    client_id_form: re.Pattern[str] = re.compile(r"^[A-Za-z0-9]{1,32}$")
    expiry: str = ""
    most_validity_ms: int = 0
    test: str = "sandbox"
    refusals: Mapping[str, Reason] = {}
    refusal_statuses: Mapping[int, Reason] = {}
    meant: Mapping[str, Reason] = {}
    duplicate: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    unchanged: frozenset[str] = frozenset()
    in_the_way: frozenset[str] = frozenset()
    order_id_name: str = ""
    status_name: str = ""
    states: Mapping[str, OrderPhase] = {}
    causes: Mapping[str, frozenset[str]] = {}
    missed: frozenset[str] = frozenset()
    market_types: Mapping[str, str] = {}
    options: Mapping[str, Any] = {}
    swap_params: Mapping[str, Any] = {}
    spot_params: Mapping[str, Any] = {}
    market_params: Mapping[str, Any] = {}
    final_rows: bool = False
    fills_name: str = ""
    exact_cost: bool = False
    page: int = 100
    orders_page: int | None = None
    newest_first: bool = False
    window_ms: int = 7 * DAY_MS


class ExchangeProfile(NamedTuple):
    """An exchange's profile says what differs there. exchange: ccxt's id. trading: None where no account is traded."""

    exchange: str
    market_data: MarketDataProfile = MarketDataProfile()
    trading: "type[TradingProfile] | None" = None


def states_of(**words: str) -> dict[str, OrderPhase]:
    """Returns what each of an exchange's words for an order's state is.

    >>> states_of(new="live", filled="filled")
    {'live': <OrderPhase.NEW: 'NEW'>, 'filled': <OrderPhase.FILLED: 'FILLED'>}
    """
    return {word: OrderPhase(state.upper()) for state, listed in words.items() for word in listed.split()}


def all_of(reason: Reason, codes: str) -> dict[str, Reason]:
    """Returns each of these codes with this reason.

    >>> all_of(Reason.NO_MARGIN, "-2018 -2019")
    {'-2018': <Reason.NO_MARGIN: 'NO_MARGIN'>, '-2019': <Reason.NO_MARGIN: 'NO_MARGIN'>}
    """
    return dict.fromkeys(codes.split(), reason)
