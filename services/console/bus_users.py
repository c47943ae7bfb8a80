"""`tickline bus-users`: a folder with the users of a shared bus, the server's ACL file and each user's password."""

import secrets
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from shared.bus.connection import is_cluster
from shared.bus.users import ADMIN, READER, acl
from shared.config import Settings, load_settings
from shared.errors import ConfigError

ACL_FILE = "users.acl"
SUFFIX = ".password"
BYTES = 32


def bus_users(
    folder: Annotated[Path, typer.Argument(help="Where to; it must not be there yet.")] = Path("bus-users"),
) -> None:
    """Make a user with a password of its own for each service on a shared bus, with the least rights that it needs."""
    users = write_users(folder, load_settings())
    typer.echo(f"{folder / ACL_FILE}: for the server's aclfile")
    typer.echo(f"{folder}/USER.password: for bus.password_file of {', '.join(users)}")


def write_users(folder: Path, settings: Settings) -> list[str]:
    """Makes the folder, open to its owner only, and returns the users. Raises ConfigError when something is there.

    Within it the files can be read by all: a container's user is another than the one who owns them.
    """
    instances = {
        "ingestor": settings.ingestor.instance,
        "signal": settings.signal.instance,
        "strategy": settings.strategy.instance,
        "gateway": settings.gateway.instance,
        "recorder": settings.recorder.instance,
        "monitor": settings.monitor.instance,
    }
    passwords = {user: secrets.token_urlsafe(BYTES) for user in (*instances, READER, ADMIN)}
    files = {f"{user}{SUFFIX}": password + "\n" for user, password in passwords.items()}
    files[ACL_FILE] = acl(settings.bus.namespace, passwords, instances, cluster=is_cluster(settings.bus.url))
    if folder.exists():
        raise ConfigError(f"{folder} is there already: name a new folder, or remove it to make new passwords")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent, prefix=".bus-users-") as made:  # all of it or nothing
            for name, text in files.items():
                path = Path(made, name)
                path.write_text(text)
                path.chmod(0o644)
            Path(made).rename(folder)
            Path(made).mkdir()
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror}") from None
    return list(passwords)
