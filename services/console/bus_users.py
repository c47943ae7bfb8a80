"""A folder with the users of a shared bus: the server's ACL file, and a file with each user's password."""

import secrets
from pathlib import Path

from shared.bus.users import ADMIN, READER, acl
from shared.config import Settings
from shared.errors import ConfigError

ACL_FILE = "users.acl"
SUFFIX = ".password"
BYTES = 32


def write_users(folder: Path, settings: Settings) -> list[str]:
    """Make the folder, open to its owner only; returns the users. ConfigError when something is there already.

    Within it the files can be read by all: a container's user is another than the one who owns them.
    """
    instances = {
        "ingestor": settings.ingestor.instance, "signal": settings.signal.instance,
        "strategy": settings.strategy.instance, "gateway": settings.gateway.instance,
        "recorder": settings.recorder.instance,
    }  # fmt: skip
    passwords = {user: secrets.token_urlsafe(BYTES) for user in (*instances, READER, ADMIN)}
    try:
        folder.mkdir(mode=0o700, parents=True)
        for user, password in passwords.items():
            (folder / f"{user}{SUFFIX}").write_text(password + "\n")
        (folder / ACL_FILE).write_text(acl(settings.bus.namespace, passwords, instances))
    except FileExistsError:
        raise ConfigError(f"{folder} is there already: name a new folder, or remove it to make new passwords") from None
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror}") from None
    return list(passwords)
