"""A person's word on an account. It is typed at a terminal: neither a variable nor a file nor a pipe can give it."""

import asyncio
import getpass
import signal
import socket
import sys
import termios
import time
from collections.abc import Callable, Coroutine, Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

import structlog
import typer

from shared.errors import ConfigError, SafetyRefusal
from shared.extras import need_extras


def on_account(work: Callable[[], Coroutine[Any, Any, Iterable[str]]]) -> None:
    """Runs a verb's work on an account, and shows the lines that it returns.

    SIGTERM ends it as Ctrl-C does, so that it says what is not done and gives the account back; also where a shell
    has started it in its background, which ignores SIGINT. Raises ConfigError where the packages that a journal needs
    are not installed.
    """
    need_extras("journal")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # asyncio heeds it then
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    structlog.contextvars.bind_contextvars(service="control")
    for line in asyncio.run(work()):
        typer.echo(line)


def warn(line: str) -> None:
    """Shows a line on standard error."""
    typer.echo(line, err=True)


def amount(option: str, text: str | None) -> Decimal | None:
    """Returns the number that an option was given, None without one; raises ConfigError, which names the option."""
    try:
        number = None if text is None else Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if number is not None and not number.is_finite():
        raise ConfigError(f"{option} {text}: it must be a number")
    return number


def now_ms() -> int:
    """Returns the wall clock's time."""
    return time.time_ns() // 1_000_000


def person() -> str:
    """Returns who types, as the journal keeps it, e.g. `ada@desk-1`."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container's user need not have a name
        name = "somebody"
    return f"{name}@{socket.gethostname()}"


def need_terminal(verb: str) -> None:
    """Raises SafetyRefusal where nobody sits."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise SafetyRefusal(f"{verb} needs a person at a terminal: here is none, and nothing was changed")


def confirm(account: str, verb: str) -> None:
    """Lets the person type the account's name; raises SafetyRefusal if it is another text, or Ctrl-C.

    What was typed before it was asked for is dropped.
    """
    need_terminal(verb)
    termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    typed = _typed_line(f"type the account's name to {verb}: ").strip()
    if typed != account:
        raise SafetyRefusal(f"{typed[:40]!r} was typed, not the account's name: nothing was changed")


def _typed_line(prompt: str) -> str:
    """Returns a line that is typed. Ctrl-C ends it at once: asyncio would act on that only when the line is there."""
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
