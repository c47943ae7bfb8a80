"""Settings as the environment of a child process."""

import json

from shared.config import Settings
from shared.config.gateway import SECRETS
from shared.config.settings import PREFIX


def as_environment(settings: Settings) -> dict[str, str]:
    """One variable for each section, complete, so that no file or other variable changes anything.

    The account's keys are not among them.

    >>> as_environment(Settings(interval="12h"))["TICKLINE_INTERVAL"]
    '12h'
    """
    values = settings.model_dump(mode="json", exclude={"gateway": set(SECRETS)})
    return {
        f"{PREFIX}{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
    }


def keys_environment(settings: Settings) -> dict[str, str]:
    """The account's keys, for the gateway and nobody else; empty where there are none.

    >>> sorted(keys_environment(Settings()))
    ['TICKLINE_GATEWAY__API_KEY', 'TICKLINE_GATEWAY__API_PASSWORD', 'TICKLINE_GATEWAY__API_SECRET']
    """
    keys = {name: getattr(settings.gateway, name) for name in SECRETS}
    return {f"{PREFIX}GATEWAY__{name.upper()}": key.get_secret_value() for name, key in keys.items()}
