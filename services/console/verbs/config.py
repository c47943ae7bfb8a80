"""`tickline config`."""

import typer

from services.console.config_lines import config_lines
from shared.config import load_settings

config = typer.Typer(no_args_is_help=True, help="What the line would run with.")


@config.callback()
def _config() -> None:
    """What the line would run with."""


@config.command()
def show() -> None:
    """Show all settings and where each comes from; keys and passwords are hidden."""
    for line in config_lines(load_settings()):
        typer.echo(line)
