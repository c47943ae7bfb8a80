"""Whether the account may send, as its journal says: a line for the person at the screen."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.config import Settings
from shared.config.fingerprint import config_hash
from shared.errors import ConfigError, JournalUnwritable
from shared.models.choose import card_at, choose_model

if TYPE_CHECKING:
    from shared.journal.journal import Journal
    from shared.journal.rows import ArmingRow

LOOK_EVERY_S = 0.5


class AccountLine:
    """Reads the journal now and then; writes nothing. how: what is typed before a verb, e.g. `tickline`."""

    def __init__(self, settings: Settings, how: str) -> None:
        own, gateway = settings.signal, settings.gateway
        card = card_at(choose_model(own.model, own.weights, settings.symbols, settings.interval))
        self._settings = settings
        self._hash = config_hash(settings, card.sha256)
        self._how = how
        most = gateway.risk.max_position_notional * len(settings.symbols)
        self._arm = f"{how} arm --account {gateway.account} --max-notional {most:f} --for 12h"
        self._journal: Journal | None = None
        self._looked_s = float("-inf")
        self._line = ""

    async def look(self) -> str:
        """The line; empty while there is no journal yet."""
        if time.monotonic() - self._looked_s < LOOK_EVERY_S:
            return self._line
        self._looked_s = time.monotonic()
        try:
            self._line = await self._said()
        except (ConfigError, JournalUnwritable) as error:
            self._line = f"the journal cannot be read: {error}" if self._journal else ""
            await self.close()
        return self._line

    async def close(self) -> None:
        """Let go of the journal."""
        journal, self._journal = self._journal, None
        if journal is not None:
            with suppress(JournalUnwritable):
                await journal.close()

    async def _said(self) -> str:
        own = self._settings
        if self._journal is None:
            from shared.journal.journal import Journal  # what a line on paper does without

            self._journal = await Journal.open(own.journal_url, own.gateway.account, durable=True, create=False)
        latches, arming = await self._journal.latches(), await self._journal.arming()
        if latches:
            return f"held by {', '.join(sorted(latches))}: in another terminal: {self._how} resume"
        if arming is not None and arming.config_hash == self._hash and time.time() * 1_000 < arming.expires_at_ms:
            return _armed(arming)
        why = "not armed" if arming is None else "armed no more (time or config)"
        return f"{why}: nothing that adds exposure is sent; in another terminal: {self._arm}"


def _armed(arming: "ArmingRow") -> str:
    until = datetime.fromtimestamp(arming.expires_at_ms // 1_000, UTC)
    return f"armed until {until:%Y-%m-%d %H:%M:%S} UTC, for positions of at most {arming.max_notional.normalize():f}"
