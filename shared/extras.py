"""The extras of pyproject.toml are installed only on request; a verb that needs one checks for it here."""

from importlib.util import find_spec
from typing import Final

from shared.errors import ConfigError

MODULES: Final = {"ccxt": ("ccxt", "aiohttp"), "journal": ("sqlalchemy", "alembic")}


def need_extras(*extras: str) -> None:
    """Raises ConfigError, with what to type, when a module of these extras is missing.

    >>> need_extras("ccxt", "journal")
    """
    missing = [name for extra in extras for name in MODULES[extra] if find_spec(name) is None]
    if missing:
        raise ConfigError(f"orders at a venue need {', '.join(missing)}: {to_install(*MODULES)}")


def to_install(*extras: str) -> str:
    """Returns what to type for missing extras.

    >>> to_install("ccxt", "parquet")
    "pip install 'tickline[ccxt,parquet]' (in a clone: make setup)"
    """
    return f"pip install 'tickline[{','.join(extras)}]' (in a clone: make setup)"
