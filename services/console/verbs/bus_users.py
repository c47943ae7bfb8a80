"""`tickline bus-users`."""

from pathlib import Path
from typing import Annotated

import typer

from services.console.bus_users import ACL_FILE, write_users
from shared.config import load_settings


def bus_users(
    folder: Annotated[Path, typer.Argument(help="Where to; it must not be there yet.")] = Path("bus-users"),
) -> None:
    """Make a user with a password of its own for each service on a shared bus, with the least rights that it needs."""
    users = write_users(folder, load_settings())
    typer.echo(f"{folder / ACL_FILE}: for the server's aclfile")
    typer.echo(f"{folder}/USER.password: for bus.password_file of {', '.join(users)}")
