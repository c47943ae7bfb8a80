"""The errors that end a command: each has one line for the person and one stable exit code."""

from typing import ClassVar


class TicklineError(Exception):
    """What went wrong, where, and what to do, in one line.

    >>> str(DataError("ticks.csv: row 3: price 'abc' is not a number: correct the row"))
    "ticks.csv: row 3: price 'abc' is not a number: correct the row"
    >>> DataError("first line\\nsecond line").args
    ('first line second line',)

    What a terminal would act on, e.g. an escape sequence out of a file, is shown as `?`.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str) -> None:
        line = " ".join(message.splitlines())
        super().__init__("".join(char if char.isprintable() else "?" for char in line))


class ConfigError(TicklineError):
    """Bad usage or a bad configuration."""

    exit_code = 2


class DataError(TicklineError):
    """Input data that cannot be used."""

    exit_code = 3


class BusUnreachable(TicklineError):
    """No answer from the bus at start."""

    exit_code = 4


class JournalUnwritable(TicklineError):
    """The journal cannot be used. What was being written may be there or not: open it again and read."""

    exit_code = 4


class VenueError(TicklineError):
    """An exchange that cannot be reached, or does not give what it should."""

    exit_code = 4


class SafetyRefusal(TicklineError):
    """Possible, but not safe: refused."""

    exit_code = 5


class UserCodeFailed(TicklineError):
    """A strategy's, a feature's or a model's own code raised; the text names file, line and symbol."""

    exit_code = 7


class LookaheadFound(TicklineError):
    """A decision depended on what came after it, or it could not be shown that it did not."""

    exit_code = 6


class ParityBroken(TicklineError):
    """What was computed again is not what was recorded, or it could not be shown that it is."""

    exit_code = 6
