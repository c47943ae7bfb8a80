"""Whether the account may send, and what keeps it from that: a line for the person at the screen."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from services.console.last_why import last_why
from shared.config import Settings
from shared.config.fingerprint import config_hash
from shared.errors import ConfigError, JournalUnwritable
from shared.messages import Reason
from shared.models.choose import card_at, chosen_model
from shared.plural import plural
from shared.runner.health import MAX_AGE_S, alive_file, fresh, touched_after

if TYPE_CHECKING:
    from shared.journal.journal import Journal
    from shared.journal.rows import ArmingRow

LOOK_EVERY_S = 0.5
GATEWAY = "gateway"  # the service
MINUTE_S = 60.0


class AccountLine:
    """Reads the journal now and then; writes nothing. how: what is typed before a verb, e.g. `tickline`."""

    def __init__(self, settings: Settings, how: str) -> None:
        gateway = settings.gateway
        card = card_at(chosen_model(settings))
        self._settings = settings
        self._hash = config_hash(settings, card.sha256)
        self._how = how
        self._began_s, self._began_ns = time.monotonic(), time.time_ns()
        self._log = settings.state_dir / "logs" / f"{GATEWAY}.log"
        self._log_began = self._log.stat().st_size if self._log.exists() else 0
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
            self._line = self._trouble() or await self._said()
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
            names = sorted(latches.keys() - {Reason.OTHER_BUS})
            verbs = [" ".join(["resume", *names])] * bool(names)
            verbs += ["adopt"] * (Reason.OTHER_BUS in latches)
            typed = ", ".join(f"{self._how} {verb}" for verb in verbs)
            return f"held by {', '.join(sorted(latches))}: in another terminal: {typed}"
        if why := self._not_armed(arming):
            return f"{why}: nothing that adds exposure is sent; in another terminal: {self._arm}"
        assert arming is not None
        armed = f"armed until {_utc(arming)}, for positions of at most {arming.max_notional.normalize():f}"
        differences = len(await self._journal.externals(adopted=False))
        waiting = plural(differences, "difference waits", "differences wait")
        return armed + (f"; {waiting} for a person: {self._how} resolve" if differences else "")

    def _not_armed(self, arming: "ArmingRow | None") -> str:
        if arming is None:
            return "not armed"
        if time.time() * 1_000 >= arming.expires_at_ms:
            return f"armed no more, since {_utc(arming)}"
        return "" if arming.config_hash == self._hash else "armed for another config, which does not count"

    def _trouble(self) -> str:
        """Why the gateway does nothing, where it should have been at work by now."""
        folder, runs_s = self._settings.state_dir, time.monotonic() - self._began_s
        if self._journal is not None and not folder.is_dir():
            return f"{folder} is away: no verb reaches this account until it is put back"
        alive = alive_file(folder, GATEWAY)
        if runs_s < MAX_AGE_S or fresh(alive, time.time()):
            return ""
        why = last_why(self._log, self._log_began)
        if not why and not touched_after(alive, self._began_ns):
            long = ", for more than a minute" if runs_s > MINUTE_S else ""
            return f"the gateway is starting{long} (log: {self._log})"
        return f"the gateway is not at work: {why or 'it said nothing'} (log: {self._log})"


def _utc(arming: "ArmingRow") -> str:
    return f"{datetime.fromtimestamp(arming.expires_at_ms // 1_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
