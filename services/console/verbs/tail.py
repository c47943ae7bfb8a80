"""`tickline tail`."""

import asyncio
import contextlib
import os
import sys
from typing import Annotated

import typer

from services.console import tail as tailing
from shared.bus.api import BusLost
from shared.bus.embedded import running_url, stored_bus
from shared.config import Settings, load_settings
from shared.errors import BusUnreachable
from shared.messages import Stream
from shared.runner.service import make_bus


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
    settings = load_settings()
    with contextlib.ExitStack() as stack:
        if not settings.bus.url:
            url = running_url(settings.bus.folder) or stack.enter_context(stored_bus(settings.bus.folder)).url
            settings = settings.model_copy(update={"bus": settings.bus.model_copy(update={"url": url})})
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
    form = tailing.as_json if as_json else tailing.as_line
    try:
        settings = await tailing.of_run(settings, run_id)
        async for entry in tailing.entries(make_bus(settings), settings, stream, sym, limit, keep_on):
            typer.echo(form(entry))
    except BusLost as lost:
        raise BusUnreachable(str(lost)) from lost
