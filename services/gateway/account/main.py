"""The verbs on an account. Every error is one line and a stable exit code, as with `tickline` itself.

What a verb needs is imported when it runs: a halt waits for nothing that it can do without.
"""

import asyncio
import sys
from collections.abc import Coroutine, Iterator
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from services.gateway.account.resolution import Ending
from shared.errors import ConfigError, TicklineError
from shared.extras import need_extras
from shared.once import refuse_repeats
from shared.runner.logs import configure_logs

Named = Annotated[str | None, typer.Option("--account", help="Whose, where the config cannot tell it any more.")]
HELP = {"help_option_names": ["-h", "--help"]}
app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, context_settings=dict(HELP)
)  # fmt: skip


@app.callback()
def control() -> None:
    """A person's word on an account."""
    need_extras("journal")


@app.command("arm")
def arm_verb(
    account: Annotated[str, typer.Option(help="The config's account: you will type its name.")],
    max_notional: Annotated[str, typer.Option(help="All positions together at most, in quote units.")],
    length: Annotated[str, typer.Option("--for", help="How long, e.g. 30m or 12h; 7d at most.")],
) -> None:
    """Allow orders that add exposure, for a limited time. Shows the account first; needs a terminal."""
    from services.gateway.account.arm import arm

    notional = _amount("--max-notional", max_notional)
    if notional is None or notional <= 0:
        raise ConfigError(f"--max-notional {max_notional}: it must be above 0")
    _show(arm(account, notional, length))


@app.command("disarm")
def disarm_verb(account: Named = None) -> None:
    """End the arming. Positions stay, and may be reduced."""
    from services.gateway.account.disarm import disarm

    _show(disarm(account))


@app.command("halt")
def halt_verb(
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel what is open at the venue.")] = False,
    flatten: Annotated[bool, typer.Option("--flatten", help="Cancel, and close all positions.")] = False,
    within_s: Annotated[
        float | None, typer.Option("--within", min=1, help="Seconds to try; without it until it is done, or Ctrl-C.")
    ] = None,
    account: Named = None,
) -> None:
    """Stop sending at once, with or without bus and gateway. Needs no confirmation."""
    from services.gateway.account.halt import halt

    asyncio.run(halt(cancel=cancel, flatten=flatten, within_s=within_s, named=account))


@app.command("resume")
def resume_verb(
    names: Annotated[list[str] | None, typer.Argument(help="What is lifted, e.g. HALT; none: list it.")] = None,
) -> None:
    """Lift what is latched, by name; without one it lists them. Lifting needs a terminal."""
    from services.gateway.account.resume import resume

    _show(resume(names or []))


@app.command("resolve")
def resolve_verb(
    what: Annotated[list[str] | None, typer.Argument(help="An order's id, or differences; none: list all.")] = None,
    ending: Annotated[
        Ending | None,
        typer.Option("--as", help="How the order ended; of a difference: external (noted), bot or mine (a position)."),
    ] = None,
    qty: Annotated[str | None, typer.Option(help="What was filled, or is taken over, in base units.")] = None,
    price: Annotated[str | None, typer.Option(help="Its average price.")] = None,
    fee: Annotated[str | None, typer.Option(help="Of a position: what it cost, in quote units.")] = None,
) -> None:
    """Decide what cannot be asked: an order that the venue does not tell, a difference; needs a terminal."""
    from services.gateway.account.resolve import listed, resolve

    if not what:
        _show(listed())
        return
    if ending is None:
        raise ConfigError(
            "resolve: say how it ended: --as filled, canceled, rejected or expired; external, bot or mine"
        )
    _show(resolve(what, ending, _amount("--qty", qty), _amount("--price", price), _amount("--fee", fee)))


@app.command("capital")
def capital_verb(
    sym: Annotated[str, typer.Option(help="Whose book.")],
    to: Annotated[str | None, typer.Option("--set", help="The capital it shall have, in quote units.")] = None,
    add: Annotated[str | None, typer.Option("--add", help="What is added to it; with a minus: taken out.")] = None,
) -> None:
    """Give a book more capital to trade with, or less; needs a terminal."""
    from services.gateway.account.capital import Wanted, set_capital

    _show(set_capital(sym, Wanted(_amount("--set", to), _amount("--add", add))))


@app.command("adopt")
def adopt_verb(
    key: Annotated[bool, typer.Option("--key", help="The config's key: it is a new one of the same account.")] = False,
) -> None:
    """Say that the present bus, or key, is the right one, after another; needs a terminal."""
    from services.gateway.account.adopt import adopt, adopt_key

    _show(adopt_key() if key else adopt())


def _show(lines: Coroutine[Any, Any, Iterator[str]]) -> None:
    for line in asyncio.run(lines):
        typer.echo(line)


def _amount(option: str, text: str | None) -> Decimal | None:
    try:
        amount = None if text is None else Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if amount is not None and not amount.is_finite():
        raise ConfigError(f"{option} {text}: it must be a number")
    return amount


def main() -> None:
    """The entry point."""
    configure_logs("control")
    refuse_repeats(app)
    try:
        app(prog_name="tickline")
    except TicklineError as error:
        typer.echo(f"tickline: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        sys.exit(130)
