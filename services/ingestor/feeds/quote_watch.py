"""Best bids and asks may stop alone, while trades of the same connection go on: it is seen, and said."""

import asyncio
from collections.abc import Iterable

from shared.exchanges.market_data.events import Candle, Event, TopOfBook, Trade

LOOKS = 8  # while silence is believed
LEAST_S, LONGEST_S = 1.0, 600.0


class QuotesStopped(Exception):
    """No best bid and ask come any more, while trades do."""


class QuoteWatch:
    """A QuoteWatch compares the quotes of one symbol with its trades: each trade changes what lies at the best prices.

    One trade without a quote is no sign: its quote may have come before it. Where trades are heard for longer than
    `silence_s`, and no quote, the quotes have stopped. An exchange may give none: each time it is waited longer, until
    one comes.
    """

    def __init__(self, silence_s: float) -> None:
        self._traded = self._quoted = False  # since the last look
        self._silence_s = self._most_s = max(silence_s, LEAST_S)
        self._candle: Candle | None = None

    def heard(self, event: Trade | Candle) -> None:
        """Takes a trade, or a candle: one that changes tells of a trade, a new one may not."""
        if isinstance(event, Trade):
            self._traded = self._traded or event.on_book
            return
        before, self._candle = self._candle, event
        if before is not None and before.start == event.start and before[:3] != event[:3]:
            self._traded = True

    def heard_all(self, events: Iterable[Event]) -> None:
        """Takes what came of one kind."""
        for event in events:
            if isinstance(event, TopOfBook):
                self._quoted = True
            elif isinstance(event, Trade | Candle):
                self.heard(event)

    async def run(self) -> None:
        """Looks until the quotes of a connection that begins now have stopped: raises QuotesStopped then."""
        loop = asyncio.get_running_loop()
        first_s = last_s = 0.0  # when trades were heard since the last quote
        while True:
            self._traded = self._quoted = False
            await asyncio.sleep(self._most_s / LOOKS)
            if self._quoted:
                first_s = last_s = 0.0
                self._most_s = self._silence_s
                continue
            if last_s - first_s > self._most_s:  # and a look ago: its quote may have been on its way
                waited_s, self._most_s = self._most_s, min(2 * self._most_s, max(LONGEST_S, self._most_s))
                raise QuotesStopped(f"no best bid and ask came for {waited_s:g} s, and trades did")
            if self._traded:
                last_s = loop.time()
                first_s = first_s or last_s
