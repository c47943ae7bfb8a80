"""The page's address and its one-time code stand in a file of the state folder, for whoever may read that.

The monitor writes it; `tickline run` and `tickline page` show it. Who starts the monitor again finds the port and the
sessions of before, so that an open browser goes on.
"""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import ConfigError

NAME = "page.json"
MOST_BYTES = 65_536


class PageFile(BaseModel):
    """The file's content.

    - url: where a browser reaches the page. port: on which it listens.
    - code: what is typed there once. began_ms: when this monitor began to serve it.
    - sessions: the sha256 of each session's token -> when it ends, ms since 1970.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    url: str = ""
    port: int = 0
    code: str = Field(default="", repr=False)
    began_ms: int = 0
    sessions: dict[str, int] = Field(default={}, repr=False)


def page_path(state_dir: Path) -> Path:
    """Returns where the file of a line's page is."""
    return state_dir / NAME


def read_page_file(path: Path) -> PageFile:
    """Returns what stands in the file; an empty one where there is none. Raises ConfigError where it is damaged."""
    try:
        with path.open("rb") as file:
            return PageFile.model_validate_json(file.read(MOST_BYTES))
    except FileNotFoundError:
        return PageFile()
    except (OSError, ValidationError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is damaged: remove it"
        raise ConfigError(f"page: {path} cannot be read: {why}") from None


def write_page_file(path: Path, content: PageFile) -> None:
    """Writes the file whole, for its owner only; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content.model_dump_json())
    beside.replace(path)


def page_line(content: PageFile) -> str:
    """Returns where the page is, for a person.

    >>> page_line(PageFile(url="http://127.0.0.1:8787", code="abcdefghjk"))
    'page: http://127.0.0.1:8787 (one-time code: abcdefghjk)'
    """
    return f"page: {content.url} (one-time code: {content.code})"
