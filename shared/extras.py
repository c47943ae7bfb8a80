"""The extras of pyproject.toml are installed only on request; a verb that needs one checks for it here.

What a library would load beside, only because it happens to be installed, is left out.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import Final

from shared.errors import ConfigError

MODULES: Final = {"ccxt": ("ccxt", "aiohttp"), "journal": ("sqlalchemy", "alembic"), "page": ("starlette", "uvicorn")}


def need_extras(*extras: str) -> None:
    """Raises ConfigError, with what to type, when a module of these extras is missing.

    >>> need_extras("ccxt", "journal")
    """
    if missing := missing_extras(*extras):
        raise ConfigError(f"orders at a venue need {missing}: {to_install('ccxt', 'journal')}")


def missing_extras(*extras: str) -> str:
    """Returns which modules of these extras are missing, empty where none is.

    >>> missing_extras("page")
    ''
    """
    return ", ".join(name for extra in extras for name in MODULES[extra] if find_spec(name) is None)


def to_install(*extras: str) -> str:
    """Returns what to type for missing extras.

    >>> to_install("ccxt", "parquet")
    "pip install 'tickline[ccxt,parquet]' (in a clone: make setup)"
    """
    return f"pip install 'tickline[{','.join(extras)}]' (in a clone: make setup)"


@contextmanager
def without(package: str) -> Iterator[None]:
    """Lets what is imported inside find that `package` is not installed; where it is loaded already, it stays.

    >>> with without("wave"):
    ...     import wave
    Traceback (most recent call last):
    ModuleNotFoundError: wave is left out
    """
    finder = _Missing(package)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Missing:
    """The finder says that there is no such package."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Raises ModuleNotFoundError for the package."""
        if fullname == self._package:
            raise ModuleNotFoundError(f"{fullname} is left out", name=fullname)


def load_arrow() -> None:
    """Imports pyarrow for a process that has no user's code: it never sees pandas, loaded or not.

    pyarrow asks once whether there is pandas, and would load it to tell a list from a series.
    """
    with without("pandas"):
        import pyarrow as pa

        pa.array([])
