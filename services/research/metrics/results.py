"""The numbers of one backtest, as they are shown, stored and compared."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from services.research.metrics.table import table


class _Section(BaseModel):
    """Frozen; every float is finite. A value that is not defined is None: no trades, no variance, one bar, ruin."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Period(_Section):
    """What was covered. start: of the first bar, end: of the last, UTC. days: between them.

    periods_per_year = 365 days / interval, with which all that is "a year" was made.
    """

    start: datetime | None = None
    end: datetime | None = None
    days: float
    bars: int
    interval: str
    periods_per_year: float


class Exposure(_Section):
    """Shares of bars that ended with a position: 0 to 1. max_leverage: largest position value / equity."""

    share: float | None = None
    long: float | None = None
    short: float | None = None
    max_leverage: float | None = None


class Returns(_Section):
    """Money in quote units; total = end / start − 1; cagr with 365 days. best_bar and worst_bar are period returns.

    ruined_at: when equity was first 0 or less; from there on period returns and what comes of them are not defined.
    """

    start_equity: float
    end_equity: float
    total: float | None = None
    cagr: float | None = None
    best_bar: float | None = None
    worst_bar: float | None = None
    ruined_at: datetime | None = None


class Risk(_Section):
    """Of period returns, equity_t / equity_{t-1} − 1, one a bar.

    volatility, sharpe, sortino and calmar are a year's. probabilistic_sharpe: probability that the true Sharpe is
    above 0. periods, sharpe_per_period, skewness and kurtosis (3 for a normal one) are what a deflated Sharpe needs.
    """

    volatility: float | None = None
    sharpe: float | None = None
    sortino: float | None = None
    calmar: float | None = None
    probabilistic_sharpe: float | None = None
    periods: int
    sharpe_per_period: float | None = None
    skewness: float | None = None
    kurtosis: float | None = None


class Drawdown(_Section):
    """The deepest fall of marked equity from its highest so far. depth: share of the peak, 0.25 for a quarter.

    money: quote units, of that same fall. peak, trough, recovery: bar ends; recovery None: not yet recovered.
    days: peak to recovery, or to the last bar. longest_days: the longest time below a peak, not only of this fall.
    Depth 0 has no dates.
    """

    depth: float | None = None
    money: float | None = None
    peak: datetime | None = None
    trough: datetime | None = None
    recovery: datetime | None = None
    days: float | None = None
    longest_days: float


class Trades(_Section):
    """Closed round trips. A win has net_pnl > 0; gross_win_rate counts trade_log_return > 0, before fees.

    Money in quote units, net of fees. best_return, worst_return and average_return: net_pnl / entry value.
    profit_factor: sum of wins / sum of losses. expectancy: average net_pnl. average_days: time in a trade.
    """

    trades: int
    wins: int
    win_rate: float | None = None
    gross_win_rate: float | None = None
    average_win: float | None = None
    average_loss: float | None = None
    best: float | None = None
    worst: float | None = None
    average_return: float | None = None
    best_return: float | None = None
    worst_return: float | None = None
    profit_factor: float | None = None
    expectancy: float | None = None
    average_days: float | None = None
    gross_pnl: float
    fees: float
    net_pnl: float
    sum_log_return: float


class Costs(_Section):
    """Money in quote units, costs positive when paid. net = end − start equity; gross: net before all of its costs.

    turnover: sum of quantity × price of all fills; turnover_per_year: in start equities. paid_bps: fees and slippage
    per turnover. break_even_bps: what fees and slippage could be per turnover until nothing is left; below 0 the
    strategy loses even when trading is free.
    """

    turnover: float
    turnover_per_year: float | None = None
    fees: float
    slippage: float
    funding: float
    gross: float
    net: float
    paid_bps: float | None = None
    break_even_bps: float | None = None
    fills: int
    liquidations: int


class Benchmark(_Section):
    """Buy-and-hold: all of the start equity bought at the first bar's close, held to the last, without costs."""

    end_equity: float | None = None
    total: float | None = None
    cagr: float | None = None
    volatility: float | None = None
    sharpe: float | None = None
    max_drawdown: float | None = None


class Estimate(_Section):
    """A number and its 95 % interval from a block bootstrap; the bounds None where too little was there."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


class Model(_Section):
    """y_hat beside ln(next close / close). predictions: pairs of both. ic: Pearson; rank_ic: Spearman.

    hit_rate: share of equal signs where the price moved. sampled: how many pairs rank_ic and its interval were made
    of, None when of all.
    """

    predictions: int
    ic: Estimate
    rank_ic: Estimate
    hit_rate: float | None = None
    sampled: int | None = None


class Month(_Section):
    """Return of a calendar month, UTC, of the strategy and of holding. A bar belongs to the month that it ended in,
    one that ended on the first at 00:00 to the month before.
    """

    year: int
    month: int
    total: float | None = None
    buy_and_hold: float | None = None


class Open(_Section):
    """The position that is still open at the end; its profit is in end_equity, not in the trades."""

    since: datetime
    signed_qty: float
    entry_price: float
    unrealised: float


class Results(_Section):
    """Every metric of one backtest. `model_dump_json()` is strict JSON: no NaN, no infinity.

    notes: what a reader must know beside the numbers, one sentence each: the annualisation, ruin, a sample.
    """

    period: Period
    exposure: Exposure
    returns: Returns
    risk: Risk
    drawdown: Drawdown
    trades: Trades
    long: Trades
    short: Trades
    open: Open | None
    costs: Costs
    benchmark: Benchmark
    model: Model
    monthly: tuple[Month, ...]
    notes: tuple[str, ...]

    def lines(self) -> list[str]:
        """The table that a person reads: all metrics, the months, the notes."""
        return table({"": self})
