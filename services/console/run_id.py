"""The option `--run-id` of the verbs that read a line's streams: a replay has streams of its own."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, TypeAlias

import typer

from services.console.settings import with_bus
from shared.bus.api import BusLost
from shared.config import Settings
from shared.errors import BusUnreachable, ConfigError

LAST = "last"

RunId: TypeAlias = Annotated[
    str | None, typer.Option("--run-id", help="A replay's run id, or `last`; else the config's namespace.")
]


@contextmanager
def of_run_id(settings: Settings, run_id: str | None) -> Iterator[Settings]:
    """Yields the settings under which a replay's streams are found, with the bus's address; else the config's.

    Raises BusUnreachable.
    """
    if run_id is None:
        yield settings
        return
    with with_bus(settings) as found:
        try:
            own = asyncio.run(of_run(found, run_id))
        except BusLost as lost:
            raise BusUnreachable(f"--run-id: {lost}") from lost
        yield own


async def of_run(settings: Settings, run_id: str | None) -> Settings:
    """Returns the settings under which a replay's streams are found; `last` is the replay that began last.

    Raises BusLost.
    """
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
    return replay_of(settings, chosen)


def replay_of(settings: Settings, run_id: str) -> Settings:
    """Returns the settings under which a replay's streams and its recording are found."""
    own = settings.bus
    return settings.model_copy(update={"bus": own.model_copy(update={"namespace": f"{own.namespace}.replay.{run_id}"})})
