"""A condition is what a person is told of when it begins and when it is over; an observation holds all that stand."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from shared.record import Record


class AlertKind(StrEnum):
    """A kind says what a condition is about; its value stands in the message."""

    HALT = "halt"
    LATCH = "latch"
    DRIFT = "drift"
    UNKNOWN_ORDER = "UNKNOWN order"
    REFUSED = "refusal beside a position"
    MISSES = "entries that miss"
    DIFFERENCE = "difference"
    MARKET = "market"  # its rules, or the account's modes in it, are other ones, or it is closed
    ALARM = "alarm"  # what else the gateway calls a person for
    ARMING = "arming"
    KEY = "key"  # of the exchange, which is about to end
    GAP = "gap"
    FEED = "silent feed"
    LATE = "late symbol"
    EXCHANGE = "silent exchange"
    SERVICE = "service away"
    RESTART = "service restarted"
    JOURNAL = "journal"  # it cannot be read
    BUS = "bus"  # it does not answer
    CHANNEL = "alert channel"


# While one of these holds, line or exchange are not well, and the heartbeat is not sent.
UNWELL = frozenset({AlertKind.FEED, AlertKind.EXCHANGE, AlertKind.SERVICE, AlertKind.JOURNAL, AlertKind.BUS})


class Condition(NamedTuple):
    """A condition holds, from a first observation that has it until a first one that has it no more.

    - kind, about: tell conditions apart; about: a symbol, a service, an order …
    - text: what is the case, with its numbers; never a secret.
    - remedy: what a person types, or does; empty where nothing has to be done.
    - sym: its symbol, by which many are counted.
    """

    kind: AlertKind
    about: str
    text: str
    remedy: str = ""
    sym: str = ""


class Observation(NamedTuple):
    """An observation has what was seen to hold at one moment.

    - now_ns: the wall clock.
    - standing: by source, e.g. the journal, all that holds. A source that could not be read is left out, and nothing
      of it is over for that.
    - happened: what has no end, and is told once.
    """

    now_ns: int
    standing: Mapping[str, tuple[Condition, ...]]
    happened: tuple[Condition, ...] = ()


class KnownCondition(Record):
    """A known condition has its past, since a person was told of it last.

    - began_ns: when it began last. ended_ns: when it was over; 0 while it stands.
    - told: a person knows that it stands. times: how often it has begun since then. lasted_ns: for how long it stood
      since then, up to counted_ns or its end.
    - endless: it has no end, and is told once.
    """

    source: str
    kind: str
    about: str
    text: str
    remedy: str
    sym: str
    began_ns: int
    counted_ns: int
    ended_ns: int = 0
    told: bool = False
    times: int = 1
    lasted_ns: int = 0
    endless: bool = False

    @property
    def stands(self) -> bool:
        """Says whether it holds."""
        return not self.ended_ns

    @property
    def is_news(self) -> bool:
        """Says whether a person knows less than there is to know."""
        return self.times > 0 or self.told != self.stands


class AlertMessage(NamedTuple):
    """A message goes to a person."""

    title: str
    body: str
