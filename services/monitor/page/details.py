"""What a click opens: a chain in the sentences of `tickline trace`, a symbol's prices with what was done at them."""

from contextlib import AsyncExitStack
from math import isfinite
from typing import Any

from shared.bus.api import Bus
from shared.config import Mode, Settings
from shared.errors import ConfigError
from shared.journal.journal import Journal
from shared.lookup import Lookup
from shared.lookup.chains import Chains, endings
from shared.messages import Decision, ExecutionReport, Prediction, Stream
from shared.wall_time import LOCAL_TIME

PRICES = 400  # of a symbol
MARKS = 200
NS_PER_MS = 1_000_000


async def trace_of(settings: Settings, bus: Bus, name: str) -> dict[str, Any] | None:
    """Returns the chain of a trace id; None where nothing is found of it."""
    async with AsyncExitStack() as stack:
        lookup = Lookup(settings, bus)
        stack.push_async_callback(lookup.close)
        journal = None
        if settings.gateway.mode is not Mode.PAPER:
            try:
                url, account = settings.journal_url, settings.gateway.account
                journal = await stack.enter_async_context(await Journal.open(url, account, durable=True, write=False))
            except ConfigError:
                journal = None  # nobody has armed the account yet
        told = await Chains(settings, lookup, journal, LOCAL_TIME).told(name[:300])
    if not told.chain:
        return None
    steps = [{"ms": one.at_ns // NS_PER_MS or None, "step": one.step, "text": one.text} for one in told.sentences]
    return {"steps": [*steps, *({"ms": None, "step": "", "text": line.strip()} for line in endings(told))]}


async def prices_of(settings: Settings, bus: Bus, sym: str) -> dict[str, Any] | None:
    """Returns a symbol's last prices with their predictions, and the decisions and fills of that time.

    None for a symbol that the config does not name.
    """
    if sym not in settings.symbols:
        return None
    lookup = Lookup(settings, bus)
    try:
        predictions = [one.message for one in await lookup.last(Stream.PREDICTIONS, sym, PRICES)]
        decisions = [one.message for one in await lookup.last(Stream.DECISIONS, sym, PRICES)]
        reports = [one.message for one in await lookup.last(Stream.EXECUTIONS, sym, MARKS)]
    finally:
        await lookup.close()
    shown = [one for one in predictions if isinstance(one, Prediction)]
    since_ns = shown[0].ts_event if shown else 0
    prices = {one.ts_event: float(one.price) for one in shown}
    marks = [
        _mark("decision", one, prices.get(one.ts_event), 1 if (one.target or 0) > one.signed_qty else -1)
        for one in decisions
        if isinstance(one, Decision) and one.orders and one.ts_event >= since_ns
    ]
    marks += [
        _mark("fill", one, float(one.last_px), 1 if one.last_qty > 0 else -1)
        for one in reports
        if isinstance(one, ExecutionReport) and one.last_px is not None and one.last_qty and one.ts_event >= since_ns
    ]
    points = [[one.ts_event // NS_PER_MS, float(one.price), _number(one.y_hat)] for one in shown]
    return {"points": points, "marks": sorted(marks, key=lambda one: int(one["ms"]))[-MARKS:]}


def _number(y_hat: float | None) -> float | None:
    """Returns it, if JSON has it: a model may give what is no number."""
    return y_hat if y_hat is not None and isfinite(y_hat) else None


def _mark(kind: str, message: Decision | ExecutionReport, price: float | None, sign: int) -> dict[str, Any]:
    return {
        "ms": message.ts_event // NS_PER_MS,
        "kind": kind,
        "side": "BUY" if sign > 0 else "SELL",
        "price": price,
        "text": message.human(),
        "trace": message.tr,
    }
