"""Chains picked at random out of a line that has run: each must be complete, and say what its parts say."""

import random
from collections import Counter
from decimal import Decimal
from typing import NamedTuple

from services.console.trace import trace_of
from shared.config import Settings
from shared.lookup.chains import Chains, ToldChain, as_json_of
from shared.messages import Decision, ExecutionReport, MarketTick, Prediction, Reason, Stream
from shared.messages.reasons import UNASKED
from shared.wall_time import UTC_TIME


class Picked(NamedTuple):
    """What was found of chains. wrong: what one lacks or tells otherwise than it is. origins: of all messages."""

    chains: int
    wrong: list[str]
    origins: Counter[str]
    reasons: Counter[str]


async def traced(settings: Settings, rng: random.Random, count: int) -> Picked:
    """`trace` of so many executions."""
    made = Picked(count, [], Counter(), Counter())
    async with Chains.open(settings, UTC_TIME) as chains:
        last = {sym: await chains.lookup.last(Stream.EXECUTIONS, sym) for sym in settings.symbols}
        executed = {sym: found[-1].message.n for sym, found in last.items() if found}
        assert executed, "nothing was executed"
        for _ in range(count):
            sym = rng.choice(sorted(executed))
            n = rng.randint(1, executed[sym])
            told = await chains.told(await trace_of(chains, settings, f"executions:{sym}:{n}"))
            _look(told, f"{sym} executions n={n}", made)
            reports = [report.n for report, _ in told.chain.each(ExecutionReport)]
            asked = {sentence.step for sentence in told.sentences}
            if n not in reports:
                made.wrong.append(f"{sym} executions n={n}: the chain of its trace has reports {reports}")
            unasked = any(report.n == n and report.leg in UNASKED for report, _ in told.chain.each(ExecutionReport))
            if not unasked and (lacking := {"tick", "prediction", "decision", "order", "risk", "report"} - asked):
                made.wrong.append(f"{sym} executions n={n}: not told: {sorted(lacking)}")
    return made


async def asked_why(settings: Settings, rng: random.Random, bars: dict[str, dict[int, Decimal]], count: int) -> Picked:
    """`why` of so many bars. bars: symbol -> end of the bar in ns -> its price."""
    made = Picked(count, [], Counter(), Counter())
    async with Chains.open(settings, UTC_TIME) as chains:
        for _ in range(count):
            sym = rng.choice(sorted(bars))
            at_ns = rng.choice(sorted(bars[sym]))
            decision = await chains.decision_at(sym, at_ns)
            where = f"{sym} at {at_ns}"
            if decision is None or decision.ts_event != at_ns:
                made.wrong.append(f"{where}: the decision found is {decision}")
                continue
            told = await chains.told(decision.tr)
            _look(told, where, made)
            tick = told.chain.one(MarketTick)
            if tick is None or tick.price != bars[sym][at_ns]:
                made.wrong.append(f"{where}: the bar's price is {bars[sym][at_ns]}, told of {tick}")
    return made


def _look(told: ToldChain, where: str, made: Picked) -> None:
    """Notes what is wrong with any chain."""
    made.origins.update(hop.origin for hop in told.chain.hops)
    if told.lacking:
        made.wrong.append(f"{where}: lacks {told.lacking}")
    if not told.chain:
        made.wrong.append(f"{where}: nothing was found")
        return
    for decision, _ in told.chain.each(Decision):
        made.reasons[str(decision.reason or "orders")] += 1
        (text,) = [one.text for one in told.sentences if one.message == decision]
        prediction = told.chain.one(Prediction)
        named = decision.reason is None or f"{Reason(decision.reason)}: " in text
        told_of = prediction is None or prediction.y_hat is None or decision.reason or "y_hat" in text
        if not named or not told_of:
            made.wrong.append(f"{where}: {text!r} does not tell {decision.human()}")
    for sentence in told.sentences:
        if not sentence.text or "None" in sentence.text:
            made.wrong.append(f"{where}: {sentence.step} says {sentence.text!r}")
    assert as_json_of(told)["complete"] is told.complete
