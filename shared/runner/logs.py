"""Logs: one line an event; JSON when nobody sits at a terminal."""

import contextlib
import logging
import sys
from typing import TextIO, cast

from shared.extras import without

with without("rich"):  # structlog loads it, for a tenth of a second, to show tracebacks; `format_exc_info` writes them
    import structlog


class Lenient:
    """A lenient stream loses lines that cannot be written: a full disk ends no service by its log."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes the text, where it can."""
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flushes, where it can."""
        with contextlib.suppress(OSError):
            self._stream.flush()


def configure_logs(service: str) -> None:
    """Logs to standard error, with the service's name in every line."""
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, Lenient(sys.stderr))),
    )
    structlog.contextvars.bind_contextvars(service=service)
