"""The `tickline` command: all its verbs, and its entry point. Every error is one line and a stable exit code."""

import os
import sys
from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer._click.exceptions import ClickException, NoArgsIsHelpError, UsageError
from typer.core import TyperCommand, TyperOption

from shared.errors import ConfigError, TicklineError
from shared.runner.logs import configure_logs
from shared.runner.process import SAFE_PATH, loading
from shared.user_code import read_once
from shared.version import version_line

# Each verb's module in this package, in the order of --help. It has a function, or a group, of the verb's name.
VERBS: Final = {
    "run": "run.verb",
    "download": "download",
    "model": "model",
    "train": "train",
    "sweep": "sweep",
    "backtest": "backtest",
    "report": "report",
    "parity": "parity",
    "status": "status.verb",
    "partitions": "partitions",
    "page": "page",
    "tail": "tail",
    "why": "why",
    "trace": "trace",
    "bus-users": "bus_users",
    "arm": "arm",
    "disarm": "arm",
    "halt": "halt",
    "resume": "halt",
    "resolve": "resolve",
    "capital": "capital",
    "adopt": "adopt",
    "alert": "alert",
    "new": "new.verb",
    "config": "config",
    "doctor": "doctor",
    "data": "data",
    "version": "version",
}
HELP = {"help_option_names": ["-h", "--help"]}


def main() -> None:
    """Runs the verb that is typed."""
    configure_logs("console")
    read_once()
    os.environ.setdefault(SAFE_PATH, "1")  # for what a library starts, e.g. a sweep's workers
    try:
        sys.exit(app_for(sys.argv[1:])(prog_name="tickline", standalone_mode=False) or 0)
    except NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except ClickException as error:
        typer.echo(f"tickline: {one_line(error)}", err=True)
        sys.exit(error.exit_code)
    except typer.Abort:
        typer.echo("stopped", err=True)
        sys.exit(1)
    except TicklineError as error:
        typer.echo(f"tickline: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        sys.exit(130)


def one_line(error: ClickException) -> str:
    """Returns what is wrong with the words that were typed, and where the right ones stand."""
    said = " ".join(error.format_message().split()).rstrip(".").replace(": Value error, ", ": ")
    ctx = error.ctx if isinstance(error, UsageError) else None
    verb = "tickline" if ctx is None else ctx.command_path
    return f"{said}: `{verb} --help` says what it takes"


def app_for(arguments: Sequence[str]) -> typer.Typer:
    """Returns the app with the verb that is asked for, whose module alone is loaded; with all of them otherwise."""
    app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, context_settings=dict(HELP))
    app.callback()(tickline)
    if list(arguments) == ["--version"]:
        return app  # it needs no verb
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
        typer.echo(version_line())
        raise typer.Exit


def tickline(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """A line of small processes from a market tick to an executed order."""


class OnceCommand(TyperCommand):
    """A command that refuses an option of one value that is given twice: of two, click silently takes the last."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses as click does; raises ConfigError."""
        if not ctx.resilient_parsing:
            _, _, given = self.make_parser(ctx).parse_args(args=list(args))
            for name, count in Counter(param.name for param in given).items():
                option = next(param for param in given if param.name == name)
                if count > 1 and isinstance(option, TyperOption) and not (option.multiple or option.is_flag):
                    raise ConfigError(f"{option.opts[0]} was given {count} times and takes one value: give it once")
        return super().parse_args(ctx, args)


def refuse_repeats(app: typer.Typer) -> None:
    """Makes every command of an app an OnceCommand, also in its groups."""
    for command in app.registered_commands:
        command.cls = OnceCommand
    for group in app.registered_groups:
        if group.typer_instance is not None:
            refuse_repeats(group.typer_instance)
