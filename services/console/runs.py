"""The option `--run-id` of the verbs that read a line's streams: a replay has streams of its own."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, TypeAlias

import typer

from services.console.settings import with_bus
from services.console.tail import of_run
from shared.config import Settings

RunId: TypeAlias = Annotated[
    str | None, typer.Option("--run-id", help="A replay's run id, or `last`; else the config's namespace.")
]


@contextmanager
def of_run_id(settings: Settings, run_id: str | None) -> Iterator[Settings]:
    """Yields the settings under which a replay's streams are found, with the bus's address; else the config's."""
    if run_id is None:
        yield settings
        return
    with with_bus(settings) as found:
        yield asyncio.run(of_run(found, run_id))
