"""A stepped line goes bar by bar, and begins behind any bar as a service does after a kill: from its snapshot."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch

from services.ingestor.source import Quote
from services.research.in_process_line import InProcessLine, line_plans
from shared.account import Account
from shared.account.account import book_report
from shared.bar_groups import groups_of
from shared.config import Settings
from shared.history import HistoryBar
from shared.messages import ExecutionReport, MarketTick, Message, OrderIntent
from shared.messages.codec import pack, unpack
from shared.needs import needed_groups, stop_needs
from shared.user_code import blaming
from shared.user_code.finder import PACKAGE


class Snapshots(NamedTuple):
    """The snapshots of all stages behind bar n, as they would lie on the bus."""

    n: int
    stages: tuple[bytes, ...]


class BookedByItself(Exception):
    """At tick n the book is not what the executions made of it, or an order has another price than the tick."""

    def __init__(self, n: int, why: str) -> None:
        super().__init__(why)
        self.n, self.why = n, why


class WroteFile(Exception):
    """At tick n the code of a feature, model or strategy opened a file to write."""

    def __init__(self, n: int, path: str) -> None:
        super().__init__(path)
        self.n, self.path = n, path


class SteppedLine:
    """Takes a line through bars with the paper venue; each bar is decided before the next one is read.

    A strategy may do to its account what it likes, so a second account books the executions alone, and both must agree
    at every bar: an order fills at its tick's price, a bar's close, whatever its high was.

    - settings: of which all plans are made anew, with whatever modules are loaded.
    - start_ns: bars that end before are not traded on.
    """

    def __init__(self, settings: Settings, start_ns: int) -> None:
        self._sym = settings.symbols[0]
        self._start_ns = start_ns
        self._needs = needed_groups(settings) | stop_needs(settings)
        self._line = InProcessLine(line_plans(settings), self._sym)
        self._booked = Account(settings.strategy.balance)
        self._n = 0

    def restore(self, found: Snapshots) -> None:
        """Goes on behind the bar of the snapshots."""
        self._n = found.n
        for stage, kept in zip(self._line.stages, found.stages, strict=True):
            stage.restore(unpack(kept))
        self._booked.restore(self._line.strategy.account.state())

    def snapshots(self) -> Snapshots:
        """Returns what a restart behind the last bar would find."""
        return Snapshots(self._n, tuple(pack(stage.state()) for stage in self._line.stages))

    def on_bar(self, bar: HistoryBar) -> tuple[int, list[Message]]:
        """Takes the next bar; returns its tick's n, and all messages, none where it only warms the features.

        Raises BookedByItself and WroteFile.
        """
        self._n += 1
        quote = Quote(self._sym, bar.ts_event, bar.close, *groups_of(bar, self._needs))
        with torch.inference_mode(), blaming(self._sym), _watching(self._n):
            if bar.ts_event < self._start_ns:
                self._line.ahead(quote)
                return self._n, []
            written = self._line.on_tick(quote)
        self._audit(written)
        return self._n, written

    def _audit(self, written: Iterable[Message]) -> None:
        price = None
        for message in written:
            if type(message) is MarketTick:
                price = message.price
            elif type(message) is OrderIntent and message.price != price and message.stop is None:
                raise BookedByItself(self._n, f"an order has the price {message.price}, the tick {price}")
            elif type(message) is ExecutionReport:
                book_report(self._booked, message)
        has, should = self._line.strategy.account, self._booked
        if has.state() != should.state():
            raise BookedByItself(self._n, f"the book is {has!r}, its executions make {should!r}")


@contextmanager
def fresh_modules() -> Iterator[None]:
    """Lets users' modules run anew when they are next asked for, as in a new process; then the old ones are back."""
    theirs = {name: module for name, module in sys.modules.items() if name.startswith(f"{PACKAGE}.")}
    for name in theirs:
        del sys.modules[name]
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.startswith(f"{PACKAGE}.")]:
            del sys.modules[name]
        sys.modules.update(theirs)


_WRITING = 0o1 | 0o2 | 0o100  # O_WRONLY, O_RDWR, O_CREAT
_watched: list[tuple[int, list[WroteFile]]] = []  # whoever watches now; a hook cannot be taken off


def _on_event(event: str, args: tuple[Any, ...]) -> None:
    if not _watched:
        return
    writes = event == "open" and isinstance(args[2], int) and args[2] & _WRITING and isinstance(args[0], str | bytes)
    if (writes or event == "sqlite3.connect") and "__pycache__" not in str(args[0]):
        n, found = _watched[-1]
        found.append(WroteFile(n, str(args[0])))


_hook: list[Callable[..., None]] = []


@contextmanager
def _watching(n: int) -> Iterator[None]:
    """Raises WroteFile where Python opened a file to write meanwhile."""
    if not _hook:
        sys.addaudithook(_on_event)
        _hook.append(_on_event)
    found: list[WroteFile] = []
    _watched.append((n, found))
    try:
        yield
    finally:
        _watched.pop()
    if found:
        raise found[0]
