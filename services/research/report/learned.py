"""The time that the model was fitted on, where it is a part of the backtest."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import altair as alt

from services.research.report import style
from services.research.report.panel import Rows, rows

TABLE = "learned"


class Learned(NamedTuple):
    """From `start` to `end`, ms since 1970 UTC."""

    start: int
    end: int

    def within(self, times: Sequence[int]) -> "Learned | None":
        """The part of it between the first and the last of `times`; None where there is none.

        >>> Learned(10, 30).within([20, 40]), Learned(10, 30).within([30, 40])
        (Learned(start=20, end=30), None)
        """
        if not times:
            return None
        start, end = max(self.start, times[0]), min(self.end, times[-1])
        return Learned(start, end) if start < end else None

    def rows(self) -> Rows:
        """The data of `band`."""
        return rows({"t": [self.start], "until": [self.end], "text": ["the model was fitted here"]})


def band(label: Literal["top", "bottom"]) -> alt.LayerChart:
    """A shaded part of the time axis, of table `TABLE`, with its label where it is least in the way."""
    place = alt.ExprRef("10" if label == "top" else "height - 10")
    base = alt.Chart(alt.NamedData(name=TABLE))
    shade = base.mark_rect(color=style.LEARNED, opacity=0.5).encode(x=style.time_axis(), x2="until:T")
    text = base.mark_text(align="left", dx=6, y=place, color=style.MUTED, fontSize=12, fontStyle="italic").encode(
        x=style.time_axis(), text="text:N"
    )
    return style.layered(shade, text)
