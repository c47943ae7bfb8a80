"""`tickline page`: where the line's page is served, and the code that lets a browser in once."""

import time

import typer

from shared.config import load_settings
from shared.errors import BusUnreachable
from shared.runner.health import alive_file, fresh, touched_after
from shared.status.page_file import page_line, page_path, read_page_file


def page() -> None:
    """Show the address of the page that the monitor serves, and its one-time code."""
    settings = load_settings()
    own = read_page_file(page_path(settings.state_dir))
    alive = alive_file(settings.state_dir, "monitor")
    serves = touched_after(alive, own.began_ms * 1_000_000) and fresh(alive, time.time())
    if not own.url or not serves:
        raise BusUnreachable(
            f"page: no monitor serves one with {settings.state_dir}: start the line, with monitor.page.on; in "
            "containers type `docker compose exec monitor tickline page`"
        )
    typer.echo(page_line(own))
