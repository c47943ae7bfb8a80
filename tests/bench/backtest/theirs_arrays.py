"""vectorbt on the same arrays, with the same decisions: the calls that can do it, of which the fastest counts.

It is in no extra, since its licence (Apache 2.0 with the Commons Clause) is no free one: `pip install
vectorbt==1.2.0 vectorbt-rust==1.2.0` beside ours; without it the bench leaves it out.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]


class Ordered(NamedTuple):
    """What a run gives: the equity after each bar, and of each order its bar, signed quantity and price."""

    equity: Floats
    bar: Any
    qty: Floats
    price: Floats


class Given(NamedTuple):
    """What it trades on. share: of the equity; step: of quantities, NaN for none."""

    close: Floats
    y_hat: Floats
    cash: float
    fee: float
    slippage: float
    share: float
    step: float


def flips(given: Given) -> Iterator[tuple[str, Callable[[], Ordered]]]:
    """Yields the calls that turn the position with one order a bar, by name."""
    try:
        from vectorbt._engine import is_rust_available
        from vectorbt.portfolio.base import Portfolio
        from vectorbt.portfolio.dispatch import simulate_from_orders
        from vectorbt.portfolio.enums import Direction, SizeType
    except ImportError:
        return
    percent = np.where(np.isfinite(given.y_hat), np.sign(given.y_hat) * given.share, np.nan)

    def from_orders(engine: str) -> Ordered:
        made = Portfolio.from_orders(
            _series(given.close), percent, size_type="targetpercent", direction="both", fees=given.fee,
            slippage=given.slippage, init_cash=given.cash, size_granularity=given.step, engine=engine,
        )  # fmt: skip
        return _ordered(made.order_records, made.value(engine=engine).to_numpy())

    def simulated(engine: str) -> Ordered:
        count = len(given.close)
        close = given.close.reshape(-1, 1)
        records, _ = simulate_from_orders(
            (count, 1), np.array([1]), np.array([given.cash]), np.zeros((count, 1), np.int64),
            size=percent.reshape(-1, 1), price=close,
            size_type=np.asarray(SizeType.TargetPercent), direction=np.asarray(Direction.Both),
            fees=np.asarray(given.fee), slippage=np.asarray(given.slippage), size_granularity=np.asarray(given.step),
            close=close, max_orders=count, engine=engine,
        )  # fmt: skip
        return _ordered(records, _equity(records, given))

    for engine in ("numba", "rust") if is_rust_available() else ("numba",):
        yield f"Portfolio.from_orders(targetpercent), {engine}", partial(from_orders, engine)
        yield f"simulate_from_orders(TargetPercent), {engine}", partial(simulated, engine)


def pairs(given: Given) -> Iterator[tuple[str, Callable[[], Ordered]]]:
    """Yields the calls that close and open at each bar with two orders, by name.

    The second one's size is of the equity before the first, which only a function of one's own can tell.
    """
    try:
        import numba
        from vectorbt.portfolio import nb
        from vectorbt.portfolio.base import Portfolio
    except ImportError:
        return
    order, nothing, fee, slippage, share = nb.order_nb, nb.order_nothing_nb, given.fee, given.slippage, given.share

    @numba.njit
    def orders(c: Any, y: Any, kept: Any) -> Any:
        """The close leg first; then the equity before it, times leverage, in the direction of y_hat."""
        price, held, wanted = c.close[c.i, 0], c.last_position[0], y[c.i]
        if not np.isfinite(wanted) or wanted == 0 or c.call_idx > 1:
            return -1, nothing()
        if c.call_idx == 0:
            kept[0] = c.last_cash[0] + held * price
            if held != 0:
                return 0, order(size=-held, price=price, fees=fee, slippage=slippage)
        elif kept[1] == c.i:
            return -1, nothing()
        kept[1] = c.i
        size = (1.0 if wanted > 0 else -1.0) * kept[0] * share / price
        return 0, order(size=size, price=price, fees=fee, slippage=slippage)

    @numba.njit
    def one(c: Any, y: Any, kept: Any) -> Any:
        """Each bar is two rows: at the first it closes, at the second it opens."""
        at, price, held = c.i // 2, c.close[c.i, 0], c.position_now
        wanted = y[at]
        if not np.isfinite(wanted) or wanted == 0:
            return nothing()
        if c.i % 2 == 0:
            kept[0] = c.cash_now + held * price
            return order(size=-held, price=price, fees=fee, slippage=slippage) if held != 0 else nothing()
        size = (1.0 if wanted > 0 else -1.0) * kept[0] * share / price
        return order(size=size, price=price, fees=fee, slippage=slippage)

    close, twice = _series(given.close), _series(np.repeat(given.close, 2))

    def flexible() -> Ordered:
        made = Portfolio.from_order_func(
            close, orders, given.y_hat, np.full(2, -1.0), flexible=True, init_cash=given.cash,
            max_orders=2 * len(close),
        )  # fmt: skip
        return _ordered(made.order_records, made.value().to_numpy())

    def doubled() -> Ordered:
        made = Portfolio.from_order_func(twice, one, given.y_hat, np.full(2, -1.0), init_cash=given.cash)
        found = _ordered(made.order_records, made.value().to_numpy()[1::2])
        return found._replace(bar=found.bar // 2)

    yield "Portfolio.from_order_func, flexible", flexible
    yield "Portfolio.from_order_func, two rows a bar", doubled


def _series(values: Floats) -> Any:
    import pandas as pd

    return pd.Series(values)


def _ordered(records: Any, equity: Floats) -> Ordered:
    size = np.where(records["side"] == 0, records["size"], -records["size"])
    return Ordered(equity, records["idx"], size, records["price"])


def _equity(records: Any, given: Given) -> Floats:
    """The equity after each bar, of the orders alone: what a person writes in numpy who has no portfolio."""
    size = np.where(records["side"] == 0, records["size"], -records["size"])
    cash, held = np.zeros(len(given.close)), np.zeros(len(given.close))
    cash[records["idx"]] = -size * records["price"] - records["fees"]
    held[records["idx"]] = size
    return np.asarray(given.cash + np.cumsum(cash) + np.cumsum(held) * given.close, np.float64)
