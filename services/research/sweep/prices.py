"""The prices of one interval, in a form that travels well."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from services.research.train.dataset import Close
from shared.history import Bar


@dataclass(frozen=True, eq=False)
class Prices:
    """n closes. ts: int64 (n,), when each was known, ns since 1970 UTC, ascending. text: bytes (n,), all their digits.

    Two arrays, so that joblib maps large ones into its workers instead of copying them.

    >>> prices = Prices.of("1h", [Bar(ts, *[Decimal(p)] * 4, 2) for ts, p in ((1, "1.50"), (2, "2"))])
    >>> len(prices), list(prices.closes()), prices.until(2).text.tolist()
    (2, [Close(ts_event=1, price=1.5), Close(ts_event=2, price=2.0)], [b'1.50'])
    """

    interval: str
    ts: npt.NDArray[np.int64]
    text: npt.NDArray[np.bytes_]

    @classmethod
    def of(cls, interval: str, bars: Iterable[Bar]) -> "Prices":
        """The closes of bars."""
        rows = [(bar.ts_event, str(bar.close).encode()) for bar in bars]
        return cls(
            interval, np.array([ts for ts, _ in rows], np.int64), np.array([text for _, text in rows], np.bytes_)
        )

    def __len__(self) -> int:
        return len(self.ts)

    def count_until(self, ts_event: int) -> int:
        """How many were known before `ts_event`."""
        return int(np.searchsorted(self.ts, ts_event))

    def until(self, ts_event: int) -> "Prices":
        """Those known before `ts_event`."""
        count = self.count_until(ts_event)
        return replace(self, ts=self.ts[:count], text=self.text[:count])

    def closes(self) -> Iterator[Close]:
        """For training, as floats."""
        return (Close(ts, float(text)) for ts, text in zip(self.ts.tolist(), self.text.tolist(), strict=True))

    def bars(self, first: int) -> Iterator[Bar]:
        """For trading, as Decimals, behind the first `first`; row: the place among the closes."""
        for row, (ts, text) in enumerate(zip(self.ts[first:].tolist(), self.text[first:].tolist(), strict=True), first):
            price = Decimal(text.decode())
            yield Bar(ts, price, price, price, price, row)
