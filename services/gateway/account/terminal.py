"""A person's word. It is typed at a terminal: neither a variable nor a file nor a pipe can give it."""

import getpass
import signal
import socket
import sys
import termios
import time
from datetime import UTC, datetime

import typer

from shared.errors import SafetyRefusal

# Times as a person reads them.


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def utc(at_ms: int) -> str:
    """To the second.

    >>> utc(1_763_985_600_000)
    '2025-11-24 12:00:00 UTC'
    """
    return f"{datetime.fromtimestamp(at_ms // 1_000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def person() -> str:
    """Who is at work, for the journal, e.g. `ada@desk-1`."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container's user need not have a name
        name = "somebody"
    return f"{name}@{socket.gethostname()}"


def need_terminal(verb: str) -> None:
    """SafetyRefusal where nobody sits."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise SafetyRefusal(f"{verb} needs a person at a terminal: here is none, and nothing was changed")


def confirm(account: str, verb: str) -> None:
    """Let the person type the account's name; SafetyRefusal if it is another text, or Ctrl-C.

    What was typed before is dropped.
    """
    need_terminal(verb)
    termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    typed = _typed_line(f"type the account's name to {verb}: ").strip()
    if typed != account:
        raise SafetyRefusal(f"{typed[:40]!r} was typed, not the account's name: nothing was changed")


def _typed_line(prompt: str) -> str:
    """Ctrl-C ends the line at once: asyncio would only make a note of it, and act on it when the line is there."""
    asyncios = signal.getsignal(signal.SIGINT)
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        typer.echo(prompt, nl=False)
        return sys.stdin.readline()
    except KeyboardInterrupt:
        typer.echo()
        return "Ctrl-C"
    finally:
        signal.signal(signal.SIGINT, asyncios)
