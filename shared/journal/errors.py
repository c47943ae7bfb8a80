"""What may become of a write besides being done. `JournalUnwritable` stands in shared/errors.py."""

from shared.errors import TicklineError


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
