"""The fast engine beside vectorbt, backtesting.py and the exact engine: `--part arrays` of the backtest's bench.

All trade at every bar, compounding, with fees and slippage, on predictions that are there already: with an order pair a
bar, or with one order that turns the position. What each gives are its orders and the equity after each bar. Those of
the fast engine and vectorbt must be the same over all bars, those of the fast engine and the exact one over the first;
`Agreed` has looked at backtesting.py. Else the times say nothing.
"""

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from services.research.backtest import VenueRules
from services.research.fast import BarColumns, FastRun, Terms, predict_all, trade
from services.research.fast.backtest import Prices, asked_of, funding_of
from services.research.fast.measured import measured
from services.research.statistics import RESAMPLES
from shared.config import Settings
from shared.history import bars
from shared.needs import stop_needs
from tests.bench.backtest import theirs, theirs_arrays
from tests.bench.backtest.agreement import Agreed, Differs
from tests.bench.backtest.market import CASH, FEE, INTERVAL_S, Market, make_market
from tests.unit.research.fast.made import compared, exact_run

SAME = 1e-6  # of the equity, of another program's
LEVERAGE, SLIPPAGE_BPS, STEP = "0.9", "0.001", "0.01"  # vectorbt lends nothing, not even a fee
PAIRS, FLIPS, ALL_TERMS = "an order pair a bar", "a flip a bar", "an order pair a bar, all terms"
OURS, ALONE = "fast engine", "fast engine, equity alone, as a sweep trades"
TIMES_VECTORBT, ALL_TERMS_RATE, METRICS_RATE = 3.0, 30e6, 6e6
# Near enough that stops fire, with as many digits as no price has; the rates of a funding every eight hours.
STOPS = {"stop_bps": "17.137", "take_profit_bps": "23.713", "trail_bps": "29.317"}
HOURS, RATE = 8, "0.0000001"


class Case(NamedTuple):
    """One way to trade, with its own settings, and what both engines get."""

    settings: Settings
    rules: VenueRules
    found: BarColumns
    y_hat: Any
    terms: Terms

    @classmethod
    def of(cls, name: str, market: Market, found: BarColumns, y_hat: Any) -> "Case":
        """The case of this name; with flips every other prediction changes its sign."""
        settings, rules = _settings(name, market), _rules(name, market)
        if name == FLIPS:
            y_hat = np.abs(y_hat) * np.where(np.arange(len(y_hat)) % 2, 1.0, -1.0)
        found = found._replace(funding=funding_of(rules, settings, found))
        return cls(settings, rules, found, y_hat, Terms.of(settings, rules))

    def run(self, keep: bool = True) -> FastRun:
        """By the fast engine; with all orders, or with the equity alone, as a sweep trades."""
        return trade(self.found, self.y_hat, self.terms, keep=keep)


def run(folder: Path, count: int, exact_count: int, repeat: int) -> dict[str, Any]:
    """Bars a second of each, the best of `repeat`; those that are slow trade the market's first bars alone."""
    market, small = make_market(folder, count), make_market(folder, exact_count)
    settings = market.settings(False)
    prices = Prices.of(settings, 1 << 62, 1, None).bars
    began = time.perf_counter()
    y_hat = predict_all(asked_of(settings)._replace(identity=""), prices.close)
    predicting = time.perf_counter() - began
    assert y_hat is not None
    print("  whether all trade the same", flush=True)
    Agreed(small)
    rates: dict[str, dict[str, float]] = {}
    for name in (PAIRS, FLIPS, ALL_TERMS):
        case = Case.of(name, market, prices, y_hat)
        rates[name] = {OURS: count / _best(case.run, repeat), ALONE: count / _best(partial(case.run, False), repeat)}
        for call, rate in _vectorbt(name, case, repeat):
            rates[name][call] = rate
        rates[name] |= _slow(name, small, case, exact_count)
    pairs = Case.of(PAIRS, market, prices, y_hat)

    def metrics(resamples: int) -> Callable[[], object]:
        return lambda: measured(pairs.settings, pairs.found, pairs.found.ts, y_hat, pairs.terms, resamples)

    alone, whole = _best(metrics(0), 2), _best(metrics(RESAMPLES), 1)
    return {
        "bars": count,
        "exact_bars": exact_count,
        "bars_per_s": {name: {who: round(rate) for who, rate in found.items()} for name, found in rates.items()},
        "prices_to_metrics_per_s": round(count / alone),
        "intervals_s": round(whole - alone, 2),
        "predictions_per_s": round(count / predicting),
    }


