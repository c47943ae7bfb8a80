"""How long until an edge is shown: a simulated table, since the evidence is a mixture of bets that has no formula."""

from math import exp, log

from shared.messages.monitor import SHOWN

# Mean of X -> median of held bars until the evidence comes from 1 to SHOWN; noise t(4), 1,000 runs:
# make bench WHAT=drift.
BARS = {0.02: 24_500, 0.03: 9_770, 0.05: 3_450, 0.075: 1_760, 0.1: 1_220, 0.15: 755, 0.2: 554, 0.3: 361}


def bars_more(mean: float, edge: float = 1.0) -> int | None:
    """Returns about how many held bars more it takes to show an edge; None where the table has no such small mean.

    - mean: of X, as a card's reference has it. edge: the evidence so far; what is left of it counts in its logarithm.

    >>> bars_more(0.05), bars_more(0.05, edge=4.5), bars_more(0.05, edge=25.0), bars_more(0.001)
    (3450, 1718, 0, None)
    """
    known = list(BARS)
    if mean < known[0]:
        return None
    above = min((each for each in known if each >= mean), default=known[-1])
    below = max(each for each in known if each <= mean)
    share = 0.0 if above <= below else log(mean / below) / log(above / below)
    bars = exp(log(BARS[below]) + share * log(BARS[above] / BARS[below]))
    left = 1.0 if edge <= 0 else max(1 - log(edge) / log(SHOWN), 0.0)
    return round(bars * left)
