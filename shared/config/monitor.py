"""The monitor's settings say how long an edge that is gone may stay unseen, and how often a false alarm may come."""

from typing import Annotated

from pydantic import Field

from shared.config.section import Instance, Positive, Section

Bars = Annotated[int, Field(ge=2)]


class MonitorSettings(Section):
    """These settings configure the monitor.

    - on: whether there is one.
    - share: of the card's mean out of sample; an edge above it is no decay.
    - warn_bars, latch_bars: the mean time between two false alarms, in bars that a position was held through; without
      them 1 and 10 years of such bars. The first warns. The second latches DRIFT in the journal: nothing is added until
      `tickline resume DRIFT`.
    - pace_s: the least time between two looks at the bus.
    """

    on: bool = True
    instance: Instance = "monitor"
    share: Annotated[float, Field(ge=0.5, le=1)] = 0.5
    warn_bars: Bars | None = None
    latch_bars: Bars | None = None
    pace_s: Positive = 0.25
