"""The heartbeat is asked while all is well. Its silence is the only alarm there is for a dead host."""

import time
from collections.abc import Callable

from pydantic import SecretStr

from services.monitor.alerts.channels import redacting
from services.monitor.alerts.conditions import AlertKind, Condition
from shared.errors import ConfigError
from shared.extras import to_install

NAME = "heartbeat"
TIMEOUT_S = 10.0
OK, REDIRECT = 200, 300


class Heartbeat:
    """A heartbeat asks one address, at most once in `every_s`.

    - trouble: why the last was not taken; empty where it was.
    - clock: seconds that never go back.
    """

    def __init__(self, url: SecretStr, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        try:
            import aiohttp  # noqa: F401  (found out now, not at the first beat)
        except ImportError as error:
            raise ConfigError(f"alerts.heartbeat_file needs aiohttp: {to_install('alerts')}") from error
        self.trouble = ""
        self._url = url.get_secret_value()
        self._hide = redacting(self._url)
        self._every_s, self._clock = every_s, clock
        self._next_s = float("-inf")

    @property
    def due(self) -> bool:
        """Says whether it is time for the next one."""
        return self._clock() >= self._next_s

    async def beat(self) -> None:
        """Asks once. It raises nothing: `trouble` says what is wrong, and the next one is due all the same."""
        from aiohttp import ClientError, ClientSession, ClientTimeout

        self._next_s = self._clock() + self._every_s
        try:
            async with (
                ClientSession(timeout=ClientTimeout(total=TIMEOUT_S)) as session,
                session.get(self._url) as answer,
            ):
                self.trouble = "" if OK <= answer.status < REDIRECT else f"it answers {answer.status}"
        except (ClientError, TimeoutError, OSError, ValueError) as error:
            self.trouble = self._hide(f"{type(error).__name__}: {error}")

    def conditions(self) -> tuple[Condition, ...]:
        """Returns what is wrong with it."""
        return (Condition(AlertKind.CHANNEL, NAME, self.trouble),) if self.trouble else ()
