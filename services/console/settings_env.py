"""Settings as the environment of a child process."""

import json
from collections.abc import Mapping

from shared.config import Settings
from shared.config.gateway import SECRETS
from shared.config.settings import PREFIX


def as_environment(settings: Settings) -> Mapping[str, str]:
    """One variable for each section, complete, so that no file or other variable changes anything.

    Keys are not among them: the gateway has those of its own environment, or reads their files.

    >>> as_environment(Settings(interval="12h"))["TICKLINE_INTERVAL"]
    '12h'
    """
    values = settings.model_dump(mode="json", exclude={"gateway": set(SECRETS)})
    return {
        f"{PREFIX}{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
    }
