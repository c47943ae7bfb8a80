"""The verbs on an account at a venue. They belong to the gateway: its process is started with the terminal attached."""

import subprocess
from typing import Final

import typer

from shared.runner.parent import PYTHON

VERBS: Final = {
    "arm": "Allow orders that add exposure, for a limited time.",
    "disarm": "End the arming.",
    "halt": "Stop sending at once; --cancel and --flatten, through the venue itself.",
    "resume": "Lift what is latched, by name; without a name, list it.",
    "resolve": "Decide what cannot be asked: an order, a difference.",
    "capital": "Give a book more capital to trade with, or less.",
    "adopt": "Say that the present bus is the right one.",
}
ALL_IT_IS_GIVEN = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def add_account_verbs(app: typer.Typer) -> None:
    """Each of VERBS; what follows the verb is for the gateway's process, which also knows --help."""
    for verb, says in VERBS.items():
        app.command(verb, help=says, context_settings=dict(ALL_IT_IS_GIVEN))(_hand_on)


def _hand_on(context: typer.Context) -> None:
    verb = str(context.info_name)
    with subprocess.Popen([*PYTHON, "-m", "services.gateway.account", verb, *context.args]) as process:
        while process.returncode is None:
            try:
                process.wait()
            except KeyboardInterrupt:
                continue  # the terminal tells both, and the process has the last word
    raise typer.Exit(process.returncode if process.returncode >= 0 else 1)
