"""The monitor's settings say how long an edge that is gone may stay unseen, and how often a false alarm may come."""

from typing import Annotated

from pydantic import Field

from shared.config.section import Count, Instance, Positive, Section
from shared.intervals import NS_PER_S, TRADE, interval_ns

YEAR_NS = 31_557_600 * NS_PER_S  # 365.25 days


class MonitorSettings(Section):
    """These settings configure the monitor.

    - on: whether there is one.
    - floor: as a share of the card's mean out of sample; an edge above it is no decay.
    - warn_bars, latch_bars: the mean time between two false alarms, in bars that a position was held through; without
      them 1 and 10 years of bars. The first warns. The second latches DRIFT in the journal: nothing is added until
      `tickline resume DRIFT`.
    - pace_s: the least time between two looks at the bus.
    """

    on: bool = True
    instance: Instance = "monitor"
    floor: Annotated[float, Field(ge=0.5, le=1)] = 0.5
    warn_bars: Annotated[int, Field(ge=2)] | None = None
    latch_bars: Annotated[int, Field(ge=2)] | None = None
    pace_s: Positive = 0.25

    def warns_at(self, interval: str) -> int:
        """Returns the mean time between two false warnings, in held bars of this length.

        >>> MonitorSettings().warns_at("12h"), MonitorSettings(warn_bars=50).warns_at("12h")
        (730, 50)
        """
        return self.warn_bars or bars_of_a_year(interval)

    def latches_at(self, interval: str) -> int:
        """Returns the same of the latch.

        >>> MonitorSettings().latches_at("12h")
        7300
        """
        return self.latch_bars or 10 * bars_of_a_year(interval)


def bars_of_a_year(interval: str) -> Count:
    """Returns how many bars of this length a year has, at least 2; of trades, which have no length, as many as seconds.

    >>> bars_of_a_year("12h"), bars_of_a_year("trade")
    (730, 31557600)
    """
    return max(2, YEAR_NS // (NS_PER_S if interval == TRADE else interval_ns(interval)))
