"""Who may see the page: a code that is typed once becomes a session, which a cookie names.

Each act needs the session's CSRF token beside it. The code stands in a file of the state folder, so whoever can read
that folder may enter. Of a session only the hash of its token is kept.
"""

import hmac
import secrets
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import structlog

from shared.errors import ConfigError
from shared.status.page_file import PageFile, read_page_file, write_page_file

LASTS_S = 7 * 86_400
MOST_SESSIONS = 32  # the oldest ends beyond that
WRONG = 10  # wrong codes, after which there is a new one
LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"  # without those that look alike
CODE_LENGTH = 10  # 49 bits

log = structlog.get_logger()


class Sessions:
    """The sessions of one page; each change is written to its file.

    - path: of the file. clock: seconds since 1970.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock
        try:
            self._file = read_page_file(path)
        except ConfigError as error:
            log.warning("sessions begin anew", why=str(error))
            self._file = PageFile()
        self._wrong = 0

    @property
    def port(self) -> int:
        """Returns the port that the page had last, 0 before the first."""
        return self._file.port

    def serve_at(self, url: str, port: int) -> None:
        """Notes where the page is served from now on, with a code of its own; raises OSError."""
        began_ms = int(self._clock() * 1_000)
        self._file = PageFile(url=url, port=port, code=_code(), began_ms=began_ms, sessions=self._file.sessions)
        write_page_file(self._path, self._file)

    def enter(self, code: str) -> str | None:
        """Returns a new session's token for the right code, which counts once; None for a wrong one."""
        typed = "".join(code.lower().split())
        if not self._file.code or not hmac.compare_digest(typed.encode(), self._file.code.encode()):
            self._wrong += 1
            if self._wrong % WRONG == 0:
                self._change(code=_code())
            return None
        token = secrets.token_urlsafe(32)
        ends_ms = int((self._clock() + LASTS_S) * 1_000)
        kept = dict(sorted(self._lasting().items(), key=lambda one: one[1])[-(MOST_SESSIONS - 1) :])
        self._change(code=_code(), sessions={**kept, _hash(token): ends_ms})
        return token

    def knows(self, token: str | None) -> bool:
        """Says whether this token names a session that lasts."""
        return bool(token) and self._file.sessions.get(_hash(token or ""), 0) > self._clock() * 1_000

    def leave(self, token: str) -> None:
        """Ends a session."""
        self._change(sessions={name: ends for name, ends in self._lasting().items() if name != _hash(token)})

    def _lasting(self) -> dict[str, int]:
        return {name: ends_ms for name, ends_ms in self._file.sessions.items() if ends_ms > self._clock() * 1_000}

    def _change(self, **changes: object) -> None:
        self._file = self._file.model_copy(update=changes)
        try:
            write_page_file(self._path, self._file)
        except OSError as error:  # they count in this process all the same
            log.warning("sessions are not kept", why=f"{self._path}: {error.strerror}")


def csrf_of(token: str) -> str:
    """Returns what a session's acts must carry: nobody can tell it who does not know the token."""
    return hmac.new(token.encode(), b"csrf", sha256).hexdigest()


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _code() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH))


class Bucket:
    """A bucket lets `burst` through at once, and `per_s` a second in the long run.

    >>> now = [0.0]
    >>> bucket = Bucket(per_s=1, burst=2, clock=lambda: now[0])
    >>> bucket.take(), bucket.take(), bucket.take()
    (True, True, False)
    >>> now[0] = 1.0
    >>> bucket.take(), bucket.take()
    (True, False)
    """

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._burst, self._clock = per_s, burst, clock
        self._left, self._at_s = float(burst), clock()

    def take(self) -> bool:
        """Says whether one more may pass."""
        now_s = self._clock()
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
