"""`tickline why`: the decision at a time and its chain in sentences, each with the number and the limit that it met."""

import asyncio
import time
from collections.abc import Iterator
from typing import Annotated

import typer

from services.console.options import instant
from services.console.output import AsJson, InUtc, for_screen, json_text, show, wall_time
from services.console.run_id import RunId, of_run_id
from shared.config import Settings, load_settings
from shared.errors import DataError, TicklineError
from shared.explain.story import Sentence
from shared.lookup.chains import Chains, ToldChain, as_json_of, endings
from shared.messages import Decision
from shared.wall_time import WallTime, age


def why(
    sym: Annotated[str, typer.Argument(help="The symbol, e.g. BTCUSDT.")],
    at: Annotated[
        str | None, typer.Option("--at", help="When, e.g. 12:00, 2024-10-29T12:00, or 2h ago; else the last decision.")
    ] = None,
    as_json: AsJson = False,
    utc: InUtc = False,
    run_id: RunId = None,
) -> None:
    """Say why the line traded, or did not, at a time: price, features, y_hat, rule, risk check, order, fill."""
    wall = wall_time(utc)
    at_ns = None if at is None else instant("--at", at, wall)
    with of_run_id(load_settings(), run_id) as settings:
        told, decision = asyncio.run(asked(settings, sym, at_ns, wall))
    now_ns = time.time_ns()
    said = lines(told, decision, at_ns, wall, now_ns)
    show([json_text(as_json_of(told, at_ns))] if as_json else for_screen(said, SENTENCE_AT))


async def asked(settings: Settings, sym: str, at_ns: int | None, wall: WallTime) -> tuple[ToldChain, Decision]:
    """Returns the chain of the decision at a time, told; raises DataError where nothing is known of any."""
    async with Chains.open(settings, wall) as chains:
        decision = await chains.decision_at(sym, at_ns)
        if decision is None:
            raise await _nothing(chains, settings, sym, at_ns, wall)
        return await chains.told(decision.tr), decision


async def _nothing(chains: Chains, settings: Settings, sym: str, at_ns: int | None, wall: WallTime) -> TicklineError:
    """Returns why there is no decision."""
    if sym not in settings.symbols:
        return DataError(f"why: {sym} is not among the config's symbols: {', '.join(settings.symbols)}")
    if at_ns is not None and (later := await chains.decision_after(sym, at_ns)) is not None:
        next_one = wall.second(later.ts_event)
        return DataError(f"why: no decision on {sym} up to {wall.second(at_ns)} is known; the next is of {next_one}")
    reach = await chains.lookup.reach()
    upto = "" if at_ns is None else f" up to {wall.second(at_ns)}"
    whether = "" if reach.no_bus or reach.no_recording else ": has the line run yet?"
    return reach.unknown(f"why: no decision on {sym}{upto} is known{whether}")


SENTENCE_AT = 28  # the column at which a step's sentence begins


def lines(told: ToldChain, decision: Decision, at_ns: int | None, wall: WallTime, now_ns: int) -> Iterator[str]:
    """Yields the answer for a person."""
    of = wall.second(decision.ts_event)
    yield f"{decision.sym}, the decision on the tick of {of}, {age(now_ns - decision.ts_event)} ago ({told.chain.tr})"
    if at_ns is not None and at_ns > now_ns:
        yield f"  {wall.second(at_ns)} is yet to come: this is the last one so far"
    elif at_ns is not None and decision.ts_event < at_ns:
        before = age(at_ns - decision.ts_event)
        yield f"  none is of {wall.second(at_ns)} itself: this is the last one before, by {before}"
    for sentence in told.sentences:
        yield sentence_line(sentence, wall)
    yield from endings(told)


def sentence_line(sentence: Sentence, wall: WallTime) -> str:
    """Returns a step with its time of day."""
    at = wall.millisecond(sentence.at_ns)[11:23] if sentence.at_ns else ""
    return f"  {at:12}  {sentence.step:10}  {sentence.text}"
