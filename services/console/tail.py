"""`tickline tail`: a stream's last entries, decoded, over all partitions."""

import asyncio
import base64
import json
import os
import sys
from collections.abc import AsyncIterator
from decimal import Decimal
from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.console.run.streams import Source, follow
from services.console.settings import with_bus
from shared.bus.api import BusLost
from shared.bus.entry import START, Entry
from shared.bus.names import PartitionId
from shared.config import Settings, load_settings
from shared.errors import BusUnreachable, ConfigError
from shared.messages import DecodeError, Stream, Tensor, decode
from shared.messages.codec import newer
from shared.record import NewerWire, Record
from shared.runner.progress import producers

if TYPE_CHECKING:
    from shared.bus.redis_bus import RedisBus, RedisSession

LAST = "last"
CHUNK = 500  # entries read backwards at a time
REMEMBERED = 4_096  # more than one commit writes


def tail(
    stream: Annotated[Stream, typer.Argument(help="The stream's name.")],
    sym: Annotated[str | None, typer.Option(help="Only this symbol.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="How many of the last entries.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    run_id: Annotated[
        str | None, typer.Option(help="A replay's run id, or `last`; else the config's namespace.")
    ] = None,
) -> None:
    """Show a stream's last entries, decoded, over all partitions."""
    with with_bus(load_settings()) as settings:
        try:
            asyncio.run(_tail(settings, run_id, stream, sym, limit, as_json, follow))
            sys.stdout.flush()
        except KeyboardInterrupt:
            pass  # Ctrl-C is how --follow ends
        except BrokenPipeError:  # the reader has left, e.g. `| head`; at exit Python would flush to it once more
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _tail(
    settings: Settings, run_id: str | None, stream: Stream, sym: str | None, limit: int, as_json: bool, keep_on: bool
) -> None:
    from shared.runner.service import make_bus  # it loads the server's client

    form = json_line if as_json else text_line
    try:
        settings = await of_run(settings, run_id)
        async for entry in entries(make_bus(settings), settings, stream, sym, limit, keep_on):
            typer.echo(form(entry))
    except BusLost as lost:
        raise BusUnreachable(str(lost)) from lost


def sources(settings: Settings, stream: Stream) -> list[tuple[str, PartitionId]]:
    """Returns the stream's keys; every service writes dead letters."""
    made_by = producers(settings)
    instances = sorted(set(made_by.values())) if stream is Stream.DEAD else [made_by[stream]]
    return [(stream, PartitionId(instance, p)) for instance in instances for p in range(settings.bus.partitions)]


async def of_run(settings: Settings, run_id: str | None) -> Settings:
    """Returns the settings under which a replay's streams are found; `last` is the replay that began last."""
    if run_id is None:
        return settings
    from shared.bus.redis_bus import known_runs
    from shared.runner.service import make_bus

    base = settings.bus.namespace
    session = await make_bus(settings).connect()
    try:
        known = await known_runs(session, base)
    finally:
        await session.close()
    chosen = known[-1] if run_id == LAST and known else run_id
    if chosen not in known:
        kept = ", ".join(known) or "none"
        raise ConfigError(f"--run-id {run_id}: this bus holds no such replay; it holds: {kept}")
    return settings.model_copy(update={"bus": settings.bus.model_copy(update={"namespace": f"{base}.replay.{chosen}"})})


async def entries(
    bus: "RedisBus", settings: Settings, stream: Stream, sym: str | None, limit: int, keep_on: bool
) -> AsyncIterator[Entry]:
    """Yields the last `limit` entries in the order of writing, then, with `keep_on`, what comes."""
    ends: dict[Source, bytes] = {}
    found: list[Entry] = []
    repeats = {source: Repeats() for source in sources(settings, stream)}
    session = await bus.connect()
    try:
        for source, repeated in repeats.items():
            ends[source] = (await session.newest(source, b"+", 1) or [Entry(START, ())])[0].id
            found += await _newest(session, source, ends[source], sym, limit, repeated)
    finally:
        await session.close()
    for entry in sorted(found, key=_written)[max(0, len(found) - limit) :]:
        yield entry
    if keep_on:
        later = Repeats()
        async for entry in follow(bus, list(ends), behind=ends):
            if sym in (None, entry.k) and not later.seen(entry):
                yield entry


class Repeats:
    """Tells the entries of one stream that stand there twice to the letter, among the last REMEMBERED of them.

    Redis 7 and 8 leave such behind after a log that was torn in the midst of a commit (docs/architecture.md).
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, str, bytes], None] = {}

    def seen(self, entry: Entry) -> bool:
        """Returns whether the same message was there before; from now on it was."""
        key = (entry.k, entry.n, entry.tr, blake2b(entry.d, digest_size=16).digest())
        if key in self._known:
            return True
        self._known[key] = None
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        return False


async def _newest(
    session: "RedisSession", source: Source, end: bytes, sym: str | None, limit: int, repeats: Repeats
) -> list[Entry]:
    """Returns the last `limit` entries up to `end`, of one symbol if it is named; reads no further than needed."""
    found: list[Entry] = []
    before = end
    while len(found) < limit:
        chunk = await session.newest(source, before, CHUNK)
        found += [entry for entry in chunk if sym in (None, entry.k) and not repeats.seen(entry)]
        if len(chunk) < CHUNK:
            break
        before = b"(" + chunk[-1].id
    return found[:limit]


def json_line(entry: Entry) -> str:
    """Returns a line of JSON: id, type, number, trace, time of writing and the message's fields."""
    try:
        fields: dict[str, Any] = {name: _plain(value) for name, value in decode(entry.t, entry.d).content().items()}
    except (DecodeError, NewerWire) as error:
        fields = {"undecoded": base64.b64encode(entry.d).decode(), "why": str(error)}
    beside = {"id": entry.id.decode(), "type": entry.t.decode(errors="replace"), "w": entry.w}
    return json.dumps({**beside, "sym": entry.k, "n": entry.n, "tr": entry.tr, **fields})


def text_line(entry: Entry) -> str:
    """Returns a line for a person; its last word is `newer` where a newer Tickline wrote the entry."""
    word = "" if newer(entry.t) is None else "  newer"
    return f"{entry.id.decode()}  n={entry.n}  {entry.h.decode(errors='replace')}  [{entry.tr}]{word}"


def _written(entry: Entry) -> tuple[int, str, int]:
    return entry.w, entry.k, entry.n


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Tensor):
        return value.numpy().tolist()
    if isinstance(value, Record):
        return {name: _plain(one) for name, one in value.__dict__.items()}
    if isinstance(value, float) and value != value:
        return None
    return value
