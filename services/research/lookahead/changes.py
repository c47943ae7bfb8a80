"""Other futures: what the bars behind a cut might have been."""

import random
from collections.abc import Iterable, Iterator
from decimal import Decimal
from enum import StrEnum

from shared.history import Bar
from shared.history.prices import HIGHEST, LOWEST

_WIDEST = 4.0  # times higher or lower


class Change(StrEnum):
    """MIRRORED: each later return is the opposite one. SCALED: each later bar is higher or lower by a factor of its
    own. REMOVED: there is no later bar.
    """

    MIRRORED = "mirrored"
    SCALED = "scaled"
    REMOVED = "removed"


def changed(bars: Iterable[Bar], cut: int, change: Change) -> Iterator[Bar]:
    """The bars, the first `cut` (1 or more) as they are; the others changed, but for their times.

    What is random is seeded by `cut`: the same future each time.

    >>> from shared.history.bar import bar_of
    >>> found = [bar_of(i, [Decimal(price)], i + 2) for i, price in enumerate((100, 110, 121, 88))]
    >>> [str(bar.close) for bar in changed(found, 2, Change.MIRRORED)]
    ['100', '110', '100', '137.5']
    """
    dice = random.Random(cut)  # noqa: S311  (no secret)
    square = Decimal(0)
    for i, bar in enumerate(bars, 1):
        if i <= cut:
            square = bar.close * bar.close
            yield bar
        elif change is Change.REMOVED:
            return
        elif change is Change.MIRRORED:
            yield _with(bar, square / bar.open, square / bar.low, square / bar.high, square / bar.close)
        else:
            by = Decimal(str(round(_WIDEST ** dice.uniform(-1, 1), 6)))
            yield _with(bar, by * bar.open, by * bar.high, by * bar.low, by * bar.close)


def _with(bar: Bar, *prices: Decimal) -> Bar:
    """With these prices, as far as a file can hold them; of a price alone there is one, as before."""
    first, high, low, last = (min(max(price, LOWEST), HIGHEST) for price in prices)
    if bar.open is bar.close:
        return bar._replace(open=last, high=last, low=last, close=last)
    return bar._replace(open=first, high=high, low=low, close=last)
