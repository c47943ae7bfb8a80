"""Last words: when ingestor and gateway heard from their exchanges last. They stand on the bus, beside the snapshots.

Whoever hears writes a second's time with its next commit, so whoever reads needs no folder of that process. A time in
it is the wall clock of the machine that heard, in ms since 1970.
"""

from collections.abc import Mapping
from typing import NamedTuple

from shared.bus.api import Session
from shared.bus.names import PartitionId, partition_of
from shared.config import Settings

HEARD = "heard"
SECOND_MS = 1_000


class LastWords(NamedTuple):
    """The last words of the exchanges.

    - feeds: by the name of the ingestor's venue, as it stands in trace ids; only those that were heard at all. Of a
      venue's partitions the one that was heard longest ago counts: each may have a process of its own, and may be deaf.
    - exchange: of the one where orders go; None where it was never heard, e.g. on paper.
    """

    feeds: Mapping[str, int]
    exchange: int | None


def feed_heard(venue: str, at_ms: int) -> tuple[str, str]:
    """Returns the field that tells when a venue's data were heard, to the second, so that it changes once in one.

    >>> feed_heard("binance", 1_763_985_600_123)
    ('heard:binance', '1763985600000')
    """
    return f"{HEARD}:{venue}", str(at_ms // SECOND_MS * SECOND_MS)


def exchange_heard(at_ms: int) -> tuple[str, str]:
    """Returns the field that tells when the exchange of the orders answered, likewise.

    >>> exchange_heard(1_763_985_600_123)
    ('heard', '1763985600000')
    """
    return HEARD, str(at_ms // SECOND_MS * SECOND_MS)


async def last_words(session: Session, settings: Settings) -> LastWords:
    """Returns what stands on the bus; raises BusLost."""
    own, partitions = settings.ingestor, range(settings.bus.partitions)
    venues = own.each_venue if own.source == "ccxt" else {}
    # A partition without a symbol of the venue has at most an old word, from before a change of the config.
    fed = [
        (venue, p)
        for venue, live in venues.items()
        for p in {partition_of(sym, len(partitions)) for sym in live.markets}
    ]
    asked = [(PartitionId(own.instance, p), f"{HEARD}:{venue}") for venue, p in fed]
    asked += [(PartitionId(settings.gateway.instance, p), HEARD) for p in partitions]
    answers = [int(found or b"0") for found in await session.fields(asked)]
    feeds: dict[str, int] = {}
    for (venue, _), at_ms in zip(fed, answers, strict=False):
        if at_ms:
            feeds[venue] = min(at_ms, feeds.get(venue, at_ms))
    return LastWords(feeds, max(answers[len(fed) :]) or None)
