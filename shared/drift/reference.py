"""A reference says what a model's paper twin earned out of sample: decay is measured against it."""

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from shared.drift.scale import Scale
from shared.drift.twin import Costs
from shared.history.times import text_time
from shared.intervals import interval_ns
from shared.messages.base import Symbol
from shared.plural import plural

if TYPE_CHECKING:
    import numpy.typing as npt

Z80 = 1.2816  # a normal number is beyond it, on either side, in 20 % of the cases
YEAR_NS = interval_ns("365d")
FEWEST = 30  # held bars below which no mean is believed


class DriftReference(BaseModel):
    """A reference describes the twin's X over bars that the model was not fitted to; a card holds one a strategy.

    Of what:

    - strategy: for a person. decides: the hash of strategy, code, parameters, interval, fee and slippage.
    - symbols, interval: of the line, pooled where there are several symbols.
    - fee, slippage_bps, legs: the costs assumed, see `Costs`. funded: funding is among them; None where an earlier
      version, which took each rate for one of 8 hours, measured it and did not tell.
    - start, end: the first and the last bar's end. bars: all of them. held: those with a position through all of them.

    What it was:

    - mean_net, sd_net: of a held bar's return at leverage 1, after costs.
    - mean, sd: of X, which is that in standard deviations of the bars before, cut off from above.
    - lower: the lower end of the mean's 80 % interval (HAC: Newey and West, with Andrews' lag).

    Numbers are rounded to 6 digits.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    strategy: Annotated[str, Field(min_length=1, max_length=2_000)]
    decides: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    symbols: Annotated[tuple[Symbol, ...], Field(min_length=1, strict=False)]
    interval: str
    fee: Annotated[float, Field(ge=0, lt=1)]
    slippage_bps: Annotated[float, Field(ge=0)]
    legs: bool
    start: str
    end: str
    bars: Annotated[int, Field(ge=0)]
    held: Annotated[int, Field(ge=0)]
    mean_net: float
    sd_net: Annotated[float, Field(ge=0)]
    mean: float
    sd: Annotated[float, Field(ge=0)]
    lower: float
    funded: bool | None = None

    @property
    def shows_edge(self) -> bool:
        """Says whether there is a floor: whether `lower` is above 0."""
        return self.lower > 0 and self.held >= FEWEST

    @property
    def costs(self) -> Costs:
        """Returns the costs assumed."""
        return Costs(self.fee, self.slippage_bps, self.legs)

    @property
    def held_a_year(self) -> float:
        """Returns how many bars of a year are held, going by these."""
        span = text_time(self.end).ns - text_time(self.start).ns
        return self.held * (self.bars - 1) / self.bars * YEAR_NS / span if span > 0 else 0.0

    @property
    def text(self) -> str:
        """Returns it in one line for a person."""
        funding = {True: ", net of funding", False: "", None: ", whether net of funding is not told"}[self.funded]
        over = f"{plural(self.held, 'held bar')}, {self.start} to {self.end}{funding}"
        said = f"net Sharpe {self.sharpe:.2f} a year over {over}"
        return f"{said}: {'its decay is watched' if self.shows_edge else 'no edge shown, decay is not computed'}"

    @property
    def sharpe(self) -> float:
        """Returns the net Sharpe ratio of a year, at leverage 1."""
        return self.mean_net / self.sd_net * sqrt(self.held_a_year) if self.sd_net else 0.0


class TwinMoments(NamedTuple):
    """What `measured` finds: fields of a DriftReference."""

    held: int
    mean_net: float
    sd_net: float
    mean: float
    sd: float
    lower: float


def measured(nets: Sequence[float]) -> TwinMoments:
    """Returns the numbers of a reference over the held bars' returns.

    >>> found = measured([0.01, -0.005] * 50)
    >>> found.held, found.mean_net, found.sd_net
    (100, 0.0025, 0.00753778)
    """
    import numpy as np  # every process reads cards, and only research measures

    net = np.asarray(nets, np.float64)
    sd_net = float(net.std(ddof=1)) if len(net) > 1 else 0.0
    if not sd_net:
        mean_net = float(net.mean()) if len(net) else 0.0
        return TwinMoments(held=len(net), mean_net=_rounded(mean_net), sd_net=0.0, mean=0.0, sd=0.0, lower=0.0)
    scale = Scale(_rounded(sd_net))
    x = np.array([scale.on_tick(each) for each in net.tolist()], np.float64)
    mean = float(x.mean())
    return TwinMoments(
        held=len(net),
        mean_net=_rounded(float(net.mean())),
        sd_net=_rounded(sd_net),
        mean=_rounded(mean),
        sd=_rounded(float(x.std(ddof=1))),
        lower=_rounded(mean - Z80 * hac_error(x)),
    )


def hac_error(x: "npt.NDArray[Any]") -> float:
    """Returns the standard error of a mean of numbers that may depend on those before.

    Bartlett weights (Newey and West 1987); the lag by Andrews 1991 for an autoregression of order 1.

    >>> import numpy as np
    >>> x = np.random.default_rng(2).normal(size=4_000)
    >>> round(float(hac_error(x) / (x.std() / 4_000**0.5)), 2)
    0.99
    """
    off = x - x.mean()
    count, variance = len(off), float(off @ off)
    if not variance:
        return 0.0
    rho = float(off[1:] @ off[:-1]) / variance
    rho = min(max(rho, -0.97), 0.97)
    alpha = 4 * rho * rho / ((1 - rho) ** 2 * (1 + rho) ** 2)
    lag = min(int(1.1447 * (alpha * count) ** (1 / 3)), count - 1)
    total = variance
    for k in range(1, lag + 1):
        total += 2 * (1 - k / (lag + 1)) * float(off[k:] @ off[:-k])
    return sqrt(max(total, 0.0)) / count


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
