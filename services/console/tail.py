"""`tickline tail`: any stream, decoded, over all partitions."""

import base64
import heapq
import json
from collections import deque
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

from services.console.follow import follow
from shared.bus.api import Bus
from shared.bus.entry import Entry
from shared.bus.names import Place
from shared.bus.runs import known_runs
from shared.config import Settings
from shared.errors import ConfigError
from shared.messages import DecodeError, Stream, Tensor, decode
from shared.runner.progress import producers
from shared.runner.service import make_bus

LAST = "last"


def sources(settings: Settings, stream: Stream) -> list[tuple[str, Place]]:
    """The stream's keys; dead letters are written by every service."""
    made_by = producers(settings)
    instances = sorted(set(made_by.values())) if stream is Stream.DEAD else [made_by[stream]]
    return [(stream, Place(instance, p)) for instance in instances for p in range(settings.bus.partitions)]


async def of_run(settings: Settings, run_id: str | None) -> Settings:
    """The settings under which a replay's streams are found; `last` is the replay that began last."""
    if run_id is None:
        return settings
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
    bus: Bus, settings: Settings, stream: Stream, sym: str | None, limit: int | None, keep_on: bool
) -> AsyncIterator[Entry]:
    """The last `limit` entries in the order of writing, then, with `keep_on`, what comes."""
    seen: dict[tuple[str, bytes], None] = {}
    last: deque[Entry] | list[Entry] = deque(maxlen=limit) if limit is not None else []
    found = [e async for e in follow(bus, sources(settings, stream), forever=False) if sym in (None, e.k)]
    last.extend(heapq.nsmallest(len(found), found, key=_written))
    for entry in last:
        yield entry
    if not keep_on:
        return
    for entry in found:
        seen[entry.k, entry.id] = None
    async for entry in follow(bus, sources(settings, stream)):
        if sym in (None, entry.k) and (entry.k, entry.id) not in seen:
            yield entry


def as_json(entry: Entry) -> str:
    """One line of JSON: id, type, number, trace, time of writing and the message's fields."""
    try:
        fields: dict[str, Any] = {name: _plain(value) for name, value in decode(entry.t, entry.d).content().items()}
    except DecodeError as error:
        fields = {"undecoded": base64.b64encode(entry.d).decode(), "why": str(error)}
    beside = {"id": entry.id.decode(), "type": entry.t.decode(errors="replace"), "w": entry.w}
    return json.dumps({**beside, "sym": entry.k, "n": entry.n, "tr": entry.tr, **fields})


def as_line(entry: Entry) -> str:
    """One line for a person."""
    return f"{entry.id.decode()}  n={entry.n}  {entry.h.decode(errors='replace')}  [{entry.tr}]"


def _written(entry: Entry) -> tuple[int, str, int]:
    return entry.w, entry.k, entry.n


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Tensor):
        return value.numpy().tolist()
    if isinstance(value, float) and value != value:
        return None
    return value
