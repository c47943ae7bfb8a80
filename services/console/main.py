"""The `tickline` command. Every error is one line and a stable exit code."""

import os
import sys

import typer

from services.console.verbs.account import VERBS, add_account_verbs
from shared.errors import TicklineError
from shared.once import refuse_repeats
from shared.runner.loading import loading
from shared.runner.logs import configure_logs
from shared.runner.parent import SAFE_PATH


def main() -> None:
    """The entry point."""
    configure_logs("console")
    os.environ.setdefault(SAFE_PATH, "1")  # for what a library starts, e.g. a sweep's workers
    try:
        _app(sys.argv[1:])(prog_name="tickline")
    except TicklineError as error:
        typer.echo(f"tickline: {error}", err=True)
        sys.exit(error.exit_code)


def _app(arguments: list[str]) -> typer.Typer:
    """All verbs; or only those on an account where one is asked for, as a halt is not to wait for research to load."""
    if not arguments or arguments[0] not in VERBS:
        with loading():
            from services.console.app import app

        return app
    account = typer.Typer(pretty_exceptions_enable=False)
    add_account_verbs(account)
    refuse_repeats(account)
    return account
