"""What the two databases must give. SQLite is one file on one host, PostgreSQL serves several."""

from contextlib import AbstractContextManager
from typing import Protocol, TypeAlias

from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError

from shared.errors import ConfigError, TicklineError

# What may become of a write besides being done. `JournalUnwritable` stands in shared/errors.py.


class Fenced(TicklineError):
    """Somebody has raised the epoch since: nothing was written, and nothing may be. Drop the memory and reload.

    holder: who; empty where nobody ever did.
    """

    exit_code = 5

    def __init__(self, why: str, holder: str = "") -> None:
        super().__init__(why)
        self.holder = holder


class WriteRefused(TicklineError):
    """This call alone contradicts what stands in the journal: nothing of it was written, other calls go on.

    A state that leaves its terminal one, a known id with other content, a hole or a double in a book's sequence.
    """

    exit_code = 5


AnyInsert: TypeAlias = sqlite.Insert | postgresql.Insert
Insert: TypeAlias = type[sqlite.Insert] | type[postgresql.Insert]


class Database(Protocol):
    """Where a journal lies, and how it is spoken to there."""

    @property
    def shown(self) -> str:
        """Where it lies, for people: without a password."""

    @property
    def insert(self) -> Insert:
        """The dialect's INSERT, which knows ON CONFLICT."""

    def prepare(self, create: bool) -> None:
        """Make what must be there before the first connection, e.g. the folder."""

    def writer(self, durable: bool) -> Engine:
        """For the one writing connection. Every transaction begins with the right to write."""

    def reader(self) -> Engine:
        """For reads; they wait for no writer."""

    def transaction(self, connection: Connection) -> AbstractContextManager[object]:
        """What `connection.begin` gives, the shortest way."""

    def lock_upgrade(self, connection: Connection) -> None:
        """Keep other upgrades out until this transaction ends."""

    def check_durable(self, connection: Connection) -> None:
        """Raise SafetyRefusal where a commit would not survive a power cut."""

    def reserve(self, connection: Connection) -> None:
        """Take the disk's space that commits will need, as far as it is there; between transactions."""

    def check_place(self) -> None:
        """Raise JournalUnwritable when what is connected to lies there no more. Cheap: asked before every commit."""

    def housekeep(self, connection: Connection) -> None:
        """What is better done while nobody waits; between transactions."""


def no_journal(shown: str) -> ConfigError:
    """What to tell where a journal should be and is not."""
    return ConfigError(f"journal {shown}: there is none: correct the journal's URL, or start the gateway once")


def parse_url(url: str) -> URL:
    """The URL, or a ConfigError that does not show its password."""
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigError(
            "config: the journal's URL is none: write sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
        ) from None  # the cause shows the whole text
