"""A finding says what was looked at, how it is, and what to do about it."""

from enum import StrEnum
from typing import NamedTuple

from shared.errors import TicklineError


class Grade(StrEnum):
    """A grade says how bad a finding is: a fault keeps the line from working, or money from being safe."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


class Finding(NamedTuple):
    """A finding is of one check. remedy: what to do; empty where all is well.

    >>> Finding("disk", Grade.OK, "/data: 12 GB free").remedy
    ''
    """

    check: str
    grade: Grade
    what: str
    remedy: str = ""


def ok(check: str, what: str) -> Finding:
    """Returns a finding of what is well."""
    return Finding(check, Grade.OK, what)


def warning(check: str, what: str, remedy: str) -> Finding:
    """Returns a finding with which the line works."""
    return Finding(check, Grade.WARNING, what, remedy)


def fault(check: str, what: str, remedy: str) -> Finding:
    """Returns a finding that makes `tickline doctor` end with 1."""
    return Finding(check, Grade.FAULT, what, remedy)


def of_error(check: str, error: TicklineError, otherwise: str = "see what it says") -> Finding:
    """Returns the fault that an error tells; its remedy stands behind its last colon.

    >>> of_error("bus", TicklineError("bus redis://b: no log: set appendonly yes there"))[2:]
    ('bus redis://b: no log', 'set appendonly yes there')
    >>> of_error("config", TicklineError("config: interval: no interval"), "correct it")[2:]
    ('interval', 'no interval')
    """
    what, _, remedy = str(error).removeprefix(f"{check}: ").rpartition(": ")
    if not what or remedy.endswith("?"):  # a question helps nobody
        return fault(check, what or remedy, otherwise)
    return fault(check, what, remedy)
