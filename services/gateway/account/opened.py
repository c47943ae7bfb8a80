"""The config and the journal that a verb works on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import typer

from shared.config import Mode, Settings, load_settings
from shared.errors import ConfigError
from shared.journal.journal import Journal


def settings_of_account(loaded: Settings | None = None) -> Settings:
    """The config, if it has an account at a venue; ConfigError if not."""
    settings = load_settings() if loaded is None else loaded
    if settings.gateway.mode is Mode.PAPER:
        raise ConfigError(
            "config: gateway.mode is paper: there is no account to act on; a line with another config is not reached: "
            "go to its folder, or let TICKLINE_CONFIG name its config"
        )
    return settings


@asynccontextmanager
async def journal_of(settings: Settings) -> AsyncIterator[Journal]:
    """Its journal, open. Where there is none, as at a first arming, it is made, and the person is told."""
    url, account = settings.journal_url, settings.gateway.account
    try:
        journal = await Journal.open(url, account, durable=True, create=False)
    except ConfigError:
        journal = await Journal.open(url, account, durable=True)
        typer.echo(f"{journal.shown} is new: a line that is at work has another journal, and is not reached", err=True)
    async with journal:
        yield journal
