"""`tickline alert test`: sends a message through every channel of the config, and says which took it."""

import asyncio
import sys
from pathlib import Path

import typer

from services.console.output import AsJson, json_text
from services.monitor.alerts.channels import open_notify
from services.monitor.alerts.conditions import AlertMessage
from services.monitor.alerts.heartbeat import NAME, Heartbeat
from shared.config import load_settings
from shared.config.monitor import AlertSettings, read_heartbeat, read_urls
from shared.errors import ConfigError

FAILED = 1
TEST = AlertMessage("tickline: a test", "This is how an alert looks. `tickline alert test` has sent it.")

alert = typer.Typer(no_args_is_help=True, help="What tells you of trouble.")


@alert.callback()
def _alert() -> None:
    """What tells you of trouble."""


@alert.command("test")
def send_test(as_json: AsJson = False) -> None:
    """Send a message through every channel, and ask the heartbeat's address; exit code 1 where one fails."""
    own = load_settings().alerts
    if not own.on:
        raise ConfigError(
            "config: alerts are off: write your addresses into a file, one a line, and name it as urls_file in [alerts]"
        )
    troubles = _sent(own)
    if as_json:
        typer.echo(json_text({name: {"ok": not why, "why": why} for name, why in troubles.items()}))
    else:
        for name, why in troubles.items():
            typer.echo(f"{name}: {why or 'taken'}")
    sys.exit(FAILED if any(troubles.values()) else 0)


def _sent(own: AlertSettings) -> dict[str, str]:
    """Returns what was tried, by name, and why it failed; empty where it did not."""
    found = {}
    for number, url in enumerate(read_urls(own.urls_file) if own.urls_file else (), 1):
        name, notify = open_notify(number, url, own.timeout_s)
        found[f"channel {name}"] = notify(TEST)
    if own.heartbeat_file is not None:
        found[NAME] = asyncio.run(_beaten(own.heartbeat_file, own.heartbeat_s))
    return found


async def _beaten(path: Path, every_s: float) -> str:
    heartbeat = Heartbeat(read_heartbeat(path), every_s)
    await heartbeat.beat()
    return heartbeat.trouble