def show(result: dict[str, Any]) -> bool:
    """Prints the tables; returns whether the targets are reached."""
    print(f"\n{result['bars']:,} bars; the exact engine and backtesting.py {result['exact_bars']:,}; one core")
    reached = []
    for name, rates in result["bars_per_s"].items():
        print(name)
        for who, rate in rates.items():
            print(f"  {who:50} {rate:14,} bars/s")
        best = max((rate for who, rate in rates.items() if who.startswith("vectorbt")), default=None)
        if best is not None:
            times = rates[OURS] / best
            reached.append(_verdict(f"{times:.1f} × vectorbt's best", times, TIMES_VECTORBT))
    print("all of it")
    print(f"  {'predictions, once for all that trade on them':50} {result['predictions_per_s']:14,} bars/s")
    print(f"  {'from prices to metrics, order pairs':50} {result['prices_to_metrics_per_s']:14,} bars/s")
    print(f"  {'their intervals, 1,000 resamples, once a run':50} {result['intervals_s']:14,} s")
    millions = result["bars_per_s"][ALL_TERMS][ALONE], result["prices_to_metrics_per_s"]
    reached.append(_verdict(f"all terms, equity alone: {millions[0] / 1e6:.1f} M bars/s", millions[0], ALL_TERMS_RATE))
    reached.append(_verdict(f"prices to metrics: {millions[1] / 1e6:.1f} M bars/s", millions[1], METRICS_RATE))
    return all(reached)


def _settings(name: str, market: Market) -> Settings:
    found = market.settings(name == FLIPS)
    own, gateway = found.strategy, found.gateway
    told = {**own.model_dump(exclude_unset=True), "params": {**own.params, "leverage": LEVERAGE}}
    told |= {"max_slippage_bps": "none", "qty_step": STEP if name == FLIPS else None}
    told |= {"protect": STOPS} if name == ALL_TERMS else {}
    slips = type(gateway).model_validate({**gateway.model_dump(exclude_unset=True), "slippage_bps": SLIPPAGE_BPS})
    return found.model_copy(update={"strategy": type(own).model_validate(told), "gateway": slips})


def _rules(name: str, market: Market) -> VenueRules:
    if name != ALL_TERMS:
        return VenueRules()
    file, step = market.folder / f"funding-{market.bars}.csv", HOURS * 3600 // INTERVAL_S
    starts = np.datetime64("2000-01-01T00:00:00") + np.arange(step, market.bars, step) * np.timedelta64(INTERVAL_S, "s")
    file.write_text("\n".join(["datetime,rate", *(f"{at},{RATE}" for at in starts)]) + "\n")
    return VenueRules(maintenance_margin=Decimal("0.005"), funding=file)


def _vectorbt(name: str, case: Case, repeat: int) -> Iterator[tuple[str, float]]:
    """Yields what vectorbt's calls come to; raises Differs where one trades otherwise."""
    calls = {PAIRS: theirs_arrays.pairs, FLIPS: theirs_arrays.flips}.get(name)
    if calls is None:
        return
    done, terms = case.run(), case.terms
    assert done.kept is not None
    given = theirs_arrays.Given(
        case.found.close, case.y_hat, float(CASH), FEE, terms.buy - 1, terms.leverage, terms.step or np.nan
    )
    for call, job in calls(given):
        found = job()
        _require(f"{name}, orders, {call}", len(done.kept.bar), len(found.bar))
        same = (
            np.array_equal(found.bar, done.kept.bar)
            and np.allclose(found.qty, done.kept.qty, rtol=SAME, atol=0.0)
            and np.allclose(found.price, done.kept.price, rtol=1e-12, atol=0.0)
            and np.allclose(found.equity, done.equity, rtol=SAME, atol=0.0)
        )
        _require(f"{name}, orders and equity the same, {call}", True, same)
        yield f"vectorbt {call}", len(case.y_hat) / _best(job, repeat)


def _slow(name: str, small: Market, case: Case, count: int) -> dict[str, float]:
    """Returns what the exact engine and backtesting.py come to; raises EnginesDiffer where the first one differs."""
    settings, y_hats = _settings(name, small), case.y_hat[:count].tolist()
    rules = dict(_rules(name, small))
    history = list(bars(small.file, settings.interval, groups=stop_needs(settings)))
    compared(settings, history, y_hats, case.found.funding[:count], **rules)
    took = {"exact engine": count / _best(lambda: exact_run(settings, history, y_hats, **rules), 1)}
    if name != ALL_TERMS:
        directions = theirs.directions_of(np.array(y_hats))
        took["backtesting.py"] = count / _best(lambda: theirs.run(small, name == FLIPS, directions), 1)
    return took


def _require(what: str, here: object, there: object) -> None:
    if here != there:
        raise Differs(f"{what}: {here} here, {there} in vectorbt: the comparison is void")


def _best(job: Callable[[], object], repeat: int) -> float:
    """Seconds; the first run compiles and does not count where there are several."""
    took = []
    for _ in range(repeat + 1 if repeat > 1 else 1):
        began = time.perf_counter()
        job()
        took.append(time.perf_counter() - began)
    return min(took)


def _verdict(text: str, value: float, target: float) -> bool:
    print(f"{text} (target ≥ {target:,.0f}) {'reached' if value >= target else 'MISSED'}")
    return value >= target
