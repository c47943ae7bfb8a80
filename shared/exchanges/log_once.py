"""One clear line for each trouble: said when it begins or changes, and when it is over, not at every attempt."""

import structlog

from shared.exchanges.market_data.silence import Silence

log = structlog.get_logger()


class LogOnce:
    """Troubles by what they are about, e.g. a symbol. `said`: all lines of trouble so far, the newest last, bounded.
    `silence`: of the venue as a whole.

    >>> complaints = LogOnce("binance")
    >>> [complaints.new("BTCUSDT", why) for why in ("no network", "no network", "banned")]
    [True, False, True]
    """

    KEPT = 100

    def __init__(self, venue: str) -> None:
        self._venue = venue
        self._now: dict[str, str] = {}
        self.said: list[str] = []
        self.silence = Silence(venue)

    def new(self, about: str, why: str) -> bool:
        """Whether this is another trouble than the one that this already has; kept in mind."""
        known, self._now[about] = self._now.get(about), why
        return known != why

    def say(self, about: str, why: str) -> None:
        """Write the line, if it is new."""
        line = " ".join(why.split())[:400]
        if self.new(about, line):
            self.said = [*self.said[1 - self.KEPT :], f"{about}: {line}"]
            log.warning("market data", venue=self._venue, about=about, why=line)

    def over(self, about: str) -> None:
        """It goes on again."""
        if self._now.pop(about, None) is not None:
            log.info("market data again", venue=self._venue, about=about)
