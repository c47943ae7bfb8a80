"""The bytes of a file, unpacked where it is packed. How it begins decides, whatever its name is."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, TextIO, cast

from shared.errors import ConfigError, DataError
from shared.extras import to_install

PARQUET = b"PAR1"
GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_REMEDY = "unpack it yourself, or fetch it again"


def begins_with(path: Path, *marks: bytes) -> bool:
    """Returns whether a file begins with one of these; raises DataError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(4).startswith(marks)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}): check the path and its rights") from error


def is_packed(path: Path) -> bool:
    """Returns whether `opened` unpacks it."""
    return begins_with(path, GZIP, ZSTD, ZIP, _EMPTY_ZIP)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Opens the bytes of a plain, gzip, zstd or zip file (one file in it); raises DataError where they cannot be had.

    zstd needs pyarrow, which is imported with the first such file: ConfigError without it.
    """
    try:
        with path.open("rb") as raw:
            mark = raw.read(4)
            raw.seek(0)
            if mark.startswith(GZIP):
                with gzip.open(raw) as file:
                    yield cast(BinaryIO, file)
            elif mark == ZSTD:
                yield _zstd(path, raw)
            elif mark in (ZIP, _EMPTY_ZIP):
                with zipfile.ZipFile(raw) as archive, archive.open(_only(path, archive)) as member:
                    yield cast(BinaryIO, member)
            else:
                yield raw
    except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise DataError(f"{path}: cannot be unpacked ({str(error)[:120]}): {_REMEDY}") from error
    except OSError as error:
        if error.errno is None:  # pyarrow's, of a damaged file
            raise DataError(f"{path}: cannot be unpacked ({str(error)[:120]}): {_REMEDY}") from error
        raise DataError(f"{path}: cannot be read ({error.strerror}): check the path and its rights") from error


@contextmanager
def opened_text(path: Path) -> Iterator[TextIO]:
    """Opens a file as `opened` does, for UTF-8 with or without a byte order mark; line ends stay as they are."""
    with opened(path) as file, io.TextIOWrapper(cast(IO[bytes], file), encoding="utf-8-sig", newline="") as text:
        yield text


def _zstd(path: Path, raw: BinaryIO) -> BinaryIO:
    try:
        import pyarrow as pa
    except ImportError as error:
        raise ConfigError(f"{path}: zstd needs pyarrow: {to_install('parquet')}, or unpack it") from error
    return io.BufferedReader(pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd"))


def _only(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    found = [info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX/")]
    if len(found) != 1:
        raise DataError(f"{path}: has {len(found)} files in it, which should be one: unpack it, and pass one of them")
    return found[0]
