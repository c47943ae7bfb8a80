"""The `tickline` command: all its verbs, and its entry point. Every error is one line and a stable exit code."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Final

import typer

from shared.errors import TicklineError
from shared.once import refuse_repeats
from shared.runner.logs import configure_logs
from shared.runner.process import SAFE_PATH, loading

# Each verb's module in this package, in the order of --help. It has a function, or a group, of the verb's name.
VERBS: Final = {
    "run": "run.verb",
    "download": "download",
    "train": "train",
    "sweep": "sweep",
    "backtest": "backtest",
    "parity": "parity",
    "tail": "tail",
    "bus-users": "bus_users",
    "arm": "arm",
    "disarm": "arm",
    "halt": "halt",
    "resume": "halt",
    "resolve": "resolve",
    "capital": "capital",
    "adopt": "adopt",
    "config": "config",
    "data": "data",
}
HELP = {"help_option_names": ["-h", "--help"]}


def main() -> None:
    """The entry point."""
    configure_logs("console")
    os.environ.setdefault(SAFE_PATH, "1")  # for what a library starts, e.g. a sweep's workers
    try:
        app_for(sys.argv[1:])(prog_name="tickline")
    except TicklineError as error:
        typer.echo(f"tickline: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        sys.exit(130)


def app_for(arguments: Sequence[str]) -> typer.Typer:
    """Returns the app with the verb that is asked for, whose module alone is loaded; with all of them otherwise."""
    app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, context_settings=dict(HELP))
    app.callback()(tickline)
    asked = arguments[0] if arguments and arguments[0] in VERBS else None
    with loading():
        for verb, module in VERBS.items():
            if asked not in (None, verb):
                continue
            found = getattr(import_module(f"services.console.{module}"), verb.replace("-", "_"))
            if isinstance(found, typer.Typer):
                app.add_typer(found, name=verb)
            else:
                app.command(verb)(found)
    refuse_repeats(app)
    return app


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"tickline {version('tickline')}")
        raise typer.Exit


def tickline(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """A line of small processes from a market tick to an executed order."""
