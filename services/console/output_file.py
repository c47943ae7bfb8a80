"""A file that is there whole, or not at all."""

import contextlib
from pathlib import Path
from types import TracebackType
from typing import TextIO

from shared.errors import ConfigError


class OutputFile:
    """Text that is written beside `path` and takes its place when all went well; what stood there stays until then.

    A context manager; it opens at once, so that an option that cannot be met fails before the work: ConfigError, which
    names `option`. What is no regular file, e.g. /dev/stdout, is written directly.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "rows.csv"
    >>> with OutputFile("--csv", path) as file:
    ...     _ = file.write("a")
    ...     path.exists()
    False
    >>> path.read_text()
    'a'
    >>> folder.cleanup()
    """

    def __init__(self, option: str, path: Path) -> None:
        self._path = path
        self._direct = path.exists() and not path.is_file()
        self._written = path if self._direct else path.with_name(f".{path.name}.part")
        self._what = f"{option} {path}: cannot be written"
        try:
            self._file = self._written.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise ConfigError(f"{self._what}: {error.strerror}") from error

    def __enter__(self) -> TextIO:
        return self._file

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._file.close()
            if not self._direct and error is None:
                self._written.replace(self._path)
        except OSError as failed:
            if error is None:
                raise ConfigError(f"{self._what}: {failed.strerror}") from failed
        finally:
            if not self._direct:
                with contextlib.suppress(OSError):
                    self._written.unlink(missing_ok=True)
