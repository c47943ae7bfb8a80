"""`tickline run`: its options, the line that runs, and what is shown of it."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Annotated, Literal

import typer

from services.console.options import StrategyName, Timezone
from services.console.output import InUtc, wall_time
from services.console.run.try_out import fake_settings
from services.console.settings import RunOptions, settings_for
from shared.errors import ConfigError, UserCodeFailed

Venue = Literal["fake"]


def run(
    data: Annotated[
        list[Path] | None, typer.Option(help="CSV or Parquet file to replay, one for each --sym; or a recording.")
    ] = None,
    sym: Annotated[list[str] | None, typer.Option(help="The symbol of the file, e.g. BTCUSDT.")] = None,
    interval: Annotated[str | None, typer.Option(help="Time between two bars, e.g. 12h.")] = None,
    timezone: Timezone = None,
    model: Annotated[
        str | None,
        typer.Option(help="A model's name, or its card's path; the recording's, or the one that fits, by default."),
    ] = None,
    strategy: StrategyName = None,
    param: Annotated[list[str] | None, typer.Option(help="A strategy's parameter, e.g. netting=true.")] = None,
    balance: Annotated[str | None, typer.Option(help="Capital of each symbol's book, in quote units.")] = None,
    fee: Annotated[str | None, typer.Option(help="Fee rate of each leg, e.g. 0.0003.")] = None,
    limit: Annotated[int | None, typer.Option(help="Simulated market: ticks per symbol, then stop.")] = None,
    rate: Annotated[float | None, typer.Option(help="Simulated market: ticks per second and symbol, 0: all.")] = None,
    run_id: Annotated[str | None, typer.Option(help="Name of a replay; a new one by default.")] = None,
    venue: Annotated[
        Venue | None, typer.Option(help="A try-out against the exchange that comes with Tickline.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Record all streams into this folder, not into one of the state folder.")
    ] = None,
    no_record: Annotated[bool, typer.Option("--no-record", help="Record nothing.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the summary to this file.")] = None,
    utc: InUtc = False,
) -> None:
    """Run the whole line: on the simulated market, or replaying files with --data."""
    options = RunOptions(
        data,
        sym,
        interval,
        model,
        strategy,
        param,
        balance,
        fee,
        limit,
        rate,
        run_id,
        record=record,
        no_record=no_record,
        timezone=timezone,
    )
    settings = settings_for(options) if venue is None else fake_settings(options)
    if json_file is not None:
        _write(json_file, "", "a")  # found out now, not after hours
    # The stages and what shows them take a while to load.
    from services.console.run.display import Display, Shown
    from services.console.run.line import run_line

    wall = wall_time(utc)
    with Display(wall) as display:
        shown = Shown(display.report, display.say, wall, live=display.live)
        summary = asyncio.run(run_line(settings, shown, with_fake=venue is not None))
    if json_file is not None:
        _write(json_file, json.dumps(summary.as_json(), indent=2) + "\n", "w")
    for line in summary.lines(shutil.get_terminal_size((160, 24)).columns):
        typer.echo(line)
    if summary.code:
        raise UserCodeFailed(summary.code)


def _write(json_file: Path, text: str, mode: Literal["a", "w"]) -> None:
    try:
        with json_file.open(mode) as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"--json {json_file}: cannot be written: {error.strerror}") from error
