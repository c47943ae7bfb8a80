"""`tickline trace`: from any id of a tick, an order or an execution to the whole chain, with the times of its hops.

With `--recompute` the chain's features go once more through the weights whose hash its prediction names.
"""

import asyncio
import re
import struct
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, NamedTuple

import typer

from services.console.output import AsJson, InUtc, for_screen, json_text, show, wall_time
from services.console.run_id import RunId, of_run_id
from shared.config import Settings, load_settings
from shared.errors import DataError, ParityBroken
from shared.explain.chain import Chain
from shared.explain.story import times, unasked_line
from shared.lookup.chains import Chains, ToldChain, as_json_of, endings
from shared.messages import Features, Message, Prediction, Stream
from shared.models.card import Card
from shared.models.card_of_hash import card_of_hash
from shared.models.runtime import Runtime, allowed_difference
from shared.wall_time import WallTime

TAKES = "give a trace id, a client order id, an exchange's id, or STREAM:SYM:N as `tickline tail orders` shows n"
SENTENCE_AT = 72  # the column at which a hop's sentence begins
NUMBERED = re.compile(rf"({'|'.join(Stream)}):(.+):(\d{{1,18}})")


def trace(
    name: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="A trace id, a client order id, the exchange's id of an order or a trade, or STREAM:SYM:N, "
            "e.g. executions:BTCUSDT:12.",
        ),
    ],
    recompute: Annotated[
        bool, typer.Option("--recompute", help="Give y_hat again, from the chain's features and the hashed weights.")
    ] = False,
    as_json: AsJson = False,
    utc: InUtc = False,
    run_id: RunId = None,
) -> None:
    """Show the whole chain behind a tick, an order or an execution, with times per hop."""
    wall = wall_time(utc)
    with of_run_id(load_settings(), run_id) as settings:
        told, before = asyncio.run(asked(settings, name, wall))
        again = recomputed(settings, told.chain, before) if recompute else None
    answer = as_json_of(told) | ({} if again is None else {"recomputed": again._asdict()})
    said = [*lines(told, wall), *([] if again is None else [f"  {again.line}"])]
    show([json_text(answer)] if as_json else for_screen(said, SENTENCE_AT))
    if again is not None and not again.same:
        raise ParityBroken(f"trace: {again.line}")


async def asked(settings: Settings, name: str, wall: WallTime) -> tuple[ToldChain, list[Message]]:
    """Returns the chain of an id, told, and the features before its own; raises DataError where nobody knows the id."""
    async with Chains.open(settings, wall) as chains:
        tr = await trace_of(chains, settings, name)
        told = await chains.told(tr)
        if not told.chain:
            said = f"trace: nothing is found of {tr!r:.200}, on the bus, in recording or journal: {TAKES}"
            raise (await chains.lookup.reach()).unknown(said, chains.no_journal)
        return told, await chains.features_before(told.chain)


async def trace_of(chains: Chains, settings: Settings, name: str) -> str:
    """Returns the trace id that an id leads to; raises DataError."""
    if numbered := NUMBERED.fullmatch(name):
        stream, sym, n = Stream(numbered[1]), numbered[2], int(numbered[3])
        found = await chains.lookup.by_n(stream, sym, n) if stream is not Stream.DEAD else None
        if found is None:
            said = f"trace: {stream} n={n} of {sym} is not known: `tickline tail {stream} --sym {sym}` shows n"
            raise (await chains.lookup.reach()).unknown(said)
        return found.message.tr
    if await chains.lookup.of_trace(name):
        return name
    if chains.journal is not None:
        called = {row.tr for row in await chains.journal.orders_called(name)}
        if len(called) > 1:
            raise DataError(
                f"trace: {name} names orders of several ticks: {', '.join(sorted(called))}: take one of them"
            )
        if called:
            return called.pop()
    for sym in await chains.lookup.symbols():
        if found_order := await chains.lookup.of_order(name, sym):
            return found_order[0].message.tr
    if ":" in name:
        return name
    reach = await chains.lookup.reach()
    raise reach.unknown(f"trace: {name[:160]!r} is the id of nothing that is known here: {TAKES}", chains.no_journal)


def lines(told: ToldChain, wall: WallTime) -> Iterator[str]:
    """Yields the chain for a person: when each hop was written, how long after the one before, and what it says."""
    chain = told.chain
    yield f"{chain.sym} {chain.tr}"
    for sentence, after in zip(told.sentences, times(told.sentences), strict=True):
        at = wall.millisecond(sentence.at_ns)[:23] if sentence.at_ns else ""
        message = sentence.message
        numbered = "" if message is None else f"{message.to} n={message.n}"
        yield f"  {at:23} {after:>12}  {sentence.step:10} {numbered:20} {sentence.text}"
    if unasked := unasked_line(chain):
        yield f"  {unasked}"
    if chain.hops:
        yield f"  found {_origins(chain)}"
    yield from endings(told)


def _origins(chain: Chain) -> str:
    counts: dict[str, int] = {}
    for hop in chain.hops:
        counts[hop.origin] = counts.get(hop.origin, 0) + 1
    return ", ".join(f"{count} on the bus" if origin == "bus" else f"{count} in the {origin}"
                     for origin, count in sorted(counts.items()))  # fmt: skip


class Recomputed(NamedTuple):
    """A y_hat was computed again.

    - recorded, computed: both, as floats. bits: whether they are the same to the last bit.
    - same: bits, or as near as another runtime may come.
    - model: the card's name. runtime: that of this process. line: all of it for a person.
    """

    recorded: float
    computed: float
    bits: bool
    same: bool
    model: str
    runtime: str
    line: str


def recomputed(settings: Settings, chain: Chain, before: Sequence[Message]) -> Recomputed:
    """Returns the y_hat of a chain, computed again; raises DataError where the chain has none, ModelRefused.

    - before: the features of the ticks before it, oldest first, for a model that is shown a sequence.
    """
    prediction, features = chain.one(Prediction), chain.one(Features)
    if prediction is None or prediction.y_hat is None:
        raise DataError("trace --recompute: this chain has no y_hat")
    if features is None:
        raise DataError("trace --recompute: the features of this chain are not found any more")
    from shared.models.load_model import load_model  # it loads the model's runtime

    path, card = card_of_hash(settings, prediction.model)
    loaded = load_model(path)
    computed = loaded.predict().on_tick(_input(card, features, before))
    assert computed is not None
    here = Runtime.here(card.format).text
    bits = _bits(computed) == _bits(prediction.y_hat)
    std = card.training.y_hat.std if card.training is not None else abs(computed)
    apart = abs(computed - prediction.y_hat)
    same = bits or apart <= allowed_difference(std, computed)
    said = "the same to the bit" if bits else f"apart by {apart:.3g}"
    if not bits:
        said += ", as another runtime may be" if same else ", and no runtime explains that"
    line = (
        f"recomputed: y_hat {computed!r} of {card.name} ({prediction.model}), recorded {prediction.y_hat!r}: {said} "
        f"(here: {here})"
    )
    return Recomputed(prediction.y_hat, computed, bits, same, card.name, here, line)


def _input(card: Card, features: Features, before: Sequence[Message]) -> Any:
    own = features.values.numpy()
    if card.window == 1:
        return own.copy()
    rows = [one.values.numpy() for one in before if isinstance(one, Features)]
    if len(rows) != card.window - 1:
        found = f"{len(rows) + 1} of them are found"
        raise DataError(f"trace --recompute: the model is shown {card.window} ticks' features, and {found}")
    import numpy as np

    return np.stack([*rows, own])


def _bits(number: float) -> bytes:
    return struct.pack("<d", number)
