"""All verbs of the `tickline` command."""

from importlib.metadata import version
from typing import Annotated

import typer

from services.console.verbs.account import add_account_verbs
from services.console.verbs.backtest import backtest
from services.console.verbs.bus_users import bus_users
from services.console.verbs.config import config
from services.console.verbs.data import data
from services.console.verbs.download import download
from services.console.verbs.parity import parity
from services.console.verbs.run import run
from services.console.verbs.sweep import sweep
from services.console.verbs.tail import tail
from services.console.verbs.train import train
from shared.once import refuse_repeats

HELP = {"help_option_names": ["-h", "--help"]}
app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, context_settings=dict(HELP))


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"tickline {version('tickline')}")
        raise typer.Exit


@app.callback()
def tickline(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """A line of small processes from a market tick to an executed order."""


for verb in (run, download, train, sweep, backtest, parity, tail, bus_users):
    app.command()(verb)
app.add_typer(config, name="config")
app.add_typer(data, name="data")
add_account_verbs(app)
refuse_repeats(app)
