"""The keys of an account, read only by who speaks to the venue."""

from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

from shared.config.gateway import SECRETS, GatewaySettings
from shared.errors import ConfigError

MAX_BYTES = 4_096


class Keys(NamedTuple):
    """What a venue asks for; shown as ********** wherever they are printed. password: only some venues have one."""

    api_key: SecretStr
    api_secret: SecretStr
    api_password: SecretStr


def read_keys(gateway: GatewaySettings) -> Keys:
    """From the variables, or else from the files in keys_dir; ConfigError, without their content, if there are none.

    >>> read_keys(GatewaySettings(api_key=SecretStr("k"), api_secret=SecretStr("s"))).api_key
    SecretStr('**********')
    """
    given = Keys(gateway.api_key, gateway.api_secret, gateway.api_password)
    folder = gateway.keys_dir
    if folder is not None:
        if any(given):
            raise ConfigError("config: keys are given by variables and in gateway.keys_dir: keep one of the two")
        given = Keys(*(_read_key(folder / name, needed=name != "api_password") for name in SECRETS))
    if not given.api_key or not given.api_secret:
        raise ConfigError(
            "config: no keys: set TICKLINE_GATEWAY__API_KEY and TICKLINE_GATEWAY__API_SECRET, or gateway.keys_dir "
            "to a folder with the files api_key and api_secret"
        )
    return given


def _read_key(path: Path, *, needed: bool) -> SecretStr:
    return read_secret(path) if needed or path.exists() else SecretStr("")


def read_secret(path: Path) -> SecretStr:
    """A file's one line; ConfigError, without its content, when it is something else."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError(f"config: the key file {path} cannot be read: {why}") from None
    if not text or len(text) > MAX_BYTES or not text.isprintable() or " " in text:
        raise ConfigError(f"config: the key file {path} must hold one key on one line")
    return SecretStr(text)
