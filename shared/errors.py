"""The errors that end a command: each has one line for the person and one stable exit code."""

from typing import ClassVar


def printable(text: str) -> str:
    """Returns the text with `?` for each character on which a terminal would act, or that no file or database takes.

    >>> printable("a\\x00b\\ud800c")
    'a?b?c'
    """
    return "".join(char if char.isprintable() else "?" for char in text)


class TicklineError(Exception):
    """An error says in one line what went wrong, where, and what to do.

    >>> str(DataError("ticks.csv: row 3: price 'abc' is not a number: correct the row"))
    "ticks.csv: row 3: price 'abc' is not a number: correct the row"
    >>> DataError("first line\\nsecond line").args
    ('first line second line',)

    Characters on which a terminal would act, e.g. an escape sequence out of a file, become `?`.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str) -> None:
        super().__init__(printable(" ".join(message.splitlines())))


class ConfigError(TicklineError):
    """The usage or the configuration is wrong."""

    exit_code = 2


class DataError(TicklineError):
    """The input data are unusable."""

    exit_code = 3


class BusUnreachable(TicklineError):
    """The bus did not answer at the start."""

    exit_code = 4


class JournalUnwritable(TicklineError):
    """The journal is unusable. It may hold the last write or not: open it again and read."""

    exit_code = 4


class VenueError(TicklineError):
    """An exchange did not answer, or gave something else than it should."""

    exit_code = 4


class SafetyRefusal(TicklineError):
    """The wish is possible, but not safe."""

    exit_code = 5


class UserCodeFailed(TicklineError):
    """A strategy's, a feature's or a model's own code raised; the text names file, line and symbol."""

    exit_code = 7


class LookaheadFound(TicklineError):
    """A decision depended on what came after it, or nobody could show that it did not."""

    exit_code = 6


class ParityBroken(TicklineError):
    """A computation differs from the recording, or nobody could show that it does not."""

    exit_code = 6
