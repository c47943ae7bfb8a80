"""The `tickline` command: `run`, `tail`. Every error is one line and a stable exit code."""

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from services.console import tail as tailing
from services.console.display import Display
from services.console.options import RunOptions, settings_for
from shared.bus.api import BusLost
from shared.bus.embedded import running_url, stored_bus
from shared.config import Settings, load_settings
from shared.errors import BusUnreachable, ConfigError, TicklineError
from shared.messages import Stream
from shared.runner.logs import configure_logs
from shared.runner.service import make_bus

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def tickline() -> None:
    """A line of small processes from a market tick to an executed order."""


@app.command()
def run(
    data: Annotated[list[Path] | None, typer.Option(help="CSV or Parquet file to replay; one for each --sym.")] = None,
    sym: Annotated[list[str] | None, typer.Option(help="The symbol of the file, e.g. BTCUSDT.")] = None,
    interval: Annotated[str | None, typer.Option(help="Time between two bars, e.g. 12h.")] = None,
    model: Annotated[str | None, typer.Option(help="A model in weights/; the one that fits by default.")] = None,
    strategy: Annotated[str | None, typer.Option(help="The strategy's name, e.g. basic_taker.")] = None,
    param: Annotated[list[str] | None, typer.Option(help="A strategy's parameter, e.g. netting=true.")] = None,
    balance: Annotated[str | None, typer.Option(help="Capital of each symbol's book, in quote units.")] = None,
    fee: Annotated[str | None, typer.Option(help="Fee rate of each leg, e.g. 0.0003.")] = None,
    limit: Annotated[int | None, typer.Option(help="Simulated market: ticks per symbol, then stop.")] = None,
    rate: Annotated[float | None, typer.Option(help="Simulated market: ticks per second and symbol, 0: all.")] = None,
    run_id: Annotated[str | None, typer.Option(help="Name of a replay; a new one by default.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the summary to this file.")] = None,
) -> None:
    """Run the whole line: on the simulated market, or replaying files with --data."""
    options = RunOptions(data, sym, interval, model, strategy, param, balance, fee, limit, rate, run_id)
    settings = settings_for(options)
    if json_file is not None:
        _write(json_file, "", "a")  # found out now, not after hours
    from services.console.run import run_line  # the model's runtime takes seconds to load; `tail` does without

    with Display() as display:
        summary = asyncio.run(run_line(settings, display.report))
    if json_file is not None:
        _write(json_file, json.dumps(summary.as_json(), indent=2) + "\n", "w")
    for line in summary.lines():
        typer.echo(line)


def _write(json_file: Path, text: str, mode: Literal["a", "w"]) -> None:
    try:
        with json_file.open(mode) as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"--json {json_file}: cannot be written: {error.strerror}") from error


@app.command()
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


def main() -> None:
    """The entry point."""
    configure_logs("console")
    try:
        app(prog_name="tickline")
    except TicklineError as error:
        typer.echo(f"tickline: {error}", err=True)
        sys.exit(error.exit_code)
