"""A verdict says in a sentence whether an edge is shown, of the net returns of held bars that no model has seen."""

from pydantic import BaseModel, ConfigDict

from services.research.statistics import LEVEL, RESAMPLES, bootstrap_mean, mean_test, normal_quantile, student_quantile
from services.research.verdict.held import HeldBars, HeldReturns
from shared.intervals import NS_PER_S
from shared.plural import plural

LEAST = 30  # held bars; of fewer nothing is said
POWER = 0.8  # the chance with which so many days more would show the edge
NOT_SHOWN, SHOWN = "no edge shown", "edge shown at 95 %"

_DAY_NS = 86_400 * NS_PER_S
_LONGEST = 36_500.0  # days; what would need more is not said as a number


class Verdict(BaseModel):
    """A verdict is about one sample: held bars, their net mean at unit notional, and how sure that mean is.

    - held: bars through which a position was held. days: the time that the sample covers, with flat bars.
    - mean: of the net returns of held bars. low, high: its 95 % interval by a stationary bootstrap.
    - t: the mean by its error after Newey and West; bandwidth: lags below it count, by Andrews' rule.
    - shown: t is beyond Student's 97.5 % quantile, and low is above 0.
    - more_days: how much longer the sample had to be to show the edge with a chance of 0.8, if mean and deviation are
      the true ones; None where it is shown, where the mean is not above 0, or beyond 100 years.
    - costs_of_gross: fees, slippage and funding by the gross return of the same bars; None where that is not above 0.
    - why: why no bar counts, where that is so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    held: int = 0
    days: float = 0.0
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    t: float | None = None
    bandwidth: float | None = None
    shown: bool = False
    more_days: float | None = None
    costs_of_gross: float | None = None
    why: str = ""

    @property
    def headline(self) -> str:
        """Returns the verdict in three to five words."""
        return SHOWN if self.shown else NOT_SHOWN

    def __str__(self) -> str:
        """Returns the verdict in one sentence.

        >>> print(Verdict(held=12))
        no edge shown: 12 held bars out of sample, and 30 are the least to say anything
        """
        if not self.held and self.why:
            return f"{self.headline}: {self.why}"
        if self.t is None or self.mean is None:
            why = f"and {LEAST} are the least to say anything" if self.held < LEAST else "whose returns do not vary"
            return f"{self.headline}: {plural(self.held, 'held bar', spec=',')} out of sample, {why}"
        parts = [
            f"net mean {_percent(self.mean)} a held bar at leverage 1, 95 % [{_percent(self.low)}, "
            f"{_percent(self.high)}], t {self.t:.2f}, {plural(self.held, 'held bar', spec=',')} out of sample"
        ]
        if self.costs_of_gross is not None:
            parts.append(f"costs took {100 * self.costs_of_gross:,.0f} % of gross")
        elif self.mean <= 0:
            parts.append("it lost before costs, too")
        if self.more_days is not None:
            parts.append(f"about {days_text(self.more_days)} more would show it, were this the true mean")
        return f"{self.headline}: {'; '.join(parts)}"


def judged(part: HeldBars, why: str = "", resamples: int = RESAMPLES, seed: int = 0) -> Verdict:
    """Returns the verdict on the bars of one sample. why: what to say where it has none."""
    values, length, held = part.net.values(), part.net.length, part.net.n
    days = part.span_ns / _DAY_NS
    ratio = part.costs / part.gross if part.gross > 0 else None
    found = mean_test(values) if held >= LEAST else None
    if found is None:
        return Verdict(held=held, days=days, mean=part.net.mean, costs_of_gross=ratio, why="" if held else why)
    interval = bootstrap_mean(values, resamples=resamples, seed=seed)
    needed = student_quantile((1 + LEVEL) / 2, len(values) - 1)
    shown = found.t > needed and interval is not None and interval.low > 0
    return Verdict(
        held=held,
        days=days,
        mean=part.net.mean,
        low=interval and interval.low,
        high=interval and interval.high,
        t=found.t,
        bandwidth=found.bandwidth * length,
        shown=shown,
        more_days=None if shown else _more_days(found.t, needed, days),
        costs_of_gross=ratio,
    )


def verdicts(returns: HeldReturns, resamples: int = RESAMPLES, seed: int = 0) -> tuple[Verdict, Verdict]:
    """Returns the verdict on what is out of sample, and the same figures of what is in sample, which are none."""
    outside = judged(returns.outside, returns.sample.why, resamples, seed)
    return outside, judged(returns.inside, "", resamples, seed).model_copy(update={"shown": False, "more_days": None})


def _more_days(t: float, needed: float, days: float) -> float | None:
    """Returns how many days more: t grows with the root of the sample, and has to be `needed` and a bit for luck."""
    if t <= 0:
        return None
    more = days * (((needed + normal_quantile(POWER)) / t) ** 2 - 1)
    return more if 0 < more <= _LONGEST else None


def days_text(days: float) -> str:
    """Returns a time to wait as a person says it.

    >>> days_text(0.3), days_text(1), days_text(565.4), days_text(4000)
    ('1 day', '1 day', '565 days', '11 years')
    """
    if days > 3 * 365:
        return plural(round(days / 365), "year")
    return plural(max(round(days), 1), "day")


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:+.3f} %"
