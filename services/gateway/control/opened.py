"""The config and the journal that a verb works on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.config import Mode, Settings, load_settings
from shared.errors import ConfigError
from shared.journal.journal import Journal


def settings_of_account() -> Settings:
    """The config, if it has an account at a venue; ConfigError if not."""
    settings = load_settings()
    if settings.gateway.mode is Mode.PAPER:
        raise ConfigError("config: gateway.mode is paper: there is no account to act on, and nothing is ever sent")
    return settings


@asynccontextmanager
async def journal_of(settings: Settings) -> AsyncIterator[Journal]:
    """Its journal, open; it is made where there is none, which is what a first arming finds."""
    async with await Journal.open(settings.journal_url, settings.gateway.account, durable=True) as journal:
        yield journal
