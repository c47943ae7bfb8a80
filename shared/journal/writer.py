"""One thread writes. Calls that come while a commit is under way share the next one.

A call is answered when the commit that it was part of has returned, so it is on disk. A call that is refused leaves
the others of its group as they are: the group is done again, each call behind a savepoint of its own. Any other error
may have hit the commit itself; then nobody knows what was written, and the writer is over for good.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar

from shared.errors import JournalUnwritable
from shared.journal.database import Connection, Database, Fenced, WriteRefused, unwritable

GROUP = 256  # calls that share one commit at most
WAITING = 10_000  # calls that wait at most
IDLE_S = 0.5  # after so long without a call the database is tidied up,
TIDY_AFTER = 50  # when there were so many commits

REFUSALS = (Fenced, WriteRefused)  # of one call, and of no other

R = TypeVar("R")
Work: TypeAlias = Callable[[Connection], R]


@contextlib.contextmanager
def transaction(database: Database, connection: Connection) -> Iterator[None]:
    """Begins with the right to write; commits at the end, or takes all of it back on an error."""
    connection.execute(database.begin)
    try:
        yield
        connection.commit()
    except BaseException:
        with contextlib.suppress(*database.errors):  # a lost connection cannot be rolled back
            connection.rollback()
        raise


@contextlib.contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """Begins a part of a transaction; on an error it is taken back alone."""
    connection.execute("SAVEPOINT part")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK TO SAVEPOINT part")
        connection.execute("RELEASE SAVEPOINT part")
        raise
    connection.execute("RELEASE SAVEPOINT part")


class _Call(NamedTuple):
    work: Work[Any]
    future: "asyncio.Future[Any]"
    meanwhile: Callable[[], None] | None


class Writer:
    """The writer owns its connection, and closes it at the end. It serves the running event loop only."""

    def __init__(self, connection: Connection, database: Database) -> None:
        self._connection = connection
        self._database = database
        self._loop = asyncio.get_running_loop()
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()  # None: no more come
        self.closed = False
        self._broken = ""  # why nothing is written any more
        self._untidy = 0  # commits since the last time
        self._ended: asyncio.Future[None] = self._loop.create_future()
        threading.Thread(target=self._run, name="journal", daemon=True).start()

    async def do(self, work: Work[R], meanwhile: Callable[[], None] | None = None) -> R:
        """Returns what `work` gives, once that is committed; raises what it raises, or JournalUnwritable.

        When this is cancelled, the work may be done or not.

        - meanwhile: called in the event loop while the disk is at work, as a rule; its time costs nothing then. It may
          come late, not at all, and for a commit that fails.
        """
        self.check_open()
        if self._broken:
            raise JournalUnwritable(self._broken)
        if self._calls.qsize() >= WAITING:
            raise JournalUnwritable(
                f"journal {self._database.shown}: {WAITING} writes wait: it is too slow for this load"
            )
        future: asyncio.Future[R] = self._loop.create_future()
        self._calls.put(_Call(work, future, meanwhile))
        return await future

    def check_open(self) -> None:
        """Raises JournalUnwritable after `close`."""
        if self.closed:
            raise JournalUnwritable(f"journal {self._database.shown}: it is closed: open it again")

    async def close(self) -> None:
        """Ends behind the calls that were made before, and closes the connection; call it once."""
        self.closed = True
        self._calls.put(None)
        await asyncio.shield(self._ended)

    def _run(self) -> None:
        try:
            while (group := self._next_group()) is not None:
                if group:
                    self._tell(_answer, [call.future for call in group], self._commit(group))
                else:
                    self._tidy()
        finally:
            with contextlib.suppress(*self._database.errors):  # a lost connection cannot be closed
                self._connection.close()
            self._tell(_end, self._ended)

    def _next_group(self) -> list[_Call] | None:
        """Returns the calls that wait; none when it is time to tidy up; None at the end."""
        try:
            first = self._calls.get(timeout=IDLE_S if self._untidy >= TIDY_AFTER else None)
        except queue.Empty:
            return []
        if first is None:
            return None
        group = [first]
        with contextlib.suppress(queue.Empty):
            while len(group) < GROUP:
                call = self._calls.get_nowait()
                if call is None:
                    self._calls.put(None)  # for the next time; nothing comes behind it
                    break
                group.append(call)
        return group

    def _commit(self, group: Sequence[_Call]) -> list[Any]:
        """One answer for each call: what its work gave, or an exception."""
        if not self._broken:
            try:
                self._database.check_place()
                return self._together(group)
            except Exception as error:  # noqa: BLE001  (whatever it is, the callers must hear of it)
                self._break(error)
        return [JournalUnwritable(self._broken) for _ in group]

    def _together(self, group: Sequence[_Call]) -> list[Any]:
        self._untidy += 1
        try:
            with transaction(self._database, self._connection):
                answers = [call.work(self._connection) for call in group]
                for call in group:
                    if call.meanwhile is not None:
                        self._tell(call.meanwhile)
                return answers
        except REFUSALS as error:
            return [error] if len(group) == 1 else self._each_alone(group)

    def _each_alone(self, group: Sequence[_Call]) -> list[Any]:
        answers: list[Any] = []
        with transaction(self._database, self._connection):
            for call in group:
                try:
                    with savepoint(self._connection):
                        answers.append(call.work(self._connection))
                except REFUSALS as error:
                    answers.append(error)
        return answers

    def _tidy(self) -> None:
        self._untidy = 0
        try:
            self._database.housekeep(self._connection)
        except self._database.errors as error:
            self._break(error)

    def _break(self, error: Exception) -> None:
        said = error if isinstance(error, JournalUnwritable) else unwritable(self._database, error)
        self._broken = f"{said}; what was being written may be there or not"

    def _tell(self, what: Callable[..., None], *given: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(what, *given)


def _answer(futures: Sequence["asyncio.Future[Any]"], answers: Sequence[Any]) -> None:
    for future, answer in zip(futures, answers, strict=True):
        if future.done():  # cancelled
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)


def _end(ended: "asyncio.Future[None]") -> None:
    if not ended.done():
        ended.set_result(None)
